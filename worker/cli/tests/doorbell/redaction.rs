//! Each error of AWS reaches the screen through the function that redacts this process's credentials.

use std::path::Path;

/// Its HTTP client asks git hosts, and sends them no secret.
const NO_AWS_CALLS: &str = "git_host.rs";

/// The signed calls: `call_error` redacts the words of each.
const SIGNED_CALLS: &str = "sigv4_client.rs";

fn check(directory: &Path, files: &mut usize) {
    for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            check(&path, files);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        let (calls, errors) = (source.matches(".send()").count(), source.matches("aws_error(").count());
        if !path.ends_with(NO_AWS_CALLS) {
            assert_eq!(calls, errors, "{}: each call's error needs aws_error", path.display());
        }
        if path.ends_with(SIGNED_CALLS) {
            assert_eq!(source.matches("    AwsCallError {\n").count(), 1, "only call_error makes an error");
            assert!(source.contains("one_line(&foreign_words(&message))"));
        }
        *files += usize::from(calls > 0);
    }
}

#[test]
fn each_aws_call_redacts_its_error() {
    let mut files = 0;
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files >= 10, "{files}");
}
