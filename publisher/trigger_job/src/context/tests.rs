mod request_fields;

use clap::Parser;

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";
const OTHER: &str = "arn:aws:sns:us-east-1:123456789012:other";

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A checkout on this branch, or none for this reason; its commit is on no remote.
struct FakeCheckout(Result<&'static str, &'static str>);

impl GitCheckout for FakeCheckout {
    fn branch(&self) -> Result<String, String> {
        self.0.map(str::to_owned).map_err(str::to_owned)
    }
    fn head(&self) -> Result<String, String> {
        self.0.map(|_| COMMIT.to_owned()).map_err(str::to_owned)
    }
    fn pushed_head(&self) -> Result<String, String> {
        Err("it was not pushed".to_owned())
    }
    fn is_merge(&self, commit: &str) -> Result<bool, String> {
        Ok(commit != COMMIT)
    }
    fn remote_url(&self) -> Result<String, String> {
        Err("there is no origin".to_owned())
    }
}

/// Looks with `line` as the command line, `env_vars` as the only variables and `checkout` as git's answer.
fn find(
    line: &[&str],
    environment: &[(&str, &str)],
    checkout: Result<&'static str, &'static str>,
) -> Result<RequestContext, TriggerFailure> {
    find_with_file(line, environment, checkout, None)
}

fn find_with_file(
    line: &[&str],
    environment: &[(&str, &str)],
    checkout: Result<&'static str, &'static str>,
    text: Option<&str>,
) -> Result<RequestContext, TriggerFailure> {
    let arguments = TriggerArguments::try_parse_from([&["trigger_job"], line].concat()).unwrap();
    let variable = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let file = |path: &Path| match text {
        Some(text) if path == Path::new(".doorbell.toml") => Ok(text.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let context = RequestContext::resolve(
        &arguments,
        &HostEnvironment { read_variable: &variable, read_file: &file, checkout: &FakeCheckout(checkout) },
    );
    context.request(&arguments).map(|_| context)
}

#[track_caller]
fn check(
    line: &[&str],
    environment: &[(&str, &str)],
    checkout: Result<&'static str, &'static str>,
    want: (&str, &str, &str),
) {
    let context = find(line, environment, checkout).unwrap();
    assert_eq!(resolved_values(&context), (want.0.to_owned(), want.1.to_owned(), want.2.to_owned()));
}

fn resolved_values(context: &RequestContext) -> (String, String, String) {
    let (project, git_ref, topic) = (context.project.value(), context.git_ref.value(), context.topic.value());
    (project.unwrap().to_string(), git_ref.unwrap().full(), topic.unwrap().to_string())
}

#[track_caller]
fn check_failure(
    line: &[&str],
    environment: &[(&str, &str)],
    checkout: Result<&'static str, &'static str>,
    kind: TriggerFailureKind,
    part: &str,
) {
    let failure = find(line, environment, checkout).unwrap_err();
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.what.contains(part), "{failure}");
}

const NO_GIT: Result<&'static str, &'static str> = Err("git says nothing");

#[test]
fn command_line_overrides_environment_and_checkout() {
    let all = [
        ("DOORBELL_PROJECT", "ours"),
        ("IWOMPINAWS_PROJECT", "theirs"),
        ("DOORBELL_BRANCH", "our-branch"),
        ("GIT_BRANCH", "their-branch"),
        ("DOORBELL_TOPIC_ARN", OTHER),
        ("IWOMPINAWS_TOPIC_ARN", "not even an ARN"),
    ];
    let here = Ok("here");
    check(&["demo", "main", "--topic-arn", TOPIC], &all, here, ("demo", "refs/heads/main", TOPIC));
    check(&["demo", "main", TOPIC], &all, here, ("demo", "refs/heads/main", TOPIC));
    check(&[], &all, here, ("ours", "refs/heads/our-branch", OTHER));
    check(&["demo"], &[("IWOMPINAWS_TOPIC_ARN", TOPIC)], here, ("demo", "refs/heads/here", TOPIC));
}

#[test]
fn iwomp_variables_keep_their_meaning() {
    let theirs = [("IWOMPINAWS_PROJECT", "demo"), ("GIT_BRANCH", "main"), ("IWOMPINAWS_TOPIC_ARN", TOPIC)];
    check(&[], &theirs, NO_GIT, ("demo", "refs/heads/main", TOPIC));
    check(&["", "", ""], &theirs, NO_GIT, ("demo", "refs/heads/main", TOPIC));
    check(&["demo", "", TOPIC], &[("GIT_BRANCH", "")], Ok("here"), ("demo", "refs/heads/here", TOPIC));
}

#[test]
fn changed_iwomp_precedence_is_noted() {
    let notes = |line: &[&str], environment: &[(&str, &str)]| find(line, environment, NO_GIT).unwrap().notes;
    let line = ["demo", "main", TOPIC];
    assert_eq!(notes(&line, &[("IWOMPINAWS_PROJECT", "demo"), ("GIT_BRANCH", "origin/main")]), [""; 0]);
    assert_eq!(
        notes(&line, &[("IWOMPINAWS_PROJECT", "o\nther"), ("DOORBELL_PROJECT", "third")]),
        [
            "PROJECT \"demo\" is used, not IWOMPINAWS_PROJECT \"o\": the command line wins here, as it did not in iwomp-in-aws"
        ]
    );
    assert_eq!(notes(&line, &[("GIT_BRANCH", "dev"), ("IWOMPINAWS_TOPIC_ARN", OTHER)]).len(), 2);
}

#[test]
fn jenkins_remote_prefix_is_removed_from_branch() {
    let line = ["demo", "", TOPIC];
    check(&line, &[("GIT_BRANCH", "origin/main")], NO_GIT, ("demo", "refs/heads/main", TOPIC));
    check(&line, &[("GIT_BRANCH", "origin/a/b")], NO_GIT, ("demo", "refs/heads/a/b", TOPIC));
    check(&line, &[("DOORBELL_BRANCH", "origin/main")], NO_GIT, ("demo", "refs/heads/origin/main", TOPIC));
    for detached in ["HEAD", "detached", "origin/HEAD"] {
        check_failure(&line, &[("GIT_BRANCH", detached)], Ok("here"), TriggerFailureKind::MissingContext, "no branch");
    }
}

#[test]
fn tag_or_pull_request_overrides_branch_variables() {
    let environment = [("DOORBELL_BRANCH", "main"), ("DOORBELL_TOPIC_ARN", TOPIC)];
    check(&["demo", "--tag", "v1"], &environment, NO_GIT, ("demo", "refs/tags/v1", TOPIC));
    check(&["demo", "", "--pull-request", "12"], &environment, NO_GIT, ("demo", "refs/pull/12/head", TOPIC));
    check_failure(&["demo", "main", "--tag", "v1"], &environment, NO_GIT, TriggerFailureKind::Usage, "BRANCH");
    check_failure(&["demo", "--tag", "--x"], &environment, NO_GIT, TriggerFailureKind::Usage, "--tag");
    check_failure(&["demo", "--pull-request", "0"], &environment, NO_GIT, TriggerFailureKind::Usage, "1 or more");
}

#[test]
fn full_ref_argument_must_be_a_branch() {
    check(&["demo", "refs/heads/main", TOPIC], &[], NO_GIT, ("demo", "refs/heads/main", TOPIC));
    check_failure(&["demo", "refs/tags/v1", TOPIC], &[], NO_GIT, TriggerFailureKind::Usage, "--tag");
}

#[test]
fn missing_values_are_reported_together() {
    let failure = find(&[], &[], Err("the git checkout here is detached")).unwrap_err();
    assert_eq!(failure.kind, TriggerFailureKind::MissingContext);
    for part in ["no project", "DOORBELL_PROJECT", "no branch", "is detached", "no topic", "DOORBELL_TOPIC_ARN"] {
        assert!(failure.what.contains(part), "{part}: {failure}");
    }
}

#[test]
fn invalid_value_error_names_its_source() {
    let usage = TriggerFailureKind::Usage;
    check_failure(&["de mo", "main", TOPIC], &[], NO_GIT, usage, "PROJECT: invalid value \"de mo\"");
    check_failure(&["demo", "a..b", TOPIC], &[], NO_GIT, usage, "BRANCH: invalid value \"a..b\"");
    check_failure(&["demo", "HEAD", TOPIC], &[], NO_GIT, usage, "detached");
    check_failure(
        &["demo", "main"],
        &[("IWOMPINAWS_TOPIC_ARN", "x")],
        NO_GIT,
        usage,
        "IWOMPINAWS_TOPIC_ARN: invalid value \"x\"",
    );
    check_failure(&[], &[("DOORBELL_PROJECT", "..")], NO_GIT, usage, "DOORBELL_PROJECT: invalid value \"..\"");
}

const ON_GITHUB: [(&str, &str); 6] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "acme/detected"),
    ("GITHUB_REF", "refs/heads/theirs"),
    ("GITHUB_SHA", COMMIT),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_RUN_ID", "17"),
];

/// GitHub's variables and these.
fn on_github<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    more.iter().copied().chain(ON_GITHUB).collect()
}

#[test]
fn values_resolve_in_documented_precedence() {
    let file = Some("project = 'filed'\nbranch = 'filed'\ntopic-arn = 'arn:aws:sns:us-east-1:123456789012:other'");
    let all = on_github(&[("DOORBELL_PROJECT", "set"), ("DOORBELL_BRANCH", "set"), ("DOORBELL_TOPIC_ARN", TOPIC)]);
    let shown = |line: &[&str], environment: &[(&str, &str)], checkout| {
        let context = find_with_file(line, environment, checkout, file).unwrap();
        let (project, git_ref, topic) = resolved_values(&context);
        format!("{project} {git_ref} {}", topic.rsplit(':').next().unwrap())
    };
    assert_eq!(shown(&["given", "given"], &all, Ok("here")), "given refs/heads/given doorbell");
    assert_eq!(shown(&[], &all, Ok("here")), "set refs/heads/set doorbell");
    assert_eq!(shown(&[], &all[3..], Ok("here")), "detected refs/heads/theirs other");
    assert_eq!(shown(&[], &[], Ok("here")), "filed refs/heads/here other");
    assert_eq!(shown(&[], &[], NO_GIT), "filed refs/heads/filed other");
    assert_eq!(shown(&["--no-detect"], &all[3..], NO_GIT), "filed refs/heads/filed other");
}

#[test]
fn overridden_config_file_value_is_noted() {
    let file = Some("project = 'filed'");
    let notes = find_with_file(&["", "", TOPIC], &ON_GITHUB, NO_GIT, file).unwrap().notes;
    assert_eq!(
        notes,
        ["\"detected\" (GITHUB_REPOSITORY) is used, not \"filed\" (.doorbell.toml: project): the file comes last"]
    );
}

fn commit(line: &[&str], environment: &[(&str, &str)], checkout: Result<&'static str, &'static str>) -> Option<String> {
    find(line, environment, checkout).unwrap().commit.value().map(ToString::to_string)
}

#[test]
fn commit_is_used_only_with_its_own_ref() {
    let other = "f".repeat(40);
    let known = Some(COMMIT.to_owned());
    assert_eq!(commit(&["demo", "", TOPIC], &ON_GITHUB, NO_GIT), known);
    assert_eq!(commit(&["demo", "theirs", TOPIC], &ON_GITHUB, NO_GIT), known);
    assert_eq!(commit(&["demo", "main", TOPIC], &ON_GITHUB, NO_GIT), None);
    assert_eq!(commit(&["demo", "--tag", "theirs"], &on_github(&[("DOORBELL_TOPIC_ARN", TOPIC)]), NO_GIT), None);
    assert_eq!(commit(&["demo", "main", TOPIC, "--commit", &other], &ON_GITHUB, NO_GIT), Some(other));
    // One that was not pushed would not be found by the build.
    assert_eq!(commit(&["demo", "", TOPIC], &[], Ok("here")), None);
}

#[test]
fn ci_retry_keeps_request_id_and_manual_rerun_changes_it() {
    let id = |environment: &[(&str, &str)]| {
        let context = find(&["demo", "", TOPIC], environment, NO_GIT).unwrap();
        context.id.value().map(ToString::to_string)
    };
    let first = id(&on_github(&[("GITHUB_RUN_ATTEMPT", "1")]));
    assert!(first.as_ref().is_some_and(|id| id.starts_with("github-")), "{first:?}");
    assert_eq!(first, id(&on_github(&[("GITHUB_RUN_ATTEMPT", "1"), ("GITHUB_JOB", "another")])));
    assert_ne!(first, id(&on_github(&[("GITHUB_RUN_ATTEMPT", "2")])));
    assert_eq!(id(&[("DOORBELL_BRANCH", "main")]), None);
}

#[test]
fn jenkins_git_branch_is_treated_as_ci_value() {
    let line = ["demo", "", TOPIC];
    let jenkins = [("JENKINS_URL", "https://ci.example.org/"), ("GIT_BRANCH", "PR-7"), ("CHANGE_ID", "7")];
    check(&line, &jenkins, NO_GIT, ("demo", "refs/pull/7/head", TOPIC));
    check(&line, &[jenkins[0], jenkins[1], ("TAG_NAME", "v1")], NO_GIT, ("demo", "refs/tags/v1", TOPIC));
    check(&line, &[jenkins[0], ("GIT_BRANCH", "origin/x")], NO_GIT, ("demo", "refs/heads/x", TOPIC));
    check(&line, &[jenkins[0], ("GIT_BRANCH", "detached")], Ok("here"), ("demo", "refs/heads/here", TOPIC));
}

#[test]
fn jenkins_merge_commit_is_not_requested() {
    let jenkins = |commit| {
        let variables = [("JENKINS_URL", "https://ci.example.org/"), ("CHANGE_ID", "7"), ("GIT_COMMIT", commit)];
        find(&["demo", "", TOPIC], &variables, NO_GIT).unwrap().commit.value().cloned()
    };
    assert!(jenkins(COMMIT).is_some());
    assert_eq!(jenkins("ffffffffffffffffffffffffffffffffffffffff"), None);
}

#[test]
fn fork_pull_request_is_rejected_unless_allowed() {
    let fork = [("CIRCLECI", "true"), ("CIRCLE_PR_NUMBER", "7"), ("CIRCLE_PROJECT_REPONAME", "demo")];
    let unknown = [("DRONE", "true"), ("DRONE_PULL_REQUEST", "7"), ("DRONE_REPO_NAME", "demo")];
    for environment in [fork, unknown] {
        check_failure(&["", "", TOPIC], &environment, NO_GIT, TriggerFailureKind::MissingContext, "from a fork");
        // Not even for another ref: the fork's author wrote what runs here.
        check_failure(
            &["demo", "main", TOPIC],
            &environment,
            NO_GIT,
            TriggerFailureKind::MissingContext,
            "from a fork",
        );
        check(&["", "", TOPIC, "--allow-fork"], &environment, NO_GIT, ("demo", "refs/pull/7/head", TOPIC));
    }
}
