use std::path::{Path, PathBuf};
use std::process::Output;

use doorbell_sandbox::authority::Authority;
use doorbell_sandbox::forge::{EXECUTABLE, GitLogin, PLAIN, Repository};
use tokio::process::Command;

use super::Stage;

impl Stage {
    /// git as the runner's user would have it, trusting this sandbox's authority, with one more setting.
    async fn git(&self, setting: Option<(&str, &str)>, arguments: &[&str]) -> Output {
        let bundle = self.dir.path().join("ca.pem");
        self.authority.write_bundle(&bundle).unwrap();
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

    async fn clone(&self, setting: Option<(&str, &str)>, url: &str, folder: &str) -> Result<PathBuf, String> {
        let output = self.git(setting, &["clone", "--quiet", url, folder]).await;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then(|| self.dir.path().join(folder)).ok_or(words)
    }
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// The repository's address with a user and a password in it.
fn with_user(demo: &Repository, user: &str) -> String {
    demo.url().replace("https://", &format!("https://{user}@"))
}

#[tokio::test]
async fn a_public_repository_is_cloned_by_anybody_with_contents_and_modes() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::set().await;
    stage.demo.commit("main", &[("bin/ci.sh", EXECUTABLE, "#!/bin/sh\nexit 0\n")], "Add a script").await.unwrap();
    let folder = stage.clone(None, &stage.demo.url(), "copy").await.unwrap();
    assert_eq!(read(&folder, "README.md"), "# demo\n");
    assert_eq!(read(&folder, "bin/ci.sh"), "#!/bin/sh\nexit 0\n");
    assert_eq!(std::fs::metadata(folder.join("bin/ci.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert!(!folder.join("hello.txt").exists());
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_gets_nothing() {
    let stage = Stage::set().await;
    let stage = Stage { authority: Authority::new().unwrap(), ..stage };
    assert!(stage.clone(None, &stage.demo.url(), "copy").await.unwrap_err().contains("certificate"));
    assert!(stage.forge.calls().is_empty());
}

#[tokio::test]
async fn a_private_repository_is_cloned_with_either_kind_of_credential_and_with_no_other() {
    let stage = Stage::set().await;
    let basic = GitLogin::Basic { username: "ci".to_owned(), password: "secret".to_owned() };
    stage.demo.make_private(&[basic, GitLogin::Bearer("bearer-secret".to_owned())]);
    let url = stage.demo.url();
    let header = |text: &'static str| Some(("http.extraHeader", text));
    stage.clone(None, &with_user(&stage.demo, "ci:secret"), "basic").await.unwrap();
    stage.clone(header("Authorization: Bearer bearer-secret"), &url, "bearer").await.unwrap();
    let refused = [
        stage.clone(None, &url, "none").await,
        stage.clone(None, &with_user(&stage.demo, "ci:wrong"), "wrong").await,
        stage.clone(None, &with_user(&stage.demo, "cj:secret"), "user").await,
        stage.clone(header("Authorization: Bearer wrong"), &url, "token").await,
        stage.clone(header("Authorization: Bearer secret"), &url, "kind").await,
        stage.clone(header("Authorization: token bearer-secret"), &url, "scheme").await,
    ];
    for (number, result) in refused.into_iter().enumerate() {
        let words = result.expect_err(&format!("clone {number} was let in"));
        assert!(words.contains("Authentication failed") || words.contains("could not read Username"), "{words}");
    }
    let calls = stage.forge.calls();
    assert!(calls.iter().all(|call| call.authorised == (call.status == Some(200))), "{calls:?}");
    assert!(calls.iter().any(|call| call.authorised) && calls.iter().any(|call| !call.authorised));
}

#[tokio::test]
async fn a_pull_requests_head_a_tag_and_an_old_commit_of_a_branch_can_be_fetched() {
    let stage = Stage::set().await;
    let (demo, url) = (&stage.demo, stage.demo.url());
    let (old, head) = (demo.tip("main").await.unwrap().unwrap(), demo.tip("feature").await.unwrap().unwrap());
    demo.tag("v1", &old).await.unwrap();
    let new = demo.commit("main", &[("README.md", PLAIN, "new\n")], "New").await.unwrap();
    demo.delete_branch("feature").await.unwrap();
    let folder = stage.clone(None, &url, "copy").await.unwrap();
    let at = async |fetched: &str| {
        let folder = folder.to_str().unwrap();
        let fetch = stage.git(None, &["-C", folder, "fetch", "--quiet", &url, fetched]).await;
        assert!(fetch.status.success(), "{fetched}: {}", String::from_utf8_lossy(&fetch.stderr));
        let parsed = stage.git(None, &["-C", folder, "rev-parse", "FETCH_HEAD"]).await;
        String::from_utf8(parsed.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(at("refs/pull/1/head").await, head.as_str());
    assert_eq!(at("refs/tags/v1").await, old.as_str());
    assert_eq!(at("refs/heads/main").await, new.as_str());
    demo.move_branch("main", &old).await.unwrap();
    assert_eq!(at("refs/heads/main").await, old.as_str());
}

#[tokio::test]
async fn a_fork_is_cloned_at_its_third_spelling() {
    let stage = Stage::set().await;
    let fork = stage.forge.create_repository("forks/me/demo").await.unwrap();
    fork.commit("main", &[("a", PLAIN, "b")], "One").await.unwrap();
    assert!(fork.url().ends_with("/forks/me/demo.git"));
    let folder = stage.clone(None, &fork.url(), "fork").await.unwrap();
    assert_eq!(read(&folder, "a"), "b");
}

#[tokio::test]
async fn a_long_negotiation_comes_through_compressed_or_chunked() {
    let stage = Stage::set().await;
    let check = async |folder: &str, post_buffer: &str, header: &str| {
        let copy = stage.clone(None, &stage.demo.url(), folder).await.unwrap();
        let copy = copy.to_str().unwrap();
        import_strange_commits(&stage, copy).await;
        let new = stage.demo.commit("main", &[("n", PLAIN, folder)], "Another").await.unwrap();
        let fetch =
            stage.git(Some(("http.postBuffer", post_buffer)), &["-C", copy, "fetch", "--quiet", "origin"]).await;
        let trace = String::from_utf8_lossy(&fetch.stderr).to_lowercase();
        assert!(fetch.status.success() && trace.contains(&format!("=> send header: {header}")), "{trace}");
        let parsed = stage.git(None, &["-C", copy, "rev-parse", "origin/main"]).await;
        assert_eq!(String::from_utf8(parsed.stdout).unwrap().trim(), new.as_str());
    };
    check("compressed", "1048576", "content-encoding: gzip").await;
    // The smallest buffer that git takes: what is larger is sent in chunks.
    check("chunked", "65536", "transfer-encoding: chunked").await;
}

/// Thousands of commits that the forge does not know: git offers them all before it finds common ground.
async fn import_strange_commits(stage: &Stage, folder: &str) {
    let commit =
        |n: u32| format!("commit refs/heads/local\ncommitter N <n@example.org> {} +0000\ndata 0\n", 1_800_000_000 + n);
    let stream = stage.dir.path().join("stream");
    std::fs::write(&stream, (0..4000).map(commit).collect::<String>()).unwrap();
    let mut import = Command::new("git");
    import.args(["-C", folder, "fast-import", "--quiet"]).stdin(std::fs::File::open(&stream).unwrap());
    assert!(import.status().await.unwrap().success());
}

#[tokio::test]
async fn nothing_can_be_pushed_and_nothing_else_is_served() {
    let stage = Stage::set().await;
    let folder = stage.clone(None, &stage.demo.url(), "copy").await.unwrap();
    let push = stage.git(None, &["-C", folder.to_str().unwrap(), "push", "origin", "main:new"]).await;
    assert!(!push.status.success());
    for path in ["/nope.git/info/refs?service=git-upload-pack", "/demo.git/../../ca.pem", "/demo.git/nope", "/"] {
        assert_eq!(stage.get(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_same_history_has_the_same_ids_in_two_forges() {
    let (one, two) = (Stage::set().await, Stage::set().await);
    assert_eq!(one.demo.tip("feature").await.unwrap(), two.demo.tip("feature").await.unwrap());
}

#[tokio::test]
async fn a_bad_name_and_a_taken_one_are_refused() {
    let stage = Stage::set().await;
    for name in ["", "/a", "a/", "../a", "a/../b", ".a", "-a", "a b", "a/b/c", "demo.git", "demo", "forks/me"] {
        assert!(stage.forge.create_repository(name).await.is_err(), "{name:?}");
    }
}
