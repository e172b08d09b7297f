use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for a machine that is busy; nothing waits this long when all is well.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A folder with a repository, and a place for the build.
pub(crate) struct RunnerFixture {
    directory: TempDir,
}

impl RunnerFixture {
    /// The repository holds one commit on `main`: an executable `deploy` that prints what it got.
    pub(crate) fn new() -> Self {
        // A name that may be a part of a ref, unlike the usual `.tmp...`.
        let fixture = Self { directory: tempfile::Builder::new().prefix("fixture-").tempdir().unwrap() };
        fs::create_dir(fixture.path("build")).unwrap();
        fixture.git_in(Path::new("."), &["init", "--quiet", "--initial-branch=main", "repository"]);
        fixture.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        fixture.script("deploy", "#!/bin/sh\necho \"deployed $*\"\n");
        fixture.commit("first");
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path("repository").display())
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("repository").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn script(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path("repository").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Commits everything; gives the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Adds empty commits, quickly.
    pub(crate) fn commits(&self, count: usize) {
        let stream: String = (0..count)
            .map(|n| {
                format!(
                    "commit refs/heads/main\ncommitter T <t@example.org> {} +0000\ndata 1\nx\n{}\n",
                    1_700_000_000 + n,
                    if n == 0 { "from refs/heads/main^0\n" } else { "" }
                )
            })
            .collect();
        fs::write(self.path("stream"), stream).unwrap();
        let stream = fs::File::open(self.path("stream")).unwrap();
        let mut import = self.git_command(Path::new("repository"), &["fast-import", "--quiet"]);
        assert!(import.stdin(stream).status().unwrap().success());
        self.git(&["reset", "--quiet", "--hard"]);
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(Path::new("repository"), args)
    }

    pub(crate) fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.git_command(folder, args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn git_command(&self, folder: &Path, args: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.args(args).current_dir(self.path(folder.to_str().unwrap()));
        git.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "T").env(format!("GIT_{who}_EMAIL"), "t@example.org");
        }
        git
    }

    /// A bare copy of the repository, which a git host serves by this name.
    pub(crate) fn publish(&self, name: &str) {
        self.git_in(Path::new("."), &["clone", "--quiet", "--bare", "--no-local", "repository", name]);
    }

    /// As [`RunnerFixture::build`], with a shell script in git's place; `$GIT` is the real one.
    pub(crate) fn build_with_git(&self, script: &str) -> RunnerBuild {
        let real = Command::new("sh").args(["-c", "command -v git"]).output().unwrap().stdout;
        let real = String::from_utf8(real).unwrap();
        fs::create_dir(self.path("bin")).unwrap();
        fs::write(self.path("script"), format!("#!/bin/sh\nGIT={}\n{script}\n", real.trim())).unwrap();
        // Not written by us: a test that forks just then would hold the program open ("text file busy").
        let (from, to) = (self.path("script"), self.path("bin/git"));
        assert!(Command::new("install").args(["-m", "755"]).args([from, to]).status().unwrap().success());
        self.build().with("PATH", &format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()))
    }

    /// A build of `main` that runs `./deploy main`.
    pub(crate) fn build(&self) -> RunnerBuild {
        let path = std::env::var("PATH").unwrap();
        let build = RunnerBuild { directory: self.path("build"), variables: BTreeMap::new() };
        build
            .with("PATH", &path)
            .with("DOORBELL_JOB_ID", "here:demo#1#abc")
            .with("DOORBELL_PROJECT", "demo")
            .with("DOORBELL_REF", "refs/heads/main")
            .with("DOORBELL_COMMIT_RULE", "ancestor")
            .with("DOORBELL_GIT_URL", &self.url())
            .with("DOORBELL_ARGV", r#"["./deploy","main"]"#)
            .with("DOORBELL_DIRECTORY", ".")
            .with("DOORBELL_TIMEOUT_SECONDS", "60")
            .with("DOORBELL_GIT_PROTOCOLS", "file")
    }
}

/// What a build container is started with.
#[derive(Clone)]
pub(crate) struct RunnerBuild {
    directory: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
}

impl RunnerBuild {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn argv(self, argv: &[&str]) -> Self {
        let json = serde_json::Value::from(argv).to_string();
        self.with("DOORBELL_ARGV", &json)
    }

    /// Runs `script` by `/bin/sh -c`, which the runner itself never does.
    pub(crate) fn shell(self, script: &str) -> Self {
        self.argv(&["/bin/sh", "-c", script])
    }

    pub(crate) fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbell-runner"));
        command.env_clear().envs(&self.variables).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn run(&self) -> RunResult {
        RunResult::from_output(self.start().wait_with_output().unwrap())
    }

    /// Runs, and insists on the exit code.
    #[track_caller]
    pub(crate) fn assert_exit(&self, code: i32) -> RunResult {
        let result = self.run();
        assert_eq!(result.code, Some(code), "{}\n{}", result.stdout, result.log);
        result
    }

    pub(crate) fn checkout_exists(&self) -> bool {
        self.directory.join("checkout").exists()
    }
}

/// What people saw of a build.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

impl RunResult {
    pub(crate) fn from_output(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), log: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn assert_log(self, text: &str) -> Self {
        assert!(self.log.contains(text), "{text:?} is not in:\n{}", self.log);
        self
    }
}

/// Waits for a condition that must come true.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + WAIT_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < limit, "{what}: not within {WAIT_TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) fn read(path: impl AsRef<OsStr>) -> String {
    fs::read_to_string(Path::new(path.as_ref())).unwrap_or_default()
}
