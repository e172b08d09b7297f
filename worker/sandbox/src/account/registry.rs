//! The owner's part: projects and secrets.
use serde_json::json;

use super::SandboxAccount;
use crate::aws::AwsError;

impl SandboxAccount {
    /// Writes the registry document of a project (or of `_default`), as the owner does.
    pub async fn put_parameter(&self, project: &str, document: &str) -> Result<(), AwsError> {
        let name = self.parameter_name(project);
        let body = json!({ "Name": name, "Value": document, "Type": "String", "Overwrite": true });
        self.root.json("ssm", "AmazonSSM.PutParameter", body).await.map(drop)
    }

    /// Removes a project from the registry.
    pub async fn delete_parameter(&self, project: &str) -> Result<(), AwsError> {
        let body = json!({ "Name": self.parameter_name(project) });
        self.root.json("ssm", "AmazonSSM.DeleteParameter", body).await.map(drop)
    }

    /// `<prefix>/<project>`, the parameter's name.
    pub fn parameter_name(&self, project: &str) -> String {
        format!("{}/{project}", self.definition.prefix)
    }

    /// Creates a secret, or sets its value if it exists.
    pub async fn put_secret(&self, id: &str, text: &str) -> Result<(), AwsError> {
        let create = json!({ "Name": id, "SecretString": text });
        match self.root.json("secretsmanager", "secretsmanager.CreateSecret", create).await {
            Err(error) if error.code == "ResourceExistsException" => {
                let put = json!({ "SecretId": id, "SecretString": text });
                self.root.json("secretsmanager", "secretsmanager.PutSecretValue", put).await.map(drop)
            }
            created => created.map(drop),
        }
    }
}
