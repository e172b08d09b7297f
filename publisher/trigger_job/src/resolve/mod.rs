mod cause;
mod commit;
mod git_ref;

use std::str::FromStr;

use doorbell_messages::{CommitId, ProjectName, RequestId, SingleLineText};

use crate::arguments::TriggerArguments;
use crate::ci::{self, CiBuild, Fork, Vendor, repository_name};
use crate::ci_request_id;
use crate::config_file::ConfigFile;
use crate::context::HostEnvironment;
use crate::env_vars::EnvVars;
use crate::failure::TriggerFailure;
use crate::git_checkout::GitCheckout;
use crate::resolution::{Resolution, SourcedValue};
use doorbell_messages::text::printable_line;
use doorbell_publisher::RoleArn;
use doorbell_publisher::TopicArn;

/// Looks for one value after the other, each from the nearest source to the farthest.
///
/// An invalid value is that value's alone: the others are looked for all the same, so that `--show-context` shows them.
pub(crate) struct Resolver<'a> {
    arguments: &'a TriggerArguments,
    environment: EnvVars<'a>,
    checkout: &'a dyn GitCheckout,
    ci_build: Option<(Vendor, CiBuild)>,
    config_file: ConfigFile,
    pub(crate) notes: Vec<String>,
    /// What is wrong with a source of values.
    pub(crate) problems: Vec<TriggerFailure>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(arguments: &'a TriggerArguments, host: &HostEnvironment<'a>) -> Self {
        let environment = host.env_vars();
        let vendor = Vendor::detect(environment).filter(|_| !arguments.no_detect);
        let config_path = environment.get("DOORBELL_CONFIG");
        let config_path = arguments.config.as_deref().or(config_path.as_deref());
        let (config_file, problem) = match ConfigFile::find(config_path, environment, host.read_file) {
            Ok(config_file) => (config_file, None),
            Err(problem) => (ConfigFile::default(), Some(problem)),
        };
        Self {
            arguments,
            environment,
            checkout: host.checkout,
            ci_build: vendor.map(|vendor| (vendor, ci::read(vendor, environment, host.read_file))),
            config_file,
            notes: Vec::new(),
            problems: problem.into_iter().collect(),
        }
    }

    pub(crate) fn vendor(&self) -> Option<Vendor> {
        self.ci_build.as_ref().map(|(vendor, _)| *vendor)
    }

    fn build(&self) -> Option<&CiBuild> {
        self.ci_build.as_ref().map(|(_, build)| build)
    }

    pub(crate) fn project(&mut self) -> Resolution<ProjectName> {
        const IWOMP: &str = "IWOMPINAWS_PROJECT";
        let argument = self.arguments.project.as_deref();
        let explicit = self.explicit_value("PROJECT", argument, "DOORBELL_PROJECT", Some(IWOMP));
        let explicit = explicit.or_else(|| self.environment.lookup(IWOMP));
        let found = explicit.or_else(|| {
            let ci_value = self.build().and_then(|build| build.project.clone());
            let found = ci_value.or_else(|| {
                let url = self.checkout.remote_url().ok()?;
                Some(SourcedValue::new(repository_name(&url), "git: the remote origin"))
                    .filter(|found| !found.text.is_empty())
            });
            self.or_config_file(found, self.config_file.project())
        });
        parse_or_missing(found, "no project is known: give it as the first argument or in DOORBELL_PROJECT")
    }

    pub(crate) fn topic(&mut self) -> Resolution<TopicArn> {
        let argument = self.arguments.topic_arn.as_deref().or(self.arguments.positional_topic_arn.as_deref());
        const IWOMP: &str = "IWOMPINAWS_TOPIC_ARN";
        let explicit = self.explicit_value("--topic-arn", argument, "DOORBELL_TOPIC_ARN", Some(IWOMP));
        let found = explicit.or_else(|| self.environment.lookup(IWOMP)).or_else(|| self.config_file.topic_arn());
        parse_or_missing(found, "no topic is known: give its ARN in --topic-arn or DOORBELL_TOPIC_ARN")
    }

    pub(crate) fn role(&self) -> Resolution<RoleArn> {
        let argument = self.arguments.role_arn.as_deref().filter(|text| !text.is_empty());
        let found = argument.map(|text| SourcedValue::new(text, "--role-arn"));
        let found =
            found.or_else(|| self.environment.lookup("DOORBELL_ROLE_ARN")).or_else(|| self.config_file.role_arn());
        parse_or_missing(found, "none is given; credentials are found as by every AWS tool")
    }

    /// The id of this build's request, or none, for which the publisher makes a random one.
    ///
    /// It is made of public facts only for a request that names its commit: any publisher can make the same one, and
    /// would otherwise have it stand for the commit that is the ref's tip by then. `act` on a desk has the variables of
    /// GitHub, with the same run in every run.
    pub(crate) fn id(&self, commit: Option<&CommitId>) -> Resolution<RequestId> {
        if let Some(text) = self.arguments.id.as_deref() {
            return parse_value(&SourcedValue::new(text, "--id"));
        }
        let Some((vendor, Some(identity))) = self.ci_build.as_ref().map(|(vendor, build)| (*vendor, &build.identity))
        else {
            return Resolution::missing("a random one is made for each run");
        };
        if self.environment.get("ACT").is_some() {
            return Resolution::missing("a random one is made for each run of act");
        }
        let Some(commit) = commit else {
            return Resolution::missing("a random one is made for each run, as the request names no commit");
        };
        match ci_request_id::for_build(vendor, identity, commit) {
            Ok(value) => Resolution::Found { value, source: "this build and the commit".into() },
            Err(rule) => Resolution::invalid("the id", rule),
        }
    }

    pub(crate) fn build_url(&self) -> Resolution<SingleLineText> {
        let Some(found) = self.build().and_then(|build| build.url.as_ref()) else {
            return Resolution::missing(match self.vendor() {
                Some(Vendor::Gitea) => "Gitea's page of a run depends on its version, which no variable has",
                _ => "no CI names one",
            });
        };
        // For people only: one that does not fit is left out.
        if !["https://", "http://"].iter().any(|scheme| found.text.starts_with(scheme)) {
            return Resolution::missing(format!("{} is no page", found.source));
        }
        match found.text.parse() {
            Ok(value) => Resolution::Found { value, source: found.source.clone() },
            Err(_) => Resolution::missing(format!("{} is not one line of at most 500 bytes", found.source)),
        }
    }

    pub(crate) fn fork(&self) -> Fork {
        match self.build() {
            Some(build) => build.fork.clone(),
            None if self.arguments.no_detect => Fork::NoBuild("--no-detect is set, so the CI's variables are not read"),
            None => Fork::NoBuild("no CI is detected that would say so"),
        }
    }

    /// The argument, else our variable; an empty text is none, as it was in iwomp-in-aws, whose variable comes later.
    fn explicit_value(
        &mut self,
        source: &'static str,
        argument: Option<&str>,
        doorbell_variable: &'static str,
        iwomp_variable: Option<&'static str>,
    ) -> Option<SourcedValue> {
        match argument.filter(|text| !text.is_empty()) {
            Some(text) => {
                if let Some(iwomp_variable) = iwomp_variable {
                    self.note_changed_precedence(source, text, iwomp_variable);
                }
                Some(SourcedValue::new(text, source))
            }
            None => self.environment.lookup(doorbell_variable),
        }
    }

    /// Its script let variables win over arguments. Where that makes a difference, the person should know.
    fn note_changed_precedence(&mut self, source: &str, text: &str, iwomp_variable: &'static str) {
        let Some(other) = self.environment.lookup(iwomp_variable) else { return };
        if git_ref::without_remote(&other.text).is_some_and(|other| other != text) {
            self.notes.push(format!(
                "{source} \"{}\" is used, not {iwomp_variable} \"{}\": the command line wins here, as it did not in iwomp-in-aws",
                printable_line(text),
                printable_line(&other.text),
            ));
        }
    }

    /// What was found, else what the file says. A file that says something else than what wins was written in vain, and
    /// its writer should know.
    fn or_config_file(&mut self, found: Option<SourcedValue>, file: Option<SourcedValue>) -> Option<SourcedValue> {
        if let (Some(found), Some(file)) = (&found, &file)
            && found.text != file.text
        {
            self.notes.push(format!(
                "\"{}\" ({}) is used, not \"{}\" ({}): the file comes last",
                printable_line(&found.text),
                found.source,
                printable_line(&file.text),
                file.source
            ));
        }
        found.or(file)
    }
}

fn parse_or_missing<T: FromStr<Err = String>>(found: Option<SourcedValue>, missing: &str) -> Resolution<T> {
    match found {
        Some(found) => parse_value(&found),
        None => Resolution::missing(missing),
    }
}

fn parse_value<T: FromStr<Err = String>>(found: &SourcedValue) -> Resolution<T> {
    match found.text.parse() {
        Ok(value) => Resolution::Found { value, source: found.source.clone() },
        Err(rule) => Resolution::invalid(&found.source, rule),
    }
}
