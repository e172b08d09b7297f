use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ci::FileReader;
use crate::env_vars::EnvVars;
use crate::failure::{TriggerFailure, TriggerFailureKind};
use crate::resolution::SourcedValue;
use doorbell_messages::text::printable_line;

/// The repository's settings, in the current directory.
const REPOSITORY_FILE: &str = ".doorbell.toml";
/// The user's settings, below `$XDG_CONFIG_HOME`.
const USER_FILE: &str = "doorbell/config.toml";

/// The settings of `.doorbell.toml`. They have the lowest precedence: a pull request may have written the file.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    keys: ConfigKeys,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ConfigKeys {
    project: Option<String>,
    branch: Option<String>,
    topic_arn: Option<String>,
    role_arn: Option<String>,
}

impl ConfigFile {
    /// The file at `explicit_path`, or the first of the default paths that exists.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Usage`]: the named file does not exist, or a file is invalid.
    pub(crate) fn find(
        explicit_path: Option<&str>,
        environment: EnvVars<'_>,
        file: FileReader<'_>,
    ) -> Result<Self, TriggerFailure> {
        match explicit_path {
            Some(name) => {
                Self::read(Path::new(name), file)?.ok_or_else(|| config_failure(name, "there is no such file"))
            }
            None => {
                for path in default_paths(environment) {
                    if let Some(found) = Self::read(&path, file)? {
                        return Ok(found);
                    }
                }
                Ok(Self::default())
            }
        }
    }

    fn read(path: &Path, file: FileReader<'_>) -> Result<Option<Self>, TriggerFailure> {
        let name = printable_line(&path.to_string_lossy());
        match file(path) {
            Ok(text) => {
                Ok(Some(Self { keys: parse_keys(&text).map_err(|problem| config_failure(&name, &problem))?, name }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(config_failure(&name, &error.to_string())),
        }
    }

    pub(crate) fn project(&self) -> Option<SourcedValue> {
        self.sourced_value("project", self.keys.project.as_ref())
    }

    pub(crate) fn branch(&self) -> Option<SourcedValue> {
        self.sourced_value("branch", self.keys.branch.as_ref())
    }

    pub(crate) fn topic_arn(&self) -> Option<SourcedValue> {
        self.sourced_value("topic-arn", self.keys.topic_arn.as_ref())
    }

    pub(crate) fn role_arn(&self) -> Option<SourcedValue> {
        self.sourced_value("role-arn", self.keys.role_arn.as_ref())
    }

    fn sourced_value(&self, key: &str, value: Option<&String>) -> Option<SourcedValue> {
        let text = value.filter(|text| !text.is_empty())?;
        Some(SourcedValue::new(text, format!("{}: {key}", self.name)))
    }
}

fn default_paths(environment: EnvVars<'_>) -> Vec<PathBuf> {
    let user_dir = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment.get("HOME").map(|home| Path::new(&home).join(".config")));
    [Some(PathBuf::from(REPOSITORY_FILE)), user_dir.map(|dir| dir.join(USER_FILE))].into_iter().flatten().collect()
}

fn parse_keys(text: &str) -> Result<ConfigKeys, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let position = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{position}{}", printable_line(error.message()))
    })
}

fn config_failure(name: &str, problem: &str) -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::Usage,
        format!("{}: {problem}", printable_line(name)),
        "the file is TOML with the keys project, branch, topic-arn and role-arn, all strings",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: Option<&str>, files: &[(&str, &str)]) -> Result<ConfigFile, TriggerFailure> {
        let variable = |name: &str| (name == "HOME").then(|| "/ada".to_owned());
        let file = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| ErrorKind::NotFound.into())
        };
        ConfigFile::find(named, EnvVars(&variable), &file)
    }

    #[track_caller]
    fn check(named: Option<&str>, files: &[(&str, &str)], want: Option<(&str, &str)>) {
        let found = find(named, files).unwrap().project();
        assert_eq!(found.as_ref().map(|found| (&*found.text, &*found.source)), want);
    }

    const OURS: (&str, &str) = (".doorbell.toml", "project = \"ours\"");
    const MINE: (&str, &str) = ("/ada/.config/doorbell/config.toml", "project = 'mine'");

    #[test]
    fn config_file_precedence_is_explicit_repository_user() {
        check(None, &[], None);
        check(None, &[MINE], Some(("mine", "/ada/.config/doorbell/config.toml: project")));
        check(None, &[MINE, OURS], Some(("ours", ".doorbell.toml: project")));
        check(Some("other.toml"), &[OURS, ("other.toml", "project = 'o'")], Some(("o", "other.toml: project")));
    }

    #[track_caller]
    fn check_wrong(named: Option<&str>, text: &str, part: &str) {
        let failure = find(named, &[(".doorbell.toml", text)]).unwrap_err();
        assert_eq!(failure.kind, TriggerFailureKind::Usage);
        assert!(failure.what.contains(part), "{failure}");
    }

    #[test]
    fn invalid_config_file_error_names_its_line() {
        check_wrong(Some("none.toml"), "", "none.toml: there is no such file");
        check_wrong(None, "\n\nprojekt = 'x'", ".doorbell.toml: line 3: unknown field `projekt`");
        check_wrong(None, "project = 7", "line 1: ");
        check_wrong(None, "project = 'x", "line 1: ");
    }
}
