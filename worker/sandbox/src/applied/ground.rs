//! What there is before Terraform: services with nothing in them, and a forge with one repository.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::aws::AwsClient;
use crate::codebuild::{BuildCredentials, CodeBuild, CodeBuildOptions, Emulated, Settings};
use crate::credentials::{CredentialsServer, KeyRing, Roles};
use crate::emulator::Emulator;
use crate::forge::{Forge, ForgeOptions};
use crate::programs::Programs;
use crate::world::account::{ACCOUNT_ID, REGION};

/// All of it ends, and its files go, when this is dropped.
#[derive(Debug)]
pub(super) struct Ground {
    // Fields end in this order: what calls another ends before it.
    pub(super) codebuild: CodeBuild,
    pub(super) forge: Forge,
    pub(super) credentials: CredentialsServer,
    pub(super) emulator: Emulator,
    pub(super) root: AwsClient,
    pub(super) ring: KeyRing,
    pub(super) programs: Programs,
    image: Option<PathBuf>,
    bundle: PathBuf,
    dir: TempDir,
    // Builds run in the image, so their logs are in it.
    builds: PathBuf,
}

impl Ground {
    pub(super) async fn start(python: &Path, programs: Programs, image: Option<PathBuf>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("doorbell-").tempdir()?;
        let authority = Authority::new()?;
        let bundle = dir.path().join("authority.pem");
        authority.write_bundle(&bundle)?;
        let emulator = Emulator::start(python, dir.path(), &authority, false).await?;
        let root = AwsClient::new(emulator.endpoint(), REGION, emulator.root_key(), &authority)?;
        let ring = KeyRing::default();
        ring.add(emulator.root_key());
        let credentials = CredentialsServer::start(Roles::new(root.clone(), ACCOUNT_ID, ring.clone())).await?;
        let forge = Forge::start(ForgeOptions { authority: &authority, dir: dir.path().join("forge") }).await?;

        let builds = image.as_deref().unwrap_or(dir.path()).join("codebuild");
        std::fs::create_dir_all(&builds).with_context(|| format!("cannot make {}", builds.display()))?;
        // The forge's certificate is of this run's authority, which no image knows.
        authority.write_bundle(&builds.join("authority.pem"))?;
        let trusted = if image.is_some() { PathBuf::from("/codebuild") } else { builds.clone() }.join("authority.pem");
        let codebuild = CodeBuild::start(CodeBuildOptions {
            region: REGION.to_owned(),
            account: ACCOUNT_ID.to_owned(),
            services: Arc::new(Emulated::new(root.clone())),
            keys: ring.clone(),
            authority,
            work_dir: builds.clone(),
            path_dirs: vec![std::path::absolute(programs.dir())?],
            environment: BTreeMap::from([("SSL_CERT_FILE".to_owned(), trusted.display().to_string())]),
            image: image.clone(),
            build_credentials: BuildCredentials::Endpoint,
            settings: Settings::default(),
        })
        .await?;
        Ok(Self { codebuild, forge, credentials, emulator, root, ring, programs, image, bundle, dir, builds })
    }

    pub(super) fn builds_in_image(&self) -> bool {
        self.image.is_some()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// By which any AWS SDK, Terraform's included, finds these services.
    pub(super) fn sdk_environment(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.emulator.endpoint().to_owned()),
            ("AWS_ENDPOINT_URL_CODEBUILD", self.codebuild.url().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("SSL_CERT_FILE", self.bundle.display().to_string()),
            // On a developer's EC2 machine the SDK would take that machine's role, should ours be missing.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Looks for secrets in all that was written here and in `others`; answers how many files that were.
    ///
    /// # Errors
    /// One was found.
    pub(super) fn search(&self, secrets: &[String], others: &[&Path]) -> anyhow::Result<usize> {
        let mut files = Vec::new();
        for folder in others.iter().copied().chain([self.dir.path(), &self.builds]) {
            collect(folder, &mut files)?;
        }
        for file in &files {
            let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                ensure!(!found, "a secret stands in {}", file.display());
            }
        }
        Ok(files.len())
    }
}

/// Ordinary files of a folder: not what links lead to, such as the provider's program.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
