use std::error::Error;

/// What happened, and why, cause by cause, as logs and rows keep it: HTTP clients tell only there why a connection was
/// refused.
pub fn error_chain(summary: &str, error: &dyn Error) -> String {
    doorbell_messages::text::error_chain(summary, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_chain_is_formatted_on_one_line() {
        #[derive(Debug)]
        struct TestError(std::fmt::Error);
        impl std::fmt::Display for TestError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("not shown")
            }
        }
        impl Error for TestError {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = TestError(std::fmt::Error);
        let expected = "it can't be reached: an error occurred when formatting an argument";
        assert_eq!(error_chain("it can't be reached", &error), expected);
    }
}
