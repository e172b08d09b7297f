//! Who may do what: the publisher one thing, the worker what a worker needs, a build its own secrets.
use serde_json::{Value, json};

use super::account::{
    ACCOUNT_ID, Account, BUILD, DEAD_LETTERS, DUE_INDEX, EVENTS, EVENTS_DEAD_LETTERS, GIT_SECRETS, LOG_GROUPS, OWNER,
    PROJECT_INDEX, PUBLISHER, REPORT_SECRETS, SUBSCRIPTION_DEAD_LETTERS, TABLE, TRIGGERS, UNPRIVILEGED_BUILD, WORKER,
    arn, iam_arn, topic_arn,
};

/// A role as IAM is to make it, with one inline policy.
#[derive(Debug, Clone)]
pub struct Role {
    /// One of the names in [`super::account`].
    pub name: &'static str,
    /// Which service may take it on.
    pub trust: Value,
    /// What it may do.
    pub policy: Value,
}

impl Account {
    /// The publisher's whole policy.
    pub fn publisher_policy(&self) -> Value {
        document([allow("Publish", &["sns:Publish"], [topic_arn()])])
    }

    /// The topic's policy: the publisher, over TLS.
    pub fn topic_policy(&self) -> Value {
        let mut publish = allow("Publish", &["sns:Publish"], [topic_arn()]);
        publish["Principal"] = json!({ "AWS": iam_arn(&format!("user/{PUBLISHER}")) });
        document([publish, deny_plain_http("sns:Publish", &topic_arn())])
    }

    /// All roles.
    pub fn roles(&self) -> Vec<Role> {
        vec![
            Role { name: WORKER, trust: trust_tasks(), policy: self.worker_policy() },
            Role { name: BUILD, trust: self.trust_builds(), policy: self.build_policy() },
            Role { name: UNPRIVILEGED_BUILD, trust: self.trust_builds(), policy: document([self.write_logs()]) },
        ]
    }

    /// The role of whoever runs `doorbell`: a person's, and none of the installation's own parts.
    pub fn owner_role(&self) -> Role {
        let root = json!({ "Effect": "Allow", "Principal": { "AWS": iam_arn("root") }, "Action": "sts:AssumeRole" });
        Role { name: OWNER, trust: document([root]), policy: self.owner_policy() }
    }

    /// What each command needs is listed in the README of `doorbell-cli`.
    fn owner_policy(&self) -> Value {
        let table = arn("dynamodb", &format!("table/{TABLE}"));
        let rows = [
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        ];
        let tables = [format!("{table}/index/{DUE_INDEX}"), format!("{table}/index/{PROJECT_INDEX}"), table];
        let queues = [TRIGGERS, EVENTS, DEAD_LETTERS, EVENTS_DEAD_LETTERS, SUBSCRIPTION_DEAD_LETTERS];
        let letters = [DEAD_LETTERS, EVENTS_DEAD_LETTERS, SUBSCRIPTION_DEAD_LETTERS];
        let take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];
        let topic = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish"];
        let registry = ["ssm:GetParameter", "ssm:GetParametersByPath", "ssm:PutParameter", "ssm:DeleteParameter"];
        let documents = arn("ssm", &format!("parameter{}", self.prefix));
        let look_around = [
            "events:DescribeRule",
            "events:ListRuleNamesByTarget",
            "events:ListTargetsByRule",
            "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
            "sns:GetSubscriptionAttributes",
        ];
        let groups = self.build_projects.iter().map(|project| arn("logs", &format!("log-group:{LOG_GROUPS}{project}")));
        // AWS asks about the streams, the emulator about the group.
        let groups: Vec<String> = groups.flat_map(|group| [format!("{group}:*"), group]).collect();
        document([
            allow("Rows", &rows, tables),
            allow(
                "ReadQueueAttributes",
                &["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
                queues.map(|queue| arn("sqs", queue)),
            ),
            allow("ReceiveDeadLetters", &take, letters.map(|queue| arn("sqs", queue))),
            allow("RedriveMessages", &["sqs:SendMessage"], [TRIGGERS, EVENTS].map(|queue| arn("sqs", queue))),
            allow("Topic", &topic, [topic_arn()]),
            // On AWS the topic, the rules and the roles would do; the emulator asks about `*`.
            allow("ReadInstallation", &look_around, ["*".to_owned()]),
            allow("Registry", &registry, [documents.clone(), format!("{documents}/*")]),
            allow("SecretsExist", &["secretsmanager:DescribeSecret"], [arn("secretsmanager", "secret:*")]),
            read_secrets("TryReportTokens", REPORT_SECRETS),
            allow("Builds", &["codebuild:BatchGetBuilds"], self.project_arns()),
            // Of any name, for that is what a document may hold: one that does not exist must be told from one that
            // may not be seen.
            allow("BuildProjects", &["codebuild:BatchGetProjects"], [arn("codebuild", "project/*")]),
            allow("ReadLogs", &["logs:GetLogEvents"], groups),
        ])
    }

    fn worker_policy(&self) -> Value {
        let queues = [TRIGGERS, EVENTS].map(|queue| arn("sqs", queue));
        let table = arn("dynamodb", &format!("table/{TABLE}"));
        let rows = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
        let builds = [
            "codebuild:BatchGetBuilds",
            "codebuild:ListBuildsForProject",
            "codebuild:StartBuild",
            "codebuild:StopBuild",
        ];
        document([
            allow("Receive", &["sqs:ReceiveMessage", "sqs:DeleteMessage"], queues),
            allow("SendToDeadLetterQueue", &["sqs:SendMessage"], [arn("sqs", DEAD_LETTERS)]),
            self.read_registry("ssm:GetParameter"),
            read_secrets("ReadReportTokens", REPORT_SECRETS),
            allow("ReadWriteJobs", &rows, [table.clone()]),
            allow("QueryDueJobs", &["dynamodb:Query"], [table.clone(), format!("{table}/index/{DUE_INDEX}")]),
            allow("RunBuilds", &builds, self.project_arns()),
        ])
    }

    fn build_policy(&self) -> Value {
        // CodeBuild resolves PARAMETER_STORE variables by the plural call, as its own error messages show.
        let registry = self.read_registry("ssm:GetParameters");
        document([registry, read_secrets("ReadGitCredentials", GIT_SECRETS), self.write_logs()])
    }

    fn read_registry(&self, action: &str) -> Value {
        allow("ReadRegistry", &[action], [arn("ssm", &format!("parameter{}/*", self.prefix))])
    }

    fn write_logs(&self) -> Value {
        let groups = self.build_projects.iter().map(|project| arn("logs", &format!("log-group:{LOG_GROUPS}{project}")));
        // A group's own ARN for making it, `:*` for the streams in it.
        let resources = groups.flat_map(|group| [format!("{group}:*"), group]);
        allow("WriteLogs", &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], resources)
    }

    /// CodeBuild, for these build projects and no other account's.
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

/// ECS, which names no cluster here.
fn trust_tasks() -> Value {
    trust("ecs-tasks.amazonaws.com", "ArnLike", json!(arn("ecs", "*")))
}

/// The service also works for other accounts.
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
