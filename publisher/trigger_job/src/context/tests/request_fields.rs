use super::*;

#[track_caller]
fn check_body(line: &[&str], want: &str) {
    let arguments = TriggerArguments::try_parse_from([&["trigger_job", "demo", "main", TOPIC], line].concat()).unwrap();
    let host = HostEnvironment {
        read_variable: &|_| None,
        read_file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        checkout: &FakeCheckout(NO_GIT),
    };
    let (_, request) = RequestContext::resolve(&arguments, &host).request(&arguments).unwrap();
    assert_eq!(request.to_json(), want);
}

#[test]
fn options_map_to_request_fields() {
    check_body(&[], r#"{"project":"demo","branch":"main"}"#);
    check_body(&["--id", "7", "--cancel"], r#"{"project":"demo","branch":"main","id":"7","action":"cancel"}"#);
    check_body(&["--allow-older"], r#"{"project":"demo","branch":"main","allowOlder":true}"#);
    check_body(&["--cause=-v"], r#"{"project":"demo","branch":"main","cause":"-v"}"#);
    check_body(&["--cause=a\n::error::b"], r#"{"project":"demo","branch":"main","cause":"a"}"#);
    check_body(&["--var", "B=x=y"], r#"{"project":"demo","branch":"main","variables":{"B":"x=y"}}"#);
    check_body(&["--commit", COMMIT], &format!(r#"{{"project":"demo","branch":"main","commit":"{COMMIT}"}}"#));
}

#[test]
fn invalid_options_are_named_together_on_one_line() {
    let line = ["demo", "main", TOPIC, "--id", "", "--commit", "abc\n::error::", "--var", "A"];
    let failure = find(&line, &[], NO_GIT).unwrap_err();
    assert_eq!(failure.kind, TriggerFailureKind::Usage);
    assert_eq!(
        failure.what,
        "--var: invalid value \"A\": expected NAME=VALUE; \
         --commit: invalid value \"abc\\n::error::\": expected a full commit id: 40 or 64 hexadecimal digits; \
         --id: invalid value \"\": expected 1 to 64 of A-Z a-z 0-9 . _ -"
    );
}
