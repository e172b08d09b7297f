use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ci::ReadFile;
use crate::environment::Environment;
use crate::failure::{Failure, FailureKind, one_line};
use crate::found::Found;

/// In the current directory: a repository's own settings.
const HERE: &str = ".doorbell.toml";
/// Below `$XDG_CONFIG_HOME`: a person's or a machine's.
const OF_USER: &str = "doorbell/config.toml";

/// What `.doorbell.toml` may say. It has the last word, not the first: a pull request may have written it.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    keys: Keys,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    project: Option<String>,
    branch: Option<String>,
    topic_arn: Option<String>,
    role_arn: Option<String>,
}

impl ConfigFile {
    /// The one that `named` names; else the first that is there.
    ///
    /// # Errors
    /// [`FailureKind::Usage`]: the file named is not there, or a file is wrong.
    pub(crate) fn find(named: Option<&str>, environment: Environment<'_>, file: ReadFile<'_>) -> Result<Self, Failure> {
        match named {
            Some(name) => Self::read(Path::new(name), file)?.ok_or_else(|| wrong(name, "there is no such file")),
            None => {
                for path in usual(environment) {
                    if let Some(found) = Self::read(&path, file)? {
                        return Ok(found);
                    }
                }
                Ok(Self::default())
            }
        }
    }

    fn read(path: &Path, file: ReadFile<'_>) -> Result<Option<Self>, Failure> {
        let name = one_line(&path.to_string_lossy());
        match file(path) {
            Ok(text) => Ok(Some(Self { keys: keys(&text).map_err(|problem| wrong(&name, &problem))?, name })),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(wrong(&name, &error.to_string())),
        }
    }

    pub(crate) fn project(&self) -> Option<Found> {
        self.found("project", self.keys.project.as_ref())
    }

    pub(crate) fn branch(&self) -> Option<Found> {
        self.found("branch", self.keys.branch.as_ref())
    }

    pub(crate) fn topic_arn(&self) -> Option<Found> {
        self.found("topic-arn", self.keys.topic_arn.as_ref())
    }

    pub(crate) fn role_arn(&self) -> Option<Found> {
        self.found("role-arn", self.keys.role_arn.as_ref())
    }

    fn found(&self, key: &str, value: Option<&String>) -> Option<Found> {
        let text = value.filter(|text| !text.is_empty())?;
        Some(Found::new(text, format!("{}: {key}", self.name)))
    }
}

fn usual(environment: Environment<'_>) -> Vec<PathBuf> {
    let of_user = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment.get("HOME").map(|home| Path::new(&home).join(".config")));
    [Some(PathBuf::from(HERE)), of_user.map(|folder| folder.join(OF_USER))].into_iter().flatten().collect()
}

fn keys(text: &str) -> Result<Keys, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{place}{}", one_line(error.message()))
    })
}

fn wrong(name: &str, problem: &str) -> Failure {
    Failure::new(
        FailureKind::Usage,
        format!("{}: {problem}", one_line(name)),
        "the file is TOML with the keys project, branch, topic-arn and role-arn, all texts",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: Option<&str>, files: &[(&str, &str)]) -> Result<ConfigFile, Failure> {
        let variable = |name: &str| (name == "HOME").then(|| "/home/ada".to_owned());
        let file = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| ErrorKind::NotFound.into())
        };
        ConfigFile::find(named, Environment(&variable), &file)
    }

    #[track_caller]
    fn check(named: Option<&str>, files: &[(&str, &str)], want: Option<(&str, &str)>) {
        let found = find(named, files).unwrap().project();
        assert_eq!(found.as_ref().map(|found| (&*found.text, &*found.place)), want);
    }

    const OURS: (&str, &str) = (".doorbell.toml", "project = \"ours\"");
    const MINE: (&str, &str) = ("/home/ada/.config/doorbell/config.toml", "project = 'mine'");

    #[test]
    fn the_repository_s_file_comes_before_the_person_s_and_a_named_one_before_both() {
        check(None, &[], None);
        check(None, &[MINE], Some(("mine", "/home/ada/.config/doorbell/config.toml: project")));
        check(None, &[MINE, OURS], Some(("ours", ".doorbell.toml: project")));
        check(Some("other.toml"), &[OURS, ("other.toml", "project = 'o'")], Some(("o", "other.toml: project")));
    }

    #[track_caller]
    fn check_wrong(named: Option<&str>, text: &str, part: &str) {
        let failure = find(named, &[(".doorbell.toml", text)]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(failure.what.contains(part), "{failure}");
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        check_wrong(Some("none.toml"), "", "none.toml: there is no such file");
        check_wrong(None, "\n\nprojekt = 'x'", ".doorbell.toml: line 3: unknown field `projekt`");
        check_wrong(None, "project = 7", "line 1: ");
        check_wrong(None, "project = 'x", "line 1: ");
    }
}
