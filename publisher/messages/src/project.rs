use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::{checked_text, refused};
use crate::{BuildProjectName, GitUrl, ParseError, RefName, RefPattern, VariableName, parse};

/// An entry of the owner's registry: the project's document laid over `_default`'s, without the credentials that
/// iwomp-in-aws kept in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Doorbell project")]
pub struct ProjectDocument {
    /// Where the repository is.
    pub git_url: GitUrl,
    /// What a build runs.
    pub command: Command,
    /// The folder in the checkout that the command runs in.
    #[serde(default)]
    pub deploy_dir: DeployDir,
    /// A Secrets Manager secret for git; replaces authToken and basicUsername/basicPassword.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_credentials: Option<GitCredentials>,
    /// The refs that may be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<RefPattern>>,
    /// The one branch that may be built where `refs` is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<RefName>,
    /// Whether a named commit must be the ref's tip.
    #[serde(default)]
    pub commits: CommitRule,
    /// Whether pull requests are built, and how.
    #[serde(default)]
    pub pull_requests: PullRequestRule,
    /// What happens when it can't be known whether a build was started.
    #[serde(default)]
    pub on_unknown_start: OnUnknownStart,
    /// The CodeBuild project that runs this project's builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_project: Option<BuildProjectName>,
    /// The CodeBuild project, with a role that can do nothing, that runs pull requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unprivileged_build_project: Option<BuildProjectName>,
    /// Minutes that a build may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_minutes: Option<TimeoutMinutes>,
    /// The names that a request may set.
    #[serde(default)]
    pub variables: Vec<VariableName>,
    /// Whether a request with `action: cancel` may cancel a job.
    #[serde(default)]
    pub cancel_by_request: bool,
    /// Where the result is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// A command: a text is one executable, which gets the short ref as its argument (iwomp-in-aws's meaning); a list is
/// the whole argv. Neither is ever given to a shell by us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "CommandWire", into = "CommandWire")]
pub enum Command {
    /// One executable.
    Executable(String),
    /// The whole argv; never empty.
    Argv(Vec<String>),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text (one executable) or a list of texts (the whole argv)")]
enum CommandWire {
    Text(String),
    List(Vec<String>),
}

impl TryFrom<CommandWire> for Command {
    type Error = String;
    fn try_from(wire: CommandWire) -> Result<Self, String> {
        let command = match wire {
            CommandWire::Text(text) => Self::Executable(text),
            CommandWire::List(list) => Self::Argv(list),
        };
        let parts = match &command {
            Self::Executable(text) => std::slice::from_ref(text),
            Self::Argv(list) => list.as_slice(),
        };
        if parts.first().is_none_or(String::is_empty) {
            return Err("the command is empty".to_owned());
        }
        if parts.iter().any(|part| part.contains('\0')) {
            return Err("the command holds a NUL character".to_owned());
        }
        Ok(command)
    }
}

impl From<Command> for CommandWire {
    fn from(command: Command) -> Self {
        match command {
            Command::Executable(text) => Self::Text(text),
            Command::Argv(list) => Self::List(list),
        }
    }
}

checked_text!(
    /// A folder inside the checkout.
    DeployDir, check_directory
);

impl Default for DeployDir {
    fn default() -> Self {
        Self::here()
    }
}

impl DeployDir {
    /// The checkout's top.
    pub fn here() -> Self {
        // "." is good by the rule below; the type has no other way to be made without a check.
        Self::try_from(".".to_owned()).unwrap_or_else(|_| unreachable!("\".\" is a folder"))
    }
}

fn check_directory(text: &str) -> Result<(), String> {
    let inside = !text.starts_with('/') && text.split('/').all(|part| part != "..");
    if text.is_empty() || !inside || text.contains('\0') || text.len() > 1024 {
        return Err(refused(text, "a folder inside the checkout is relative and has no \"..\""));
    }
    Ok(())
}

/// The secret that git may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GitCredentials {
    /// A Secrets Manager name or ARN.
    pub secret: SecretId,
}

checked_text!(
    /// A Secrets Manager name or ARN; never the secret itself.
    SecretId, check_secret_id
);

fn check_secret_id(text: &str) -> Result<(), String> {
    let good = (1..=2048).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&b));
    good.then_some(()).ok_or_else(|| "a secret is named by its Secrets Manager name or ARN (A-Z a-z 0-9 / _ + = . @ - :)".to_owned())
}

/// Whether a named commit must be the ref's tip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommitRule {
    /// The tip or any of its ancestors.
    #[default]
    Ancestor,
    /// The tip only.
    Tip,
}

impl CommitRule {
    /// The word in documents and in the build's environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ancestor => "ancestor",
            Self::Tip => "tip",
        }
    }
}

impl std::str::FromStr for CommitRule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ancestor" => Ok(Self::Ancestor),
            "tip" => Ok(Self::Tip),
            other => Err(refused(other, "ancestor or tip")),
        }
    }
}

/// Whether pull requests are built. They are code from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequestRule {
    /// They are rejected.
    #[default]
    None,
    /// They are built by `unprivilegedBuildProject`, without secrets and variables.
    Unprivileged,
}

/// What happens when a start got no answer and, after every window has passed, no build is to be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownStart {
    /// Start it again.
    #[default]
    Retry,
    /// End the job as error: a person decides.
    Stop,
}

/// Minutes that a build may take: 5 to 2160 (CodeBuild's own limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(extend("minimum" = 5, "maximum" = 2160))]
pub struct TimeoutMinutes(u32);

impl TimeoutMinutes {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for TimeoutMinutes {
    type Error = String;
    fn try_from(minutes: u32) -> Result<Self, String> {
        if (5..=2160).contains(&minutes) { Ok(Self(minutes)) } else { Err(format!("{minutes} minutes: CodeBuild takes 5 to 2160")) }
    }
}

impl From<TimeoutMinutes> for u32 {
    fn from(minutes: TimeoutMinutes) -> u32 {
        minutes.0
    }
}

/// Where a job's status is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The kind of forge.
    #[serde(rename = "type")]
    pub kind: ReportKind,
    /// The forge's address, `https://host[/path]`.
    pub url: ForgeUrl,
    /// The repository as the forge's API spells it: `name`, `namespace/name` or `fork/user/name`.
    pub repo: ForgeRepo,
    /// The Secrets Manager secret that holds the forge's token.
    pub token_secret: SecretId,
    /// The name that the flag shows; not an account.
    #[serde(default = "default_username")]
    pub username: String,
}

fn default_username() -> String {
    "Doorbell".to_owned()
}

/// The forges that a status can be told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Pagure's flag API.
    Pagure,
}

checked_text!(
    /// A forge's address.
    ForgeUrl, check_forge_url
);
checked_text!(
    /// A repository's path in a forge's API.
    ForgeRepo, check_forge_repo
);

fn check_forge_url(text: &str) -> Result<(), String> {
    const RULE: &str = "a forge's address is https://host[:port][/path], without user name, query or fragment";
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let good = !rest.is_empty()
        && text.len() <= 512
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/~[]".contains(&b));
    good.then_some(()).ok_or_else(|| match text.rsplit_once('@') {
        Some((_, after)) => refused(&format!("...@{after}"), RULE),
        None => refused(text, RULE),
    })
}

fn check_forge_repo(text: &str) -> Result<(), String> {
    let part_ok = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    };
    let good = text.len() <= 255 && text.split('/').count() <= 4 && text.split('/').all(part_ok);
    good.then_some(()).ok_or_else(|| refused(text, "a repository is name, namespace/name or fork/user/name"))
}


/// Why a registry entry can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The document of every project.
    #[error("the registry's _default document is wrong: {0}")]
    Default(ParseError),
    /// The project's own, or both together.
    #[error("the project's registry document is wrong: {0}")]
    Project(ParseError),
}

/// The keys of iwomp-in-aws that hold a credential in the document itself.
const INLINE_CREDENTIALS: [&str; 3] = ["authToken", "basicUsername", "basicPassword"];

/// A registry entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDocument {
    /// What it says.
    pub document: ProjectDocument,
    /// Whether it holds credentials that only the build may see.
    pub inline_credentials: bool,
    /// What its owner should know.
    pub warnings: Vec<String>,
}

impl ProjectDocument {
    /// Lays the project's document over `_default`'s, key by key, and reads the result. Credentials are dropped
    /// before anything is read into a value that lives on.
    ///
    /// # Errors
    /// Text that is not a JSON object, a missing `gitUrl` or `command`, and every wrong value, by its name. Unknown
    /// keys are warnings: iwomp-in-aws's documents may carry more.
    pub fn read(default: Option<&str>, project: &str) -> Result<ReadDocument, DocumentError> {
        let mut merged = match default {
            Some(text) => object(text).map_err(DocumentError::Default)?,
            None => Map::new(),
        };
        merged.extend(object(project).map_err(DocumentError::Project)?);
        let inline_credentials = INLINE_CREDENTIALS
            .iter()
            .filter_map(|key| merged.remove(*key))
            .filter(|value| value.as_str() != Some(""))
            .count()
            > 0;
        let warnings = warnings(&merged, inline_credentials);
        let document = parse::value(Value::Object(merged)).map_err(DocumentError::Project)?;
        Ok(ReadDocument { document, inline_credentials, warnings })
    }
}

/// `null` means "not said", as it does to iwomp-in-aws.
fn object(text: &str) -> Result<Map<String, Value>, ParseError> {
    let map: Map<String, Value> = parse::json(text).map_err(without_quoting)?;
    Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// A document may hold credentials, and a JSON error may quote what it stumbled on.
fn without_quoting(error: ParseError) -> ParseError {
    let place = error.problem.rsplit_once(" at line ").map_or(String::new(), |(_, place)| format!(" (at line {place})"));
    ParseError { problem: format!("not a JSON object{place}"), ..error }
}

const KEYS: [&str; 15] = [
    "gitUrl", "command", "deployDir", "gitCredentials", "refs", "defaultBranch", "commits", "pullRequests", "onUnknownStart",
    "buildProject", "unprivilegedBuildProject", "timeoutMinutes", "variables", "cancelByRequest", "report",
];

fn warnings(merged: &Map<String, Value>, inline_credentials: bool) -> Vec<String> {
    let unknown = merged.keys().filter(|key| !KEYS.contains(&key.as_str())).map(|key| match closest(key) {
        Some(known) => format!("the key \"{}\" is unknown and ignored: is \"{known}\" meant?", key.escape_default()),
        None => format!("the key \"{}\" is unknown and ignored", key.escape_default()),
    });
    let credentials = inline_credentials.then(|| {
        "the document holds a git credential (authToken, basicUsername or basicPassword): move it to Secrets Manager and name \
         the secret in gitCredentials"
            .to_owned()
    });
    let open = (!merged.contains_key("refs") && !merged.contains_key("defaultBranch"))
        .then(|| "neither refs nor defaultBranch is set: any branch may be built".to_owned());
    unknown.chain(credentials).chain(open).collect()
}

/// The known key that an unknown one most likely misspells.
fn closest(key: &str) -> Option<&'static str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(key);
    KEYS.into_iter().find(|known| {
        let known = plain(known);
        let shared = known.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count()
            + known.bytes().rev().zip(wanted.bytes().rev()).take_while(|(a, b)| a == b).count();
        known == wanted || shared + 1 >= known.len().max(wanted.len())
    })
}
