//! The environment before Terraform runs: empty services, and a forge with one repository.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::account::definition::{ACCOUNT_ID, REGION};
use crate::aws::AwsClient;
use crate::codebuild::{BuildCredentials, CodeBuildOptions, CodeBuildServer, CodeBuildSettings, EmulatedServices};
use crate::credentials::{CredentialsServer, KeyRing, RoleCredentials};
use crate::emulator::Emulator;
use crate::forge::{ForgeOptions, ForgeServer};
use crate::programs::Programs;
use crate::test_ca::TestCa;

/// The running services. Dropping this stops them and removes their files.
#[derive(Debug)]
pub(crate) struct BareEnvironment {
    // Fields are dropped in this order: a component is dropped before those that it calls.
    pub(crate) codebuild: CodeBuildServer,
    pub(crate) forge: ForgeServer,
    pub(crate) credentials: CredentialsServer,
    pub(crate) emulator: Emulator,
    pub(crate) root: AwsClient,
    pub(crate) key_ring: KeyRing,
    pub(crate) programs: Programs,
    image: Option<PathBuf>,
    trust_bundle: PathBuf,
    dir: TempDir,
    // Builds run in the image, so their logs are in it.
    builds_dir: PathBuf,
}

impl BareEnvironment {
    pub(crate) async fn start(python: &Path, programs: Programs, image: Option<PathBuf>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("doorbell-").tempdir()?;
        let ca = TestCa::new()?;
        let trust_bundle = dir.path().join("ca.pem");
        ca.write_trust_bundle(&trust_bundle)?;
        let emulator = Emulator::start(python, dir.path(), &ca, false).await?;
        let root = AwsClient::new(emulator.endpoint(), REGION, emulator.root_key(), &ca)?;
        let key_ring = KeyRing::default();
        key_ring.add(emulator.root_key());
        let credentials =
            CredentialsServer::start(RoleCredentials::new(root.clone(), ACCOUNT_ID, key_ring.clone())).await?;
        let forge = ForgeServer::start(ForgeOptions { ca: &ca, dir: dir.path().join("forge") }).await?;

        let builds_dir = image.as_deref().unwrap_or(dir.path()).join("codebuild");
        std::fs::create_dir_all(&builds_dir).with_context(|| format!("cannot create {}", builds_dir.display()))?;
        // The forge's certificate is of this run's CA, which no image trusts.
        ca.write_trust_bundle(&builds_dir.join("ca.pem"))?;
        let trusted = if image.is_some() { PathBuf::from("/codebuild") } else { builds_dir.clone() }.join("ca.pem");
        let codebuild = CodeBuildServer::start(CodeBuildOptions {
            region: REGION.to_owned(),
            account: ACCOUNT_ID.to_owned(),
            services: Arc::new(EmulatedServices::new(root.clone())),
            keys: key_ring.clone(),
            ca,
            work_dir: builds_dir.clone(),
            path_dirs: vec![std::path::absolute(programs.dir())?],
            environment: BTreeMap::from([("SSL_CERT_FILE".to_owned(), trusted.display().to_string())]),
            image: image.clone(),
            build_credentials: BuildCredentials::Endpoint,
            settings: CodeBuildSettings::default(),
        })
        .await?;
        Ok(Self {
            codebuild,
            forge,
            credentials,
            emulator,
            root,
            key_ring,
            programs,
            image,
            trust_bundle,
            dir,
            builds_dir,
        })
    }

    pub(crate) fn builds_in_image(&self) -> bool {
        self.image.is_some()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The environment by which any AWS SDK, Terraform's included, finds these services.
    pub(crate) fn sdk_environment(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.emulator.endpoint().to_owned()),
            ("AWS_ENDPOINT_URL_CODEBUILD", self.codebuild.url().to_owned()),
            ("AWS_ENDPOINT_URL_SERVICE_QUOTAS", self.codebuild.url().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("SSL_CERT_FILE", self.trust_bundle.display().to_string()),
            // On a developer's EC2 machine the SDK would use that machine's role if ours were missing.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Searches for secrets in all files that were written here and in `others`; returns the number of files.
    ///
    /// # Errors
    /// A secret was found.
    pub(crate) fn ensure_no_secrets(&self, secrets: &[String], others: &[&Path]) -> anyhow::Result<usize> {
        let directories: Vec<_> = others.iter().copied().chain([self.dir.path(), &self.builds_dir]).collect();
        ensure_no_secrets_in(&directories, secrets)
    }
}

/// Searches for secrets in all files of the directories; returns the number of files.
///
/// # Errors
/// A secret was found.
pub(crate) fn ensure_no_secrets_in(directories: &[&Path], secrets: &[String]) -> anyhow::Result<usize> {
    let mut files = Vec::new();
    for directory in directories {
        collect_files(directory, &mut files)?;
    }
    for file in &files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            ensure!(!found, "found a secret in {}", file.display());
        }
    }
    Ok(files.len())
}

/// The regular files of a directory. Links are skipped, such as that to the provider's program.
fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_files(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
