//! Who may do what: the publisher one thing, the worker what a worker needs, a build its own secrets.
use serde_json::{Value, json};

use super::account::{
    Account, BUILD, DEAD_LETTERS, DUE_INDEX, EVENTS, GIT_SECRETS, LOG_GROUPS, PUBLISHER, REPORT_SECRETS, TABLE,
    TRIGGERS, UNPRIVILEGED_BUILD, WORKER, arn, iam_arn, topic_arn,
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
            Role { name: WORKER, trust: trust("ecs-tasks.amazonaws.com"), policy: self.worker_policy() },
            Role { name: BUILD, trust: trust("codebuild.amazonaws.com"), policy: self.build_policy() },
            Role {
                name: UNPRIVILEGED_BUILD,
                trust: trust("codebuild.amazonaws.com"),
                policy: document([self.write_logs()]),
            },
        ]
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
            allow("SetAside", &["sqs:SendMessage"], [arn("sqs", DEAD_LETTERS)]),
            self.read_registry("ssm:GetParameter"),
            read_secrets("ReadReportTokens", REPORT_SECRETS),
            allow("KeepRows", &rows, [table.clone()]),
            allow("FindRows", &["dynamodb:Query"], [table.clone(), format!("{table}/index/{DUE_INDEX}")]),
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

fn trust(service: &str) -> Value {
    document([json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" })])
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
