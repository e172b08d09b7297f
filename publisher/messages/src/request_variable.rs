use crate::{VariableName, is_reserved_variable};

/// The beginning of the name by which a request's variable travels to a build.
///
/// With it one IAM statement covers the variables of all projects, and a request's variable can have no name that the
/// runner or the build machine reads. The runner gives it its own name for the command, after the checkout.
pub const REQUEST_VARIABLE_PREFIX: &str = "DOORBELL_VAR_";

/// The name of a request's variable in the build's environment.
pub fn build_variable_name(name: &VariableName) -> String {
    format!("{REQUEST_VARIABLE_PREFIX}{name}")
}

/// The request's variable that a variable of the build's environment carries; `None` if it carries none.
///
/// # Errors
/// What is wrong with the name: the worker sends neither invalid nor reserved names.
pub fn parse_build_variable_name(name: &str) -> Option<Result<VariableName, String>> {
    let name = name.strip_prefix(REQUEST_VARIABLE_PREFIX)?;
    let allowed = |name: VariableName| {
        if is_reserved_variable(&name) { Err(format!("the variable {name} is reserved")) } else { Ok(name) }
    };
    Some(name.parse().and_then(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_variable_is_named_back() {
        let name: VariableName = "Stage_1".parse().unwrap();
        assert_eq!(build_variable_name(&name), "DOORBELL_VAR_Stage_1");
        assert_eq!(parse_build_variable_name("DOORBELL_VAR_Stage_1"), Some(Ok(name)));
        for other in ["DOORBELL_JOB_ID", "STAGE", "doorbell_var_STAGE", "DOORBELL_VAR"] {
            assert_eq!(parse_build_variable_name(other), None, "{other}");
        }
    }

    #[test]
    fn invalid_or_reserved_request_variable_is_rejected() {
        for name in ["", "1", "A-B", "A B", "PATH", "path", "DOORBELL_ARGV", "LD_PRELOAD", "https_proxy", "É"] {
            let parsed = parse_build_variable_name(&format!("{REQUEST_VARIABLE_PREFIX}{name}"));
            assert!(matches!(parsed, Some(Err(_))), "{name}: {parsed:?}");
        }
    }
}
