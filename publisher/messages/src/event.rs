use serde::{Deserialize, Serialize};

use crate::{ParseError, parse};

/// What a CodeBuild event says: which build to look at. Never believed for more (see the design: a row is looked up
/// and the provider asked), so anything else in it may be missing or unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEvent {
    /// Which of the two rules brought it.
    pub kind: EventKind,
    /// The build that it is about.
    pub build: BuildId,
    /// Whether the event claims that the build has ended: then the provider is asked again soon if it denies that.
    pub claims_final: bool,
}

/// The two kinds of event that we subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// "CodeBuild Build State Change"
    State,
    /// "CodeBuild Build Phase Change"
    Phase,
}

/// A CodeBuild build id: `<build project>:<uuid>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BuildId(String);

impl BuildId {
    /// Takes an id as the API gives it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Events name a build by its ARN, the API by the ARN's last part.
    fn from_arn(arn: &str) -> Option<Self> {
        let (_, id) = arn.split_once(":build/")?;
        let (project, build) = id.split_once(':')?;
        (arn.starts_with("arn:")
            && !project.is_empty()
            && !build.is_empty()
            && id.len() <= 400
            && id.bytes().all(|b| b.is_ascii_graphic()))
        .then(|| Self(id.to_owned()))
    }
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct EventJson {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: parse::Object<EventDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EventDetail {
    build_id: String,
    #[serde(default)]
    build_status: Option<String>,
    #[serde(default)]
    current_phase: Option<String>,
    #[serde(default)]
    completed_phase: Option<String>,
}

impl BuildEvent {
    /// Events list a build's environment and phases; they stay far below this.
    const MAX_BYTES: usize = 256 * 1024;

    /// Parses the body of an SQS message that an EventBridge rule put there.
    ///
    /// # Errors
    /// Anything that is not one of the two kinds of event, or names no build.
    pub fn parse(body: &str) -> Result<Self, ParseError> {
        if body.len() > Self::MAX_BYTES {
            return Err(ParseError::whole(format!(
                "the event has {} bytes: at most {} are read",
                body.len(),
                Self::MAX_BYTES
            )));
        }
        let wire: EventJson = parse::json(body)?;
        let parse::Object(detail) = wire.detail;
        if wire.source != "aws.codebuild" {
            return Err(ParseError::at(
                "$.source",
                crate::text::invalid(&wire.source, "only aws.codebuild is listened to"),
            ));
        }
        let kind = match wire.detail_type.as_str() {
            "CodeBuild Build State Change" => EventKind::State,
            "CodeBuild Build Phase Change" => EventKind::Phase,
            other => {
                return Err(ParseError::at(
                    "$.detail-type",
                    crate::text::invalid(other, "only build state and build phase changes are listened to"),
                ));
            }
        };
        let build = BuildId::from_arn(&detail.build_id).ok_or_else(|| {
            ParseError::at("$.detail.build-id", crate::text::invalid(&detail.build_id, "a build's ARN is expected"))
        })?;
        let claims_final = detail.build_status.is_some_and(|status| status != "IN_PROGRESS")
            || [detail.current_phase, detail.completed_phase].iter().flatten().any(|phase| phase == "COMPLETED");
        Ok(Self { kind, build, claims_final })
    }
}
