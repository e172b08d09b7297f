use std::path::{Path, PathBuf};
use std::process::Output;

use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitLogin, GitRepository, REGULAR_FILE};
use doorbell_sandbox::test_ca::TestCa;
use tokio::process::Command;

use super::ForgeFixture;

impl ForgeFixture {
    /// Runs git as the runner's user would, with trust in this sandbox's CA and one more setting.
    async fn git(&self, setting: Option<(&str, &str)>, arguments: &[&str]) -> Output {
        let bundle = self.dir.path().join("ca.pem");
        self.ca.write_trust_bundle(&bundle).unwrap();
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        git.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")]);
        git.envs([("GIT_TRACE_CURL", "1"), ("GIT_TRACE_CURL_NO_DATA", "1")])
            .env("GIT_SSL_CAINFO", bundle)
            .current_dir(self.dir.path());
        if let Some((key, value)) = setting {
            git.envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", key), ("GIT_CONFIG_VALUE_0", value)]);
        }
        git.args(arguments).output().await.unwrap()
    }

    async fn clone(&self, setting: Option<(&str, &str)>, url: &str, directory: &str) -> Result<PathBuf, String> {
        let output = self.git(setting, &["clone", "--quiet", url, directory]).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then(|| self.dir.path().join(directory)).ok_or(stderr)
    }
}

fn read(directory: &Path, file: &str) -> String {
    std::fs::read_to_string(directory.join(file)).unwrap()
}

/// The clone URL with a user and a password in it.
fn with_user(demo: &GitRepository, user: &str) -> String {
    demo.url().replace("https://", &format!("https://{user}@"))
}

#[tokio::test]
async fn public_repository_is_cloned_with_contents_and_modes() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = ForgeFixture::new().await;
    fixture
        .demo
        .commit("main", &[("bin/ci.sh", EXECUTABLE_FILE, "#!/bin/sh\nexit 0\n")], "Add a script")
        .await
        .unwrap();
    let directory = fixture.clone(None, &fixture.demo.url(), "copy").await.unwrap();
    assert_eq!(read(&directory, "README.md"), "# demo\n");
    assert_eq!(read(&directory, "bin/ci.sh"), "#!/bin/sh\nexit 0\n");
    assert_eq!(std::fs::metadata(directory.join("bin/ci.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert!(!directory.join("hello.txt").exists());
}

#[tokio::test]
async fn git_client_with_other_ca_cannot_connect() {
    let fixture = ForgeFixture::new().await;
    let fixture = ForgeFixture { ca: TestCa::new().unwrap(), ..fixture };
    assert!(fixture.clone(None, &fixture.demo.url(), "copy").await.unwrap_err().contains("certificate"));
    assert!(fixture.forge.calls().is_empty());
}

#[tokio::test]
async fn private_repository_requires_a_valid_credential() {
    let fixture = ForgeFixture::new().await;
    let basic = GitLogin::Basic { username: "ci".to_owned(), password: "secret".to_owned() };
    fixture.demo.make_private(&[basic, GitLogin::Bearer("bearer-secret".to_owned())]);
    let url = fixture.demo.url();
    let header = |text: &'static str| Some(("http.extraHeader", text));
    fixture.clone(None, &with_user(&fixture.demo, "ci:secret"), "basic").await.unwrap();
    fixture.clone(header("Authorization: Bearer bearer-secret"), &url, "bearer").await.unwrap();
    let rejected = [
        fixture.clone(None, &url, "none").await,
        fixture.clone(None, &with_user(&fixture.demo, "ci:wrong"), "wrong").await,
        fixture.clone(None, &with_user(&fixture.demo, "cj:secret"), "user").await,
        fixture.clone(header("Authorization: Bearer wrong"), &url, "token").await,
        fixture.clone(header("Authorization: Bearer secret"), &url, "kind").await,
        fixture.clone(header("Authorization: token bearer-secret"), &url, "scheme").await,
    ];
    for (number, result) in rejected.into_iter().enumerate() {
        let stderr = result.expect_err(&format!("clone {number} succeeded"));
        assert!(stderr.contains("Authentication failed") || stderr.contains("could not read Username"), "{stderr}");
    }
    let calls = fixture.forge.calls();
    assert!(calls.iter().all(|call| call.authorised == (call.status == Some(200))), "{calls:?}");
    assert!(calls.iter().any(|call| call.authorised) && calls.iter().any(|call| !call.authorised));
}

#[tokio::test]
async fn pull_request_head_tag_and_branch_can_be_fetched() {
    let fixture = ForgeFixture::new().await;
    let (demo, url) = (&fixture.demo, fixture.demo.url());
    let (old, head) = (demo.tip("main").await.unwrap().unwrap(), demo.tip("feature").await.unwrap().unwrap());
    demo.tag("v1", &old).await.unwrap();
    let new = demo.commit("main", &[("README.md", REGULAR_FILE, "new\n")], "New").await.unwrap();
    demo.delete_branch("feature").await.unwrap();
    let directory = fixture.clone(None, &url, "copy").await.unwrap();
    let at = async |fetched: &str| {
        let directory = directory.to_str().unwrap();
        let fetch = fixture.git(None, &["-C", directory, "fetch", "--quiet", &url, fetched]).await;
        assert!(fetch.status.success(), "{fetched}: {}", String::from_utf8_lossy(&fetch.stderr));
        let parsed = fixture.git(None, &["-C", directory, "rev-parse", "FETCH_HEAD"]).await;
        String::from_utf8(parsed.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(at("refs/pull/1/head").await, head.as_str());
    assert_eq!(at("refs/tags/v1").await, old.as_str());
    assert_eq!(at("refs/heads/main").await, new.as_str());
    demo.move_branch("main", &old).await.unwrap();
    assert_eq!(at("refs/heads/main").await, old.as_str());
}

#[tokio::test]
async fn fork_is_cloned_at_its_forks_path() {
    let fixture = ForgeFixture::new().await;
    let fork = fixture.forge.create_repository("forks/me/demo").await.unwrap();
    fork.commit("main", &[("a", REGULAR_FILE, "b")], "One").await.unwrap();
    assert!(fork.url().ends_with("/forks/me/demo.git"));
    let directory = fixture.clone(None, &fork.url(), "fork").await.unwrap();
    assert_eq!(read(&directory, "a"), "b");
}

#[tokio::test]
async fn long_fetch_negotiation_works_compressed_or_chunked() {
    let fixture = ForgeFixture::new().await;
    let check = async |directory: &str, post_buffer: &str, header: &str| {
        let copy = fixture.clone(None, &fixture.demo.url(), directory).await.unwrap();
        let copy = copy.to_str().unwrap();
        import_unknown_commits(&fixture, copy).await;
        let new = fixture.demo.commit("main", &[("n", REGULAR_FILE, directory)], "Another").await.unwrap();
        let fetch =
            fixture.git(Some(("http.postBuffer", post_buffer)), &["-C", copy, "fetch", "--quiet", "origin"]).await;
        let trace = String::from_utf8_lossy(&fetch.stderr).to_lowercase();
        assert!(fetch.status.success() && trace.contains(&format!("=> send header: {header}")), "{trace}");
        let parsed = fixture.git(None, &["-C", copy, "rev-parse", "origin/main"]).await;
        assert_eq!(String::from_utf8(parsed.stdout).unwrap().trim(), new.as_str());
    };
    check("compressed", "1048576", "content-encoding: gzip").await;
    // The smallest buffer that git accepts: larger requests are sent in chunks.
    check("chunked", "65536", "transfer-encoding: chunked").await;
}

/// Imports thousands of commits that the forge does not have: git offers them all before it finds a common one.
async fn import_unknown_commits(fixture: &ForgeFixture, directory: &str) {
    let commit =
        |n: u32| format!("commit refs/heads/local\ncommitter N <n@example.org> {} +0000\ndata 0\n", 1_800_000_000 + n);
    let stream = fixture.dir.path().join("stream");
    std::fs::write(&stream, (0..4000).map(commit).collect::<String>()).unwrap();
    let mut import = Command::new("git");
    import.args(["-C", directory, "fast-import", "--quiet"]).stdin(std::fs::File::open(&stream).unwrap());
    assert!(import.status().await.unwrap().success());
}

#[tokio::test]
async fn push_and_unknown_git_paths_are_refused() {
    let fixture = ForgeFixture::new().await;
    let directory = fixture.clone(None, &fixture.demo.url(), "copy").await.unwrap();
    let push = fixture.git(None, &["-C", directory.to_str().unwrap(), "push", "origin", "main:new"]).await;
    assert!(!push.status.success());
    for path in ["/nope.git/info/refs?service=git-upload-pack", "/demo.git/../../ca.pem", "/demo.git/nope", "/"] {
        assert_eq!(fixture.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_same_history_has_the_same_ids_in_two_forges() {
    let (one, two) = (ForgeFixture::new().await, ForgeFixture::new().await);
    assert_eq!(one.demo.tip("feature").await.unwrap(), two.demo.tip("feature").await.unwrap());
}

#[tokio::test]
async fn invalid_or_taken_repository_name_is_rejected() {
    let fixture = ForgeFixture::new().await;
    for name in ["", "/a", "a/", "../a", "a/../b", ".a", "-a", "a b", "a/b/c", "demo.git", "demo", "forks/me"] {
        assert!(fixture.forge.create_repository(name).await.is_err(), "{name:?}");
    }
}
