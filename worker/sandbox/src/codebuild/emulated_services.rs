//! The emulator's IAM, EventBridge, STS, Secrets Manager, SSM and CloudWatch Logs.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::services::{AwsServices, BuildLogLine, BuildRole, PermissionCheck, SecretVersion, ServiceFuture};
use crate::aws::{AwsClient, AwsError};
use crate::credentials::AccessKey;

/// How long a decision of IAM is cached: AWS's own policy changes take longer to propagate.
const GRANT_CACHE_TTL: Duration = Duration::from_secs(1);

/// The account around CodeBuild, as the emulator provides it.
#[derive(Debug)]
pub struct EmulatedServices {
    root: AwsClient,
    /// Cached permissions: principals, calls, and the time until which the decision holds.
    ///
    /// Each query costs the emulator as much as three other calls.
    grants: Mutex<HashMap<(String, PermissionCheck), Instant>>,
}

impl EmulatedServices {
    /// `root` is the key of CodeBuild itself, which no policy of the account restricts.
    pub fn new(root: AwsClient) -> Self {
        Self { root, grants: Mutex::default() }
    }

    fn cached_grants(&self) -> MutexGuard<'_, HashMap<(String, PermissionCheck), Instant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AwsServices for EmulatedServices {
    fn is_allowed<'a>(&'a self, who: &'a AccessKey, call: &'a PermissionCheck) -> ServiceFuture<'a, bool> {
        async move {
            let check = (who.principal_arn.clone(), call.clone());
            let now = Instant::now();
            if self.cached_grants().get(&check).is_some_and(|until| *until > now) {
                return Ok(true);
            }
            let may = simulate_policy(&self.root, &who.principal_arn, call).await?;
            let mut granted = self.cached_grants();
            granted.retain(|_, until| *until > now);
            if may {
                granted.insert(check, now + GRANT_CACHE_TTL);
            }
            Ok(may)
        }
        .boxed()
    }

    fn put_events(&self, entries: Vec<Value>) -> ServiceFuture<'_, ()> {
        async move {
            let body = json!({"Entries": entries});
            let response = self.root.json("events", "AWSEvents.PutEvents", body).await?;
            // PutEvents rejects single entries within a 200.
            match response["FailedEntryCount"].as_u64() {
                Some(0) => Ok(()),
                _ => Err(AwsError::invalid_response(200, response)),
            }
        }
        .boxed()
    }

    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session: &'a str,
        project: &'a str,
    ) -> ServiceFuture<'a, Arc<dyn BuildRole>> {
        async move {
            // The launcher takes the external id, which services do not use, for the service's source.
            let params = [("RoleArn", role_arn), ("RoleSessionName", session), ("ExternalId", project)];
            let response = self.root.query("sts", "2011-06-15", "AssumeRole", &params).await?;
            let field = |tag: &str| {
                response
                    .text(tag)
                    .ok_or_else(|| AwsError::invalid_response(200, format!("AssumeRole's response has no {tag}")))
            };
            let expires: Timestamp =
                field("Expiration")?.parse().map_err(|error| AwsError::invalid_response(200, error))?;
            let name = role_arn.rsplit('/').next().unwrap_or_default();
            let key = AccessKey {
                access_key_id: field("AccessKeyId")?,
                secret_access_key: field("SecretAccessKey")?,
                session_token: Some(field("SessionToken")?),
                principal_arn: role_arn.to_owned(),
                initiator: format!("{name}/{session}"),
            };
            let role: Arc<dyn BuildRole> = Arc::new(EmulatedRole::new(self.root.clone(), key, expires));
            Ok(role)
        }
        .boxed()
    }
}

async fn simulate_policy(root: &AwsClient, principal: &str, call: &PermissionCheck) -> Result<bool, AwsError> {
    let mut params = vec![
        ("PolicySourceArn".to_owned(), principal),
        ("ActionNames.member.1".to_owned(), &call.action),
        ("ResourceArns.member.1".to_owned(), &call.resource),
    ];
    for (number, (key, values)) in (1..).zip(&call.context) {
        let entry = format!("ContextEntries.member.{number}");
        params.push((format!("{entry}.ContextKeyName"), key));
        params.push((format!("{entry}.ContextKeyType"), "stringList"));
        for (number, value) in (1..).zip(values) {
            params.push((format!("{entry}.ContextKeyValues.member.{number}"), value));
        }
    }
    let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let response = root.query("iam", "2010-05-08", "SimulatePrincipalPolicy", &params).await?;
    Ok(response.text("EvalDecision").as_deref() == Some("allowed"))
}

#[derive(Debug)]
struct EmulatedRole {
    root: AwsClient,
    client: AwsClient,
    expires: Timestamp,
    /// Whether the build's log stream exists.
    logs: OnceCell<()>,
}

impl BuildRole for EmulatedRole {
    fn key(&self) -> &AccessKey {
        self.client.key()
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }

    fn secret<'a>(&'a self, wanted: &'a SecretVersion) -> ServiceFuture<'a, String> {
        async move {
            let mut body = json!({"SecretId": wanted.id});
            if let Some(stage) = &wanted.stage {
                body["VersionStage"] = json!(stage);
            }
            if let Some(version) = &wanted.version {
                body["VersionId"] = json!(version);
            }
            let response = self.client.json("secretsmanager", "secretsmanager.GetSecretValue", body).await?;
            require_string(&response["SecretString"], "the secret is not a string")
        }
        .boxed()
    }

    /// Reads a parameter, as CodeBuild does by GetParameters.
    ///
    /// The emulator checks that action against `*`, which a role of least privilege does not have. So its IAM is asked
    /// about the parameter itself, as AWS's would be, and the value is read as root.
    fn parameter<'a>(&'a self, name: &'a str) -> ServiceFuture<'a, String> {
        async move {
            let principal = &self.key().principal_arn;
            let resource = parameter_arn(name, self.client.region(), principal);
            let call = PermissionCheck { action: "ssm:GetParameters".to_owned(), resource, context: Vec::new() };
            if !simulate_policy(&self.root, principal, &call).await? {
                let PermissionCheck { action, resource, .. } = call;
                let message =
                    format!("User: {principal} is not authorized to perform: {action} on resource: {resource}");
                return Err(AwsError { status: 400, code: "AccessDeniedException".to_owned(), message });
            }
            let body = json!({"Names": [name], "WithDecryption": true});
            let response = self.root.json("ssm", "AmazonSSM.GetParameters", body).await?;
            match &response["Parameters"][0]["Value"] {
                Value::String(value) => Ok(value.clone()),
                _ => Err(AwsError {
                    status: 400,
                    code: "ParameterNotFound".to_owned(),
                    message: format!("parameter does not exist: {name}"),
                }),
            }
        }
        .boxed()
    }

    fn log<'a>(&'a self, group: &'a str, stream: &'a str, lines: Vec<BuildLogLine>) -> ServiceFuture<'a, ()> {
        async move {
            self.logs.get_or_try_init(|| self.make_stream(group, stream)).await?;
            let events: Vec<_> = lines.iter().map(|line| json!({"timestamp": line.at, "message": line.text})).collect();
            let body = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
            self.client.json("logs", "Logs_20140328.PutLogEvents", body).await.map(drop)
        }
        .boxed()
    }
}

impl EmulatedRole {
    fn new(root: AwsClient, key: AccessKey, expires: Timestamp) -> Self {
        Self { client: root.with_key(key), root, expires, logs: OnceCell::new() }
    }

    /// Creates the group only if the stream's creation fails: a role may lack the permission for the group.
    async fn make_stream(&self, group: &str, stream: &str) -> Result<(), AwsError> {
        let body = json!({"logGroupName": group, "logStreamName": stream});
        let made = self.client.json("logs", "Logs_20140328.CreateLogStream", body.clone()).await;
        if !made.as_ref().is_err_and(|error| error.code == "ResourceNotFoundException") {
            return made.map(drop);
        }
        match self.client.json("logs", "Logs_20140328.CreateLogGroup", json!({"logGroupName": group})).await {
            Err(error) if error.code != "ResourceAlreadyExistsException" => return Err(error),
            _ => {}
        }
        self.client.json("logs", "Logs_20140328.CreateLogStream", body).await.map(drop)
    }
}

fn require_string(value: &Value, otherwise: &str) -> Result<String, AwsError> {
    value.as_str().map(str::to_owned).ok_or_else(|| AwsError::invalid_response(200, otherwise))
}

/// The name of a parameter: a variable names it by its name or its ARN.
fn parameter_arn(name: &str, region: &str, role_arn: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let account = role_arn.split(':').nth(4).unwrap_or_default();
    format!("arn:aws:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}
