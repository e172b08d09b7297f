mod commit;
mod git_ref;

use std::str::FromStr;

use doorbell_messages::{Cause, CommitId, ProjectName, RequestId};

use crate::arguments::{Arguments, checked};
use crate::ci::{self, Build, Fork, Vendor, last_part};
use crate::config_file::ConfigFile;
use crate::context::Surroundings;
use crate::environment::Environment;
use crate::failure::{Failure, one_line};
use crate::found::{Found, Sought};
use crate::git_checkout::Checkout;
use crate::role::RoleArn;
use crate::{TopicArn, build_id};

/// Looks for one value after the other, each from the nearest place to the farthest.
pub(crate) struct Search<'a> {
    arguments: &'a Arguments,
    environment: Environment<'a>,
    checkout: &'a dyn Checkout,
    detected: Option<(Vendor, Build)>,
    file: ConfigFile,
    pub(crate) notes: Vec<String>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(arguments: &'a Arguments, surroundings: &Surroundings<'a>) -> Result<Self, Failure> {
        let environment = surroundings.environment();
        let vendor = Vendor::detect(environment).filter(|_| !arguments.no_detect);
        let named = environment.get("DOORBELL_CONFIG");
        Ok(Self {
            arguments,
            environment,
            checkout: surroundings.checkout,
            detected: vendor.map(|vendor| (vendor, ci::read(vendor, environment, surroundings.file))),
            file: ConfigFile::find(arguments.config.as_deref().or(named.as_deref()), environment, surroundings.file)?,
            notes: Vec::new(),
        })
    }

    pub(crate) fn vendor(&self) -> Option<Vendor> {
        self.detected.as_ref().map(|(vendor, _)| *vendor)
    }

    fn build(&self) -> Option<&Build> {
        self.detected.as_ref().map(|(_, build)| build)
    }

    pub(crate) fn project(&mut self) -> Result<Sought<ProjectName>, Failure> {
        let given =
            self.given("PROJECT", self.arguments.project.as_deref(), "DOORBELL_PROJECT", Some("IWOMPINAWS_PROJECT"));
        let found = given.or_else(|| {
            let detected = self.build().and_then(|build| build.project.clone());
            let found = detected.or_else(|| {
                let url = self.checkout.origin().ok()?;
                Some(Found::new(last_part(&url), "git: the remote origin")).filter(|found| !found.text.is_empty())
            });
            self.before_file(found, self.file.project())
        });
        parsed(found, "no project is known: give it as the first argument or in DOORBELL_PROJECT")
    }

    pub(crate) fn topic(&mut self) -> Result<Sought<TopicArn>, Failure> {
        let argument = self.arguments.topic_arn.as_deref().or(self.arguments.topic_argument.as_deref());
        let given = self.given("--topic-arn", argument, "DOORBELL_TOPIC_ARN", Some("IWOMPINAWS_TOPIC_ARN"));
        let found = given.or_else(|| self.file.topic_arn());
        parsed(found, "no topic is known: give its ARN in --topic-arn or DOORBELL_TOPIC_ARN")
    }

    pub(crate) fn role(&self) -> Result<Sought<RoleArn>, Failure> {
        let argument = self.arguments.role_arn.as_deref().filter(|text| !text.is_empty());
        let found = argument.map(|text| Found::new(text, "--role-arn"));
        let found = found.or_else(|| self.environment.found("DOORBELL_ROLE_ARN")).or_else(|| self.file.role_arn());
        parsed(found, "none is given; credentials are found as by every AWS tool")
    }

    pub(crate) fn id(&self, commit: Option<&CommitId>) -> Result<Sought<RequestId>, Failure> {
        if let Some(id) = checked("--id", self.arguments.id.as_deref())? {
            return Ok(Sought::Found { value: id, place: "--id".into() });
        }
        let Some((vendor, Some(identity))) = self.detected.as_ref().map(|(vendor, build)| (*vendor, &build.identity))
        else {
            return Ok(Sought::missing("a random one is made for each run"));
        };
        let value = build_id::of(vendor, identity, commit).map_err(|rule| Failure::bad_value("the id", rule))?;
        Ok(Sought::Found { value, place: "this build and the commit".into() })
    }

    pub(crate) fn build_url(&self) -> Sought<Cause> {
        let Some(found) = self.build().and_then(|build| build.url.as_ref()) else {
            return Sought::missing("no CI names one");
        };
        // For people only: one that does not fit is left out.
        match found.text.parse() {
            Ok(value) => Sought::Found { value, place: found.place.clone() },
            Err(_) => Sought::missing(format!("{} is not one line of at most 500 bytes", found.place)),
        }
    }

    pub(crate) fn fork(&self) -> Fork {
        self.build().map_or(Fork::No, |build| build.fork.clone())
    }

    /// The argument, else our variable, else iwomp-in-aws'; an empty text is none, as it was there.
    fn given(
        &mut self,
        place: &'static str,
        argument: Option<&str>,
        ours: &'static str,
        theirs: Option<&'static str>,
    ) -> Option<Found> {
        match argument.filter(|text| !text.is_empty()) {
            Some(text) => {
                if let Some(theirs) = theirs {
                    self.note_another_order(place, text, theirs);
                }
                Some(Found::new(text, place))
            }
            None => self.environment.found(ours).or_else(|| self.environment.found(theirs?)),
        }
    }

    /// Its script let variables win over arguments. Where that makes a difference, the person should know.
    fn note_another_order(&mut self, place: &str, text: &str, theirs: &'static str) {
        let Some(other) = self.environment.found(theirs) else { return };
        if git_ref::without_remote(&other.text).is_some_and(|other| other != text) {
            self.notes.push(format!(
                "{place} \"{}\" is used, not {theirs} \"{}\": the command line wins here, as it did not in iwomp-in-aws",
                one_line(text),
                one_line(&other.text),
            ));
        }
    }

    /// What was found, else what the file says. A file that says something else than what wins was written in vain, and
    /// its writer should know.
    fn before_file(&mut self, found: Option<Found>, file: Option<Found>) -> Option<Found> {
        if let (Some(found), Some(file)) = (&found, &file)
            && found.text != file.text
        {
            self.notes.push(format!(
                "\"{}\" ({}) is used, not \"{}\" ({}): the file comes last",
                one_line(&found.text),
                found.place,
                one_line(&file.text),
                file.place
            ));
        }
        found.or(file)
    }
}

fn parsed<T: FromStr<Err = String>>(found: Option<Found>, missing: &str) -> Result<Sought<T>, Failure> {
    match found {
        Some(found) => value_of(&found),
        None => Ok(Sought::missing(missing)),
    }
}

fn value_of<T: FromStr<Err = String>>(found: &Found) -> Result<Sought<T>, Failure> {
    let value = found.text.parse().map_err(|rule: String| Failure::bad_value(&found.place, rule))?;
    Ok(Sought::Found { value, place: found.place.clone() })
}
