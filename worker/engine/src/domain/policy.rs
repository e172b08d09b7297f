use doorbell_messages::{
    CommitId, CommitRule, GitRef, Request, RequestAction, RequestCommitRule, is_reserved_variable,
};
use doorbell_registry::{
    BuildCommand, BuildProjectName, DocumentError, OrderRule, ParsedDocument, ProjectDocument, PullRequestRule,
};

use crate::domain::rejection::{Rejection, RejectionKind};

/// What a project may run, by the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The project's document, laid over `_default`'s, without the credentials that may stand in it.
    pub document: ProjectDocument,
    /// Whether the documents hold a credential that only the build may see.
    pub inline_credentials: bool,
    /// The name of the project's document in the registry.
    pub project_parameter: String,
    /// The name of the document of `_default`, where it exists.
    pub default_parameter: Option<String>,
    /// The build project of documents that name none.
    pub fallback_build_project: Option<BuildProjectName>,
    /// What the documents' owner should know.
    pub warnings: Vec<String>,
}

/// The documents of a project, as the registry holds them.
#[derive(Clone)]
pub struct RegistryDocuments {
    /// The document's name and its JSON.
    pub project: (String, String),
    /// The same of `_default`, where it exists.
    pub default: Option<(String, String)>,
}

/// Shows the names only: the JSON may hold credentials.
impl std::fmt::Debug for RegistryDocuments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryDocuments")
            .field("project", &self.project.0)
            .field("default", &self.default.as_ref().map(|(name, _)| name))
            .finish()
    }
}

impl Policy {
    /// Reads a project's documents.
    ///
    /// # Errors
    /// A document that is not JSON, lacks a key or holds a wrong value.
    pub fn read(documents: &RegistryDocuments, fallback: Option<&BuildProjectName>) -> Result<Self, DocumentError> {
        let default_text = documents.default.as_ref().map(|(_, text)| text.as_str());
        let ParsedDocument { document, inline_credentials, warnings } =
            ProjectDocument::parse(default_text, &documents.project.1)?;
        Ok(Self {
            document,
            inline_credentials,
            project_parameter: documents.project.0.clone(),
            default_parameter: documents.default.as_ref().map(|(name, _)| name.clone()),
            fallback_build_project: fallback.cloned(),
            warnings,
        })
    }

    /// Whether the project may run what is asked, and which build project runs it.
    ///
    /// # Errors
    /// The first reason against it.
    pub(crate) fn evaluate(&self, request: &Request) -> Result<BuildProjectName, Rejection> {
        if request.action == RequestAction::Cancel && !self.document.allow_cancel {
            return Err(Rejection::new(
                RejectionKind::CancelNotAllowed,
                format!("project {} does not let requests cancel jobs (allowCancel)", request.project),
            ));
        }
        if request.action == RequestAction::Cancel && request.id.is_none() {
            // Its key would hold its own message id, which no other request has.
            return Err(Rejection::new(
                RejectionKind::CancelWithoutTarget,
                "a cancel names the id of the request whose job it means, and has none",
            ));
        }
        if request.action == RequestAction::Start && request.allow_older && !self.document.allow_older {
            return Err(Rejection::new(
                RejectionKind::OlderNotAllowed,
                format!("project {} does not let requests build an older commit (allowOlder)", request.project),
            ));
        }
        self.check_ref(request)?;
        self.check_variables(request)?;
        self.check_commit_rule(request)?;
        self.choose_build_project(request)
    }

    fn check_ref(&self, request: &Request) -> Result<(), Rejection> {
        let git_ref = &request.git_ref;
        let allowed = match (git_ref, &self.document.refs, &self.document.default_branch) {
            (GitRef::PullRequest(_), _, _) => return self.check_pull_request(request),
            (_, Some(refs), _) => refs.iter().any(|pattern| pattern.matches(git_ref)),
            (GitRef::Branch(name), None, Some(branch)) => name == branch,
            // As in iwomp: any branch, with a warning.
            (GitRef::Branch(_), None, None) => true,
            (GitRef::Tag(_), None, _) => false,
        };
        if allowed {
            return Ok(());
        }
        let list = match (&self.document.refs, &self.document.default_branch) {
            (Some(refs), _) => refs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            (None, Some(branch)) => format!("heads/{branch}"),
            (None, None) => "heads/*".to_owned(),
        };
        Err(Rejection::new(
            RejectionKind::RefNotAllowed,
            format!("{git_ref} is not among the refs that project {} may build: {list}", request.project),
        ))
    }

    fn check_pull_request(&self, request: &Request) -> Result<(), Rejection> {
        if self.document.pull_requests == PullRequestRule::None {
            return Err(Rejection::new(
                RejectionKind::PullRequestNotAllowed,
                format!("project {} does not build pull requests", request.project),
            ));
        }
        if !request.variables.is_empty() {
            return Err(Rejection::new(
                RejectionKind::VariableNotAllowed,
                "a pull request is built without variables, and the request sets some",
            ));
        }
        Ok(())
    }

    fn check_variables(&self, request: &Request) -> Result<(), Rejection> {
        let not_allowed = |reason| Err(Rejection::new(RejectionKind::VariableNotAllowed, reason));
        for (name, value) in request.variables.iter() {
            if is_reserved_variable(name) {
                return not_allowed(format!("the variable {name} is reserved: no request may set it"));
            }
            let Some(rule) = self.document.variables.rule(name) else {
                return not_allowed(format!(
                    "project {} does not let requests set the variable {name}",
                    request.project
                ));
            };
            if let Err(problem) = rule.check(value) {
                return not_allowed(format!("the value of the variable {name} {problem}"));
            }
        }
        Ok(())
    }

    /// The rule for the commit of a request: a request may narrow the project's rule, and never widens it.
    pub(crate) fn commit_rule(&self, request: &Request) -> CommitRule {
        match request.commit_rule {
            Some(RequestCommitRule::Tip) => CommitRule::Tip,
            None => self.document.commit_policy,
        }
    }

    /// A pinned build project has its rule from its owner: what a request asks beyond it would be lost on the way.
    fn check_commit_rule(&self, request: &Request) -> Result<(), Rejection> {
        if self.is_pinned(&request.git_ref) && self.commit_rule(request) != self.document.commit_policy {
            return Err(Rejection::new(
                RejectionKind::CommitRuleFixed,
                format!("project {} is pinned, so no request can narrow its commitPolicy", request.project),
            ));
        }
        Ok(())
    }

    /// Whether the build project of this ref fixes what it builds. That of pull requests is shared, so it never does.
    pub(crate) fn is_pinned(&self, git_ref: &GitRef) -> bool {
        self.document.pinned && !matches!(git_ref, GitRef::PullRequest(_))
    }

    fn choose_build_project(&self, request: &Request) -> Result<BuildProjectName, Rejection> {
        let missing = |reason| Err(Rejection::new(RejectionKind::BuildProjectMissing, reason));
        let document = &self.document;
        let (chosen, key) = match request.git_ref {
            // The fallback is shared, so it fixes nothing.
            _ if self.is_pinned(&request.git_ref) => (document.build_project.as_ref(), "buildProject"),
            // Never the privileged one, and never the fallback, which may be privileged.
            GitRef::PullRequest(_) => (document.unprivileged_build_project.as_ref(), "unprivilegedBuildProject"),
            _ => (document.build_project.as_ref().or(self.fallback_build_project.as_ref()), "buildProject"),
        };
        let privileged = [document.build_project.as_ref(), self.fallback_build_project.as_ref()];
        if matches!(request.git_ref, GitRef::PullRequest(_)) && chosen.is_some() && privileged.contains(&chosen) {
            return missing(format!(
                "project {} names one build project for branches and for pull requests: they must differ",
                request.project
            ));
        }
        match chosen {
            Some(build_project) => Ok(build_project.clone()),
            None => missing(format!("project {} names no build project ({key})", request.project)),
        }
    }

    /// Whether the order of jobs can be decided for a build of this commit. `newest` compares commits, so it needs one.
    ///
    /// # Errors
    /// The commit is not known.
    pub(crate) fn check_order(&self, commit: Option<&CommitId>) -> Result<(), Rejection> {
        if self.document.order == OrderRule::Newest && commit.is_none() {
            return Err(Rejection::new(
                RejectionKind::CommitMissing,
                "the project builds the newest commit of a ref (order): the request names no commit, and the project \
                 has no reportTo whose forge resolves the ref",
            ));
        }
        Ok(())
    }

    /// The command of the build. A string is one executable, which gets the short ref as its argument, as in iwomp.
    pub(crate) fn argv(&self, git_ref: &GitRef) -> Vec<String> {
        match &self.document.command {
            BuildCommand::Executable(program) => vec![program.clone(), git_ref.short()],
            BuildCommand::Argv(argv) => argv.clone(),
        }
    }
}
