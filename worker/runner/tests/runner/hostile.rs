use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::fixture::RunnerFixture;

/// Values, most of which a worker never writes, each of which would run `touch <canary>` somewhere, or fetch something
/// else, if a shell or git's own ways to name a program ever met it.
const PAYLOADS: [(&str, &str); 60] = [
    ("DOORBELL_REF", "--upload-pack=touch {canary}"),
    ("DOORBELL_REF", "--upload-pack=touch${IFS}{canary}"),
    ("DOORBELL_REF", "refs/heads/--upload-pack=touch {canary}"),
    ("DOORBELL_REF", "refs/heads/--upload-pack=touch${IFS}{canary}"),
    ("DOORBELL_REF", "refs/heads/-o"),
    ("DOORBELL_REF", "refs/heads/a/-b"),
    ("DOORBELL_REF", "refs/heads/main;touch {canary}"),
    ("DOORBELL_REF", "refs/heads/main;touch${IFS}{canary}"),
    ("DOORBELL_REF", "refs/heads/$(touch {canary})"),
    ("DOORBELL_REF", "refs/heads/$(touch${IFS}{canary})"),
    ("DOORBELL_REF", "refs/heads/`touch${IFS}{canary}`"),
    ("DOORBELL_REF", "refs/heads/main|touch${IFS}{canary}"),
    ("DOORBELL_REF", "refs/heads/main&&touch${IFS}{canary}"),
    ("DOORBELL_REF", "refs/heads/main\ntouch {canary}"),
    ("DOORBELL_REF", "refs/heads/main\u{1b}[2J"),
    ("DOORBELL_REF", "refs/heads/m\u{430}in"),
    ("DOORBELL_REF", "refs/heads/main\u{202e}"),
    ("DOORBELL_REF", "refs/heads/../../config"),
    ("DOORBELL_REF", "refs/heads/main:refs/heads/x"),
    ("DOORBELL_REF", "+refs/heads/main"),
    ("DOORBELL_REF", "refs/heads/main^{commit}"),
    ("DOORBELL_REF", "refs/heads/main@{1}"),
    ("DOORBELL_REF", "refs/heads/*"),
    ("DOORBELL_REF", "refs/pull/-1/head"),
    ("DOORBELL_REF", "refs/pull/1/merge"),
    ("DOORBELL_REF", "refs/heads/"),
    ("DOORBELL_REF", "HEAD"),
    ("DOORBELL_REF", "main"),
    ("DOORBELL_COMMIT", "--exec=touch {canary}"),
    ("DOORBELL_COMMIT", "HEAD"),
    ("DOORBELL_COMMIT", "deadbeef"),
    ("DOORBELL_COMMIT", "$(touch {canary})"),
    ("DOORBELL_COMMIT_RULE", "none"),
    ("DOORBELL_GIT_URL", "ext::sh -c \"touch {canary}\""),
    ("DOORBELL_GIT_URL", "ext::touch%20{canary}"),
    ("DOORBELL_GIT_URL", "fd::0"),
    ("DOORBELL_GIT_URL", "--upload-pack=touch {canary}"),
    ("DOORBELL_GIT_URL", "--upload-pack=touch${IFS}{canary}"),
    ("DOORBELL_GIT_URL", "-u./touch"),
    ("DOORBELL_GIT_URL", "ssh://-oProxyCommand=touch${IFS}{canary}/x"),
    ("DOORBELL_GIT_URL", "ssh://-oProxyCommand=touch%20{canary}@host/x"),
    ("DOORBELL_GIT_URL", "ssh://git@-oProxyCommand=touch/x"),
    ("DOORBELL_GIT_URL", "-oProxyCommand=touch:x"),
    ("DOORBELL_GIT_URL", "git@host:-x"),
    ("DOORBELL_GIT_URL", "git@-host:x"),
    ("DOORBELL_GIT_URL", "https://user:c4n4ry@host/x"),
    ("DOORBELL_GIT_URL", "https://user@host/x"),
    ("DOORBELL_GIT_URL", "https://host/x y"),
    ("DOORBELL_GIT_URL", "https://host/x\ny"),
    ("DOORBELL_GIT_URL", "git://host/x"),
    ("DOORBELL_GIT_URL", "../repository"),
    ("DOORBELL_GIT_URL", "."),
    ("DOORBELL_DIRECTORY", "/"),
    ("DOORBELL_DIRECTORY", ".."),
    ("DOORBELL_DIRECTORY", "x/../.."),
    ("DOORBELL_ARGV", "[]"),
    ("DOORBELL_ARGV", r#"[""]"#),
    ("DOORBELL_ARGV", "touch {canary}"),
    ("DOORBELL_ARGV", r#"{"0":"touch"}"#),
    ("DOORBELL_TIMEOUT_SECONDS", "0"),
];

#[test]
fn hostile_value_runs_and_fetches_nothing() {
    let fixture = RunnerFixture::new();
    let canary = fixture.path("canary");
    for (name, payload) in PAYLOADS {
        let payload = payload.replace("{canary}", canary.to_str().unwrap());
        let result = fixture.build().with(name, &payload).run();
        assert!(!canary.exists(), "{name}={payload}");
        match result.code {
            Some(240) => assert!(result.log.contains(name), "{}", result.log),
            // What no type refuses is the name of a branch, and there is none.
            Some(241) => assert!(result.log.contains("is not in the repository"), "{}", result.log),
            code => panic!("{name}={payload}: {code:?}\n{}", result.log),
        }
        assert!(result.log.bytes().all(|b| b == b'\n' || (0x20..0x7f).contains(&b)), "{}", result.log.escape_debug());
        assert!(!result.log.contains("c4n4ry"), "{}", result.log);
    }
}

#[test]
fn allowed_shell_metacharacters_are_taken_literally() {
    let fixture = RunnerFixture::new();
    let canary = fixture.path("canary");
    let touch = format!("touch${{IFS}}{}", canary.display());
    let branch = format!("a;$({touch})`{touch}`|{touch}&&x");
    fixture.git(&["branch", &branch]);
    fixture.build().with("DOORBELL_REF", &format!("refs/heads/{branch}")).assert_exit(0);
    let url = format!("file://{};{touch}", fixture.path("repository").display());
    fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    fixture.build().with("DOORBELL_GIT_URL", &url).assert_exit(241);
    let argument = format!("$({touch}) `{touch}` ; {touch} \"'\n\u{1b}[2J");
    let result = fixture.build().argv(&["./deploy", &argument]).assert_exit(0);
    assert_eq!(result.stdout, format!("deployed {argument}\n"));
    assert!(result.log.bytes().all(|b| b == b'\n' || b >= 0x20), "{}", result.log.escape_debug());
    fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    fixture.build().argv(&[&format!("./deploy;{touch}")]).assert_exit(243);
    fixture.build().argv(&[&format!("true;{touch}")]).run();
    assert!(!canary.exists());
}

#[test]
fn protocol_not_on_allowlist_is_rejected() {
    let fixture = RunnerFixture::new();
    let url = |protocol: &str| match protocol {
        "file" => fixture.url(),
        "ssh" => "git@127.0.0.1:x".to_owned(),
        other => format!("{other}://127.0.0.1:9/x"),
    };
    let refused = |list: Option<&str>, protocol: &str| {
        let mut build =
            fixture.build().with("DOORBELL_GIT_URL", &url(protocol)).with("DOORBELL_GIT_PROTOCOLS", list.unwrap_or(""));
        if list.is_none() {
            build.variables.remove("DOORBELL_GIT_PROTOCOLS");
        }
        build.assert_exit(240).assert_log(&format!("the protocol {protocol} is not allowed here"));
    };
    for protocol in ["file", "http"] {
        refused(None, protocol);
        refused(Some(""), protocol);
        refused(Some("https:ssh"), protocol);
    }
    for protocol in ["https", "ssh", "http"] {
        refused(Some("file"), protocol);
    }
}

/// A repository whose content asks git to run a program in every way that content can.
#[test]
fn hostile_repository_runs_nothing_before_command() {
    let fixture = RunnerFixture::new();
    let canary = fixture.path("canary");
    let program = fixture.path("program");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\ncat\n", canary.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fixture.write("a", "text\n");
    fixture.write(".gitattributes", "* filter=evil diff=evil merge=evil\n*.bin filter=lfs\n");
    fixture.write("b.bin", "version https://git-lfs.github.com/spec/v1\n");
    fixture.write(".lfsconfig", &format!("[lfs]\n\turl = ext::{}\n", program.display()));
    fixture.write(
        ".gitmodules",
        &format!("[submodule \"s\"]\n\tpath = s\n\turl = {}\n\tupdate = !{}\n", fixture.url(), program.display()),
    );
    fixture.script("hooks/post-checkout", &format!("#!/bin/sh\ntouch {}\n", canary.display()));
    fixture.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{},s", fixture.git(&["rev-parse", "HEAD"])),
    ]);
    symlink(".git/hooks", fixture.path("repository/link")).unwrap();
    fixture.git(&["add", "a", ".gitattributes", "b.bin", ".lfsconfig", ".gitmodules", "hooks", "link"]);
    fixture.git(&["commit", "--quiet", "--message", "hostile"]);
    let home = fixture.path("home");
    fs::create_dir_all(home.join(".config/git")).unwrap();
    fs::create_dir_all(home.join("template/hooks")).unwrap();
    fs::copy(fixture.path("repository/hooks/post-checkout"), home.join("template/hooks/post-checkout")).unwrap();
    let config = format!(
        "[filter \"evil\"]\n\tsmudge = {0}\n[filter \"lfs\"]\n\tsmudge = {0}\n\trequired = true\n[core]\n\thooksPath = {1}\n\tfsmonitor = {0}\n\
         [submodule]\n\trecurse = true\n[init]\n\ttemplateDir = {2}\n[credential]\n\thelper = {0}\n[uploadpack]\n\tpackObjectsHook = {0}\n",
        program.display(),
        fixture.path("repository/hooks").display(),
        home.join("template").display()
    );
    for name in [".gitconfig", ".config/git/config"] {
        fs::write(home.join(name), &config).unwrap();
    }
    let (home, program) = (home.to_str().unwrap(), program.to_str().unwrap());
    let hooks = fixture.path("repository/hooks");
    // The image's owner may have set these for the command. None of them is meant for our git.
    let checks = [
        ("HOME", home.to_owned()),
        ("XDG_CONFIG_HOME", format!("{home}/.config")),
        ("GIT_CONFIG_GLOBAL", format!("{home}/.gitconfig")),
        ("GIT_CONFIG_SYSTEM", format!("{home}/.gitconfig")),
        ("GIT_CONFIG", format!("{home}/.gitconfig")),
        ("GIT_CONFIG_PARAMETERS", format!("'filter.evil.smudge'='{program}'")),
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_TEMPLATE_DIR", format!("{home}/template")),
        ("GIT_EXEC_PATH", home.to_owned()),
        ("GIT_DIR", fixture.path("repository/.git").to_str().unwrap().to_owned()),
        ("GIT_WORK_TREE", home.to_owned()),
        ("GIT_SSH_COMMAND", program.to_owned()),
        ("GIT_ASKPASS", program.to_owned()),
        ("GIT_TRACE", fixture.path("trace").to_str().unwrap().to_owned()),
        ("GIT_UPLOAD_PACK", program.to_owned()),
    ];
    for (name, value) in checks {
        let build = fixture.build().argv(&["true"]).with(name, &value);
        let build =
            build.with("GIT_CONFIG_KEY_0", "core.hooksPath").with("GIT_CONFIG_VALUE_0", hooks.to_str().unwrap());
        build.with("GIT_CONFIG_KEY_1", "filter.evil.smudge").with("GIT_CONFIG_VALUE_1", program).assert_exit(0);
        assert!(!canary.exists(), "{name}");
        assert_eq!(
            fs::read_dir(fixture.path("build/checkout/s")).unwrap().count(),
            0,
            "the submodule's folder is empty"
        );
        assert!(!fixture.path("trace").exists() && !fixture.path("build/checkout/.git/hooks").exists());
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    }
}

#[test]
fn git_program_in_repository_is_never_executed() {
    let fixture = RunnerFixture::new();
    fixture.script("git", &format!("#!/bin/sh\ntouch {}\n", fixture.path("canary").display()));
    fixture.commit("git");
    fs::copy(fixture.path("repository/git"), fixture.path("build/git")).unwrap();
    for first in [".", "", "checkout", ".:checkout"] {
        fixture.build().with("PATH", &format!("{first}:{}", std::env::var("PATH").unwrap())).assert_exit(0);
        assert!(!fixture.path("canary").exists(), "{first:?}");
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    }
}
