//! Permissions: of the publisher one action, of the worker what it needs, of a build its own secrets.
use serde_json::{Value, json};

use super::definition::{
    ACCOUNT_ID, AccountDefinition, BUILD_ROLE, DEAD_LETTER_QUEUE, DUE_INDEX, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE,
    GIT_SECRET_PREFIX, JOBS_TABLE, LOG_GROUP_PREFIX, OWNER_ROLE, PINNED_BUILD_ROLE, PINNED_GIT_SECRET, PROJECT_INDEX,
    REPORT_SECRET_PREFIX, SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE, UNPRIVILEGED_BUILD_ROLE, WORKER_ROLE, arn,
    done_topic_arn, iam_arn, topic_arn,
};
use super::start_policy::{StartVariables, start_conditions};
use crate::sandbox::{PINNED_BUILD_PROJECT, UNPRIVILEGED_BUILD_PROJECT};

/// A role as IAM is to create it, with one inline policy.
#[derive(Debug, Clone)]
pub struct RoleDefinition {
    /// One of the role names in [`super::definition`].
    pub name: &'static str,
    /// The trust policy: which service may assume it.
    pub trust: Value,
    /// The permissions policy.
    pub policy: Value,
}

impl AccountDefinition {
    /// The publisher's only policy.
    pub fn publisher_policy(&self) -> Value {
        document([allow("Publish", &["sns:Publish"], [topic_arn()])])
    }

    /// The topic's policy: it denies plain HTTP. The publisher's own policy admits the publisher.
    pub fn topic_policy(&self) -> Value {
        document([deny_plain_http("sns:Publish", &topic_arn())])
    }

    /// The policy of the topic of done events: it denies plain HTTP, and publishing to all but the worker's role.
    pub fn done_topic_policy(&self) -> Value {
        let deny_others = json!({
            "Sid": "DenyOtherPublishers",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": done_topic_arn(),
            "Condition": { "ArnNotEquals": { "aws:PrincipalArn": iam_arn(&format!("role/{WORKER_ROLE}")) } },
        });
        document([deny_plain_http("sns:Publish", &done_topic_arn()), deny_others])
    }

    /// All roles.
    pub fn roles(&self) -> Vec<RoleDefinition> {
        vec![
            RoleDefinition { name: WORKER_ROLE, trust: trust_tasks(), policy: self.worker_policy() },
            RoleDefinition { name: BUILD_ROLE, trust: self.trust_builds(), policy: self.build_policy() },
            RoleDefinition { name: PINNED_BUILD_ROLE, trust: self.trust_builds(), policy: self.pinned_build_policy() },
            RoleDefinition {
                name: UNPRIVILEGED_BUILD_ROLE,
                trust: self.trust_builds(),
                policy: document([self.write_logs()]),
            },
        ]
    }

    /// The role of the account's owner, who runs `doorbell`; no part of the installation uses it.
    pub fn owner_role(&self) -> RoleDefinition {
        let root = json!({ "Effect": "Allow", "Principal": { "AWS": iam_arn("root") }, "Action": "sts:AssumeRole" });
        RoleDefinition { name: OWNER_ROLE, trust: document([root]), policy: self.owner_policy() }
    }

    /// The README of `doorbell-cli` lists what each command needs.
    fn owner_policy(&self) -> Value {
        let table = arn("dynamodb", &format!("table/{JOBS_TABLE}"));
        let table_actions = [
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ];
        let tables = [format!("{table}/index/{DUE_INDEX}"), format!("{table}/index/{PROJECT_INDEX}"), table];
        let queues =
            [TRIGGER_QUEUE, EVENT_QUEUE, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE];
        let dead_letter_queues = [DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE];
        let receive_actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];
        let topic = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish"];
        let registry = ["ssm:GetParameter", "ssm:GetParametersByPath", "ssm:PutParameter", "ssm:DeleteParameter"];
        let documents = arn("ssm", &format!("parameter{}", self.prefix));
        let describe_actions = [
            "events:DescribeRule",
            "events:ListRuleNamesByTarget",
            "events:ListTargetsByRule",
            "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
            "sns:GetSubscriptionAttributes",
        ];
        let groups =
            self.build_projects.iter().map(|project| arn("logs", &format!("log-group:{LOG_GROUP_PREFIX}{project}")));
        // AWS checks the permission on the streams, the emulator on the group.
        let groups: Vec<String> = groups.flat_map(|group| [format!("{group}:*"), group]).collect();
        document([
            allow("Rows", &table_actions, tables),
            allow(
                "ReadQueueAttributes",
                &["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
                queues.map(|queue| arn("sqs", queue)),
            ),
            allow("ReceiveDeadLetters", &receive_actions, dead_letter_queues.map(|queue| arn("sqs", queue))),
            allow("RedriveMessages", &["sqs:SendMessage"], [TRIGGER_QUEUE, EVENT_QUEUE].map(|queue| arn("sqs", queue))),
            allow("Topic", &topic, [topic_arn()]),
            // On AWS the ARNs of topic, rules and roles would suffice; the emulator checks the permission on `*`.
            allow("ReadInstallation", &describe_actions, ["*".to_owned()]),
            allow("Registry", &registry, [documents.clone(), format!("{documents}/*")]),
            allow("SecretsExist", &["secretsmanager:DescribeSecret"], [arn("secretsmanager", "secret:*")]),
            read_secrets("ReadReportTokens", REPORT_SECRET_PREFIX),
            allow("Builds", &["codebuild:BatchGetBuilds"], self.project_arns()),
            // On any name, since a document may hold any: a build project that does not exist must be distinguishable
            // from one that may not be read.
            allow("BuildProjects", &["codebuild:BatchGetProjects"], [arn("codebuild", "project/*")]),
            allow("ReadLogs", &["logs:GetLogEvents"], groups),
            allow("ReadBuildQuotas", &["servicequotas:GetServiceQuota"], [arn("servicequotas", "codebuild/*")]),
        ])
    }

    fn worker_policy(&self) -> Value {
        let queues = [TRIGGER_QUEUE, EVENT_QUEUE].map(|queue| arn("sqs", queue));
        let table = arn("dynamodb", &format!("table/{JOBS_TABLE}"));
        let table_actions = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
        let builds = ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject", "codebuild:StopBuild"];
        let mut start = allow("StartBuilds", &["codebuild:StartBuild"], self.project_arns());
        start["Condition"] = start_conditions();
        let statements = [
            allow("Receive", &["sqs:ReceiveMessage", "sqs:DeleteMessage"], queues),
            allow("SendToDeadLetterQueue", &["sqs:SendMessage"], [arn("sqs", DEAD_LETTER_QUEUE)]),
            self.read_registry(&["ssm:GetParameter", "ssm:GetParameters"]),
            allow("ListRegistry", &["ssm:GetParametersByPath"], [arn("ssm", &format!("parameter{}", self.prefix))]),
            read_secrets("ReadReportTokens", REPORT_SECRET_PREFIX),
            allow("ReadWriteJobs", &table_actions, [table.clone()]),
            allow("QueryDueJobs", &["dynamodb:Query"], [table.clone(), format!("{table}/index/{DUE_INDEX}")]),
            allow("FollowBuilds", &builds, self.project_arns()),
            start,
        ];
        let denied = self.build_projects.iter().map(|project| start_variables(project).deny_others(project));
        let announce = self.done_topic.then(|| allow("PublishDoneEvents", &["sns:Publish"], [done_topic_arn()]));
        document(statements.into_iter().chain(announce).chain(denied))
    }

    /// Reads one git secret, and no document: the worker sends what it needs of that.
    fn pinned_build_policy(&self) -> Value {
        let secret = arn("secretsmanager", &format!("secret:{PINNED_GIT_SECRET}-??????"));
        document([allow("ReadGitCredentials", &["secretsmanager:GetSecretValue"], [secret]), self.write_logs()])
    }

    fn build_policy(&self) -> Value {
        // CodeBuild resolves PARAMETER_STORE variables by `GetParameters`, as its own error messages show.
        let registry = self.read_registry(&["ssm:GetParameters"]);
        document([registry, read_secrets("ReadGitCredentials", GIT_SECRET_PREFIX), self.write_logs()])
    }

    fn read_registry(&self, actions: &[&str]) -> Value {
        allow("ReadRegistry", actions, [arn("ssm", &format!("parameter{}/*", self.prefix))])
    }

    fn write_logs(&self) -> Value {
        let groups =
            self.build_projects.iter().map(|project| arn("logs", &format!("log-group:{LOG_GROUP_PREFIX}{project}")));
        // The group's own ARN is for creating it, `:*` for the streams in it.
        let resources = groups.flat_map(|group| [format!("{group}:*"), group]);
        allow("WriteLogs", &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], resources)
    }

    /// Trusts CodeBuild, on behalf of these build projects only.
    fn trust_builds(&self) -> Value {
        trust("codebuild.amazonaws.com", "ArnEquals", json!(self.project_arns()))
    }

    fn project_arns(&self) -> Vec<String> {
        self.build_projects.iter().map(|project| arn("codebuild", &format!("project/{project}"))).collect()
    }
}

pub(super) fn deny_plain_http(action: &str, resource: &str) -> Value {
    json!({
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

fn read_secrets(sid: &str, prefix: &str) -> Value {
    allow(sid, &["secretsmanager:GetSecretValue"], [arn("secretsmanager", &format!("secret:{prefix}*"))])
}

fn start_variables(build_project: &str) -> StartVariables {
    match build_project {
        PINNED_BUILD_PROJECT => StartVariables::Pinned,
        UNPRIVILEGED_BUILD_PROJECT => StartVariables::Unprivileged,
        _ => StartVariables::All,
    }
}

/// Trusts ECS, on behalf of any cluster of this account.
fn trust_tasks() -> Value {
    trust("ecs-tasks.amazonaws.com", "ArnLike", json!(arn("ecs", "*")))
}

/// Trusts a service for this account only: the service also works for other accounts.
fn trust(service: &str, like: &str, source: Value) -> Value {
    document([json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT_ID }, like: { "aws:SourceArn": source } },
    })])
}

fn allow(sid: &str, actions: &[&str], resources: impl IntoIterator<Item = String>) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions,
        "Resource": resources.into_iter().collect::<Vec<_>>(),
    })
}

fn document(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>() })
}
