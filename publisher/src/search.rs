use std::str::FromStr;

use doorbell_messages::{GitRef, ProjectName, RefName};

use crate::TopicArn;
use crate::arguments::{Arguments, checked};
use crate::context::Surroundings;
use crate::failure::{Failure, one_line};

/// Set by Jenkins for every build, and read by iwomp-in-aws.
const GIT_BRANCH: &str = "GIT_BRANCH";

/// Looks for one value after the other, so that everything that is missing can be said at once.
pub(crate) struct Search<'a> {
    surroundings: &'a Surroundings<'a>,
    pub(crate) missing: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// A value and the name of the place it was found in.
struct Found {
    place: &'static str,
    text: String,
}

impl<'a> Search<'a> {
    pub(crate) fn new(surroundings: &'a Surroundings<'a>) -> Self {
        Self { surroundings, missing: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn project(&mut self, argument: Option<&str>) -> Result<Option<ProjectName>, Failure> {
        let found = self.first("PROJECT", argument, "DOORBELL_PROJECT", "IWOMPINAWS_PROJECT");
        self.parsed(found, "no project is known: give it as the first argument or in DOORBELL_PROJECT")
    }

    pub(crate) fn topic(&mut self, argument: Option<&str>) -> Result<Option<TopicArn>, Failure> {
        let found = self.first("--topic-arn", argument, "DOORBELL_TOPIC_ARN", "IWOMPINAWS_TOPIC_ARN");
        self.parsed(found, "no topic is known: give its ARN in --topic-arn or DOORBELL_TOPIC_ARN")
    }

    pub(crate) fn git_ref(&mut self, arguments: &Arguments) -> Result<Option<GitRef>, Failure> {
        let branch = arguments.branch.as_deref().filter(|text| !text.is_empty());
        match (branch, arguments.tag.as_deref(), arguments.pull_request.as_deref()) {
            (branch, None, None) => Ok(self.branch(branch)?.map(GitRef::Branch)),
            (None, tag @ Some(_), _) => Ok(checked("--tag", tag)?.map(GitRef::Tag)),
            (None, None, number) => Ok(checked("--pull-request", number)?.map(GitRef::PullRequest)),
            (Some(_), ..) => {
                Err(Failure::bad_value("BRANCH", "--tag and --pull-request take its place: give one of the three"))
            }
        }
    }

    fn branch(&mut self, argument: Option<&str>) -> Result<Option<RefName>, Failure> {
        let found = match self.first("BRANCH", argument, "DOORBELL_BRANCH", GIT_BRANCH) {
            Some(Found { place: GIT_BRANCH, text }) => without_remote(&text)
                .map(|branch| Found { place: GIT_BRANCH, text: branch.to_owned() })
                .ok_or_else(|| format!("GIT_BRANCH is \"{}\", a checkout of a commit", one_line(&text))),
            Some(found) => Ok(found),
            None => (self.surroundings.branch)().map(|text| Found { place: "the branch checked out here", text }),
        };
        match found {
            Ok(found) => branch_name(&found).map(Some),
            Err(why) => {
                self.missing.push(format!(
                    "no branch is known, as {why}: give it as the second argument or in DOORBELL_BRANCH, or use --tag or --pull-request"
                ));
                Ok(None)
            }
        }
    }

    /// The argument, else our variable, else iwomp-in-aws'; an empty text is none, as it was there.
    fn first(
        &mut self,
        place: &'static str,
        argument: Option<&str>,
        ours: &'static str,
        theirs: &'static str,
    ) -> Option<Found> {
        match argument.filter(|text| !text.is_empty()) {
            Some(text) => {
                self.note_another_order(place, text, theirs);
                Some(Found { place, text: text.to_owned() })
            }
            None => self.variable(ours).or_else(|| self.variable(theirs)),
        }
    }

    fn variable(&self, name: &'static str) -> Option<Found> {
        let text = (self.surroundings.variable)(name).filter(|text| !text.is_empty())?;
        Some(Found { place: name, text })
    }

    /// Its script let variables win over arguments. Where that makes a difference, the person should know.
    fn note_another_order(&mut self, place: &str, text: &str, theirs: &'static str) {
        let Some(other) = self.variable(theirs) else { return };
        if without_remote(&other.text).is_some_and(|other| other != text) {
            self.notes.push(format!(
                "{place} \"{}\" is used, not {theirs} \"{}\": the command line wins here, as it did not in iwomp-in-aws",
                one_line(text),
                one_line(&other.text),
            ));
        }
    }

    fn parsed<T>(&mut self, found: Option<Found>, missing: &str) -> Result<Option<T>, Failure>
    where
        T: FromStr<Err = String>,
    {
        match found {
            Some(found) => checked(found.place, Some(&found.text)),
            None => {
                self.missing.push(missing.to_owned());
                Ok(None)
            }
        }
    }
}

/// Jenkins puts the remote before the branch, and `detached` in place of one. A branch that is really called
/// `origin/x` can be named in `DOORBELL_BRANCH` or as the argument.
fn without_remote(text: &str) -> Option<&str> {
    let branch = text.strip_prefix("origin/").unwrap_or(text);
    (!matches!(branch, "HEAD" | "detached")).then_some(branch)
}

/// Some CIs only have the full name of the ref at hand; taken as it is, it would name the branch
/// `refs/heads/refs/heads/x`.
fn branch_name(found: &Found) -> Result<RefName, Failure> {
    let name = found.text.strip_prefix("refs/heads/").unwrap_or(&found.text);
    if name.starts_with("refs/") {
        let rule = format!("\"{}\" is refused: it is no branch; use --tag or --pull-request", one_line(name));
        return Err(Failure::bad_value(found.place, rule));
    }
    name.parse().map_err(|rule: String| Failure::bad_value(found.place, rule))
}
