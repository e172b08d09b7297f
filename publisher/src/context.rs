use doorbell_messages::{GitRef, ProjectName};

use crate::arguments::Arguments;
use crate::failure::{Failure, FailureKind};
use crate::search::Search;
use crate::{TopicArn, git_checkout};

/// Which project, ref and topic are meant, found on the command line, in the environment or in the git checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The entry of the owner's registry.
    pub project: ProjectName,
    /// What to build.
    pub git_ref: GitRef,
    /// Where to publish.
    pub topic: TopicArn,
    /// What a person who comes from iwomp-in-aws should know about this choice; one line each.
    pub notes: Vec<String>,
}

/// What a context is found in, besides the command line: passed in, so that a test can bring its own.
pub struct Surroundings<'a> {
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Names the branch that is checked out here, or says why there is none.
    pub branch: &'a dyn Fn() -> Result<String, String>,
}

impl Surroundings<'static> {
    /// This process's environment and current directory. A variable that is not Unicode keeps a mark in place of what
    /// can't be read, so that it is refused by the rule for its value instead of passed over.
    pub fn of_this_process() -> Self {
        Self {
            variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
            branch: &git_checkout::branch,
        }
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

impl Context {
    /// Finds all three; the command line wins over the environment, and that over the checkout.
    ///
    /// # Errors
    /// [`FailureKind::Usage`] for a bad value, with its rule; [`FailureKind::MissingContext`] with all that is missing.
    pub fn find(arguments: &Arguments, surroundings: &Surroundings<'_>) -> Result<Self, Failure> {
        let mut search = Search::new(surroundings);
        let project = search.project(arguments.project.as_deref())?;
        let git_ref = search.git_ref(arguments)?;
        let topic = search.topic(arguments.topic_arn.as_deref().or(arguments.topic_argument.as_deref()))?;
        match (project, git_ref, topic) {
            (Some(project), Some(git_ref), Some(topic)) => Ok(Self { project, git_ref, topic, notes: search.notes }),
            _ => Err(Failure::new(
                FailureKind::MissingContext,
                search.missing.join("; "),
                "trigger_job --help shows every place where they are looked for",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";
    const OTHER: &str = "arn:aws:sns:us-east-1:123456789012:other";

    /// Looks with `line` as the command line, `environment` as the only variables and `checkout` as git's answer.
    fn find(line: &[&str], environment: &[(&str, &str)], checkout: Result<&str, &str>) -> Result<Context, Failure> {
        let arguments = Arguments::try_parse_from([&["trigger_job"], line].concat()).unwrap();
        let variable =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let branch = || checkout.map(str::to_owned).map_err(str::to_owned);
        Context::find(&arguments, &Surroundings { variable: &variable, branch: &branch })
    }

    #[track_caller]
    fn check(line: &[&str], environment: &[(&str, &str)], checkout: Result<&str, &str>, want: (&str, &str, &str)) {
        let context = find(line, environment, checkout).unwrap();
        assert_eq!((context.project.as_str(), &*context.git_ref.full(), context.topic.as_str()), want);
    }

    #[track_caller]
    fn check_failure(
        line: &[&str],
        environment: &[(&str, &str)],
        checkout: Result<&str, &str>,
        kind: FailureKind,
        part: &str,
    ) {
        let failure = find(line, environment, checkout).unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.what.contains(part), "{failure}");
    }

    const NO_GIT: Result<&str, &str> = Err("git says nothing");

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_checkout() {
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
    fn the_variables_of_iwomp_in_aws_mean_what_they_meant() {
        let theirs = [("IWOMPINAWS_PROJECT", "demo"), ("GIT_BRANCH", "main"), ("IWOMPINAWS_TOPIC_ARN", TOPIC)];
        check(&[], &theirs, NO_GIT, ("demo", "refs/heads/main", TOPIC));
        check(&["", "", ""], &theirs, NO_GIT, ("demo", "refs/heads/main", TOPIC));
        check(&["demo", "", TOPIC], &[("GIT_BRANCH", "")], Ok("here"), ("demo", "refs/heads/here", TOPIC));
    }

    #[test]
    fn whoever_relied_on_iwomps_order_is_told() {
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
    fn jenkins_names_a_branch_by_its_remote() {
        let line = ["demo", "", TOPIC];
        check(&line, &[("GIT_BRANCH", "origin/main")], NO_GIT, ("demo", "refs/heads/main", TOPIC));
        check(&line, &[("GIT_BRANCH", "origin/a/b")], NO_GIT, ("demo", "refs/heads/a/b", TOPIC));
        check(&line, &[("DOORBELL_BRANCH", "origin/main")], NO_GIT, ("demo", "refs/heads/origin/main", TOPIC));
        for detached in ["HEAD", "detached", "origin/HEAD"] {
            check_failure(&line, &[("GIT_BRANCH", detached)], Ok("here"), FailureKind::MissingContext, "no branch");
        }
    }

    #[test]
    fn a_tag_or_a_pull_request_takes_the_place_of_every_branch() {
        let environment = [("DOORBELL_BRANCH", "main"), ("DOORBELL_TOPIC_ARN", TOPIC)];
        check(&["demo", "--tag", "v1"], &environment, NO_GIT, ("demo", "refs/tags/v1", TOPIC));
        check(&["demo", "", "--pull-request", "12"], &environment, NO_GIT, ("demo", "refs/pull/12/head", TOPIC));
        check_failure(&["demo", "main", "--tag", "v1"], &environment, NO_GIT, FailureKind::Usage, "BRANCH");
        check_failure(&["demo", "--tag", "--x"], &environment, NO_GIT, FailureKind::Usage, "--tag");
        check_failure(&["demo", "--pull-request", "0"], &environment, NO_GIT, FailureKind::Usage, "1 or more");
    }

    #[test]
    fn a_full_ref_is_a_branch_only_when_it_is_one() {
        check(&["demo", "refs/heads/main", TOPIC], &[], NO_GIT, ("demo", "refs/heads/main", TOPIC));
        check_failure(&["demo", "refs/tags/v1", TOPIC], &[], NO_GIT, FailureKind::Usage, "--tag");
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let failure = find(&[], &[], Err("the git checkout here is detached")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::MissingContext);
        for part in ["no project", "DOORBELL_PROJECT", "no branch", "is detached", "no topic", "DOORBELL_TOPIC_ARN"] {
            assert!(failure.what.contains(part), "{part}: {failure}");
        }
    }

    #[test]
    fn a_bad_value_is_refused_with_the_place_it_came_from() {
        let usage = FailureKind::Usage;
        check_failure(&["de mo", "main", TOPIC], &[], NO_GIT, usage, "PROJECT: \"de mo\" is refused");
        check_failure(&["demo", "a..b", TOPIC], &[], NO_GIT, usage, "BRANCH: \"a..b\" is refused");
        check_failure(&["demo", "HEAD", TOPIC], &[], NO_GIT, usage, "detached");
        check_failure(
            &["demo", "main"],
            &[("IWOMPINAWS_TOPIC_ARN", "x")],
            NO_GIT,
            usage,
            "IWOMPINAWS_TOPIC_ARN: \"x\"",
        );
        check_failure(&[], &[("DOORBELL_PROJECT", "..")], NO_GIT, usage, "DOORBELL_PROJECT: \"..\"");
    }
}
