use std::fs;

use crate::world::World;

#[test]
fn the_command_runs_in_the_checkout_with_its_arguments() {
    let world = World::new();
    let ran =
        world.build().exits(0).says("project demo, job here:demo#1#abc").says(r#"running ["./deploy", "main"] in ".""#);
    assert_eq!(ran.stdout, "deployed main\n");
    assert!(ran.log.contains("the command exited with 0"), "{}", ran.log);
    assert!(ran.log.lines().all(|line| line.starts_with("doorbell: ")), "{}", ran.log);
}

#[test]
fn the_commands_exit_code_is_the_builds_but_for_the_reserved_ones() {
    let world = World::new();
    let check = |script: &str, code: i32| {
        let ran = world.build().shell(script).exits(code);
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
        ran
    };
    for code in [0, 1, 2, 127, 239, 248, 255] {
        check(&format!("exit {code}"), code);
    }
    for code in 240..=247 {
        check(&format!("exit {code}"), 1).says("reported as 1");
    }
    check("kill -KILL $$", 137).says("killed by signal 9");
    check("kill -SEGV $$", 139);
}

#[test]
fn the_command_sees_the_builds_facts_and_nothing_of_git() {
    let world = World::new();
    let build = world
        .build()
        .with("STAGE", "blue")
        .with("DOORBELL_GIT_CREDENTIALS", "hush")
        .shell("env; echo; readlink /proc/self/fd/0; pwd");
    let stdout = build.exits(0).stdout;
    let has = |line: &str| stdout.lines().any(|other| other == line);
    for line in [
        "PROJECT_NAME=demo",
        "PROJECTNAME=demo",
        "GIT_BRANCH=main",
        "GITBRANCH=main",
        "STAGE=blue",
        "DOORBELL_JOB_ID=here:demo#1#abc",
        "/dev/null",
    ] {
        assert!(has(line), "{line} is not in {stdout}");
    }
    let here = fs::canonicalize(world.path("build/checkout")).unwrap();
    assert!(has(here.to_str().unwrap()) && has(&format!("PWD={}", here.display())), "{stdout}");
    assert!(
        !stdout.contains("DOORBELL_GIT_") && !stdout.contains("GIT_CONFIG") && !stdout.contains("hush"),
        "{stdout}"
    );
}

#[test]
fn a_program_is_looked_up_from_the_folder_or_on_path() {
    let world = World::new();
    world.script("sub/tool", "#!/bin/sh\necho \"$0\"; exec basename \"$PWD\"\n");
    world.commit("tool");
    let check = |directory: &str, program: &str, stdout: &str| {
        let ran = world.build().with("DOORBELL_DIRECTORY", directory).argv(&[program]).exits(0);
        assert_eq!(ran.stdout, stdout, "{directory} {program}");
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
    };
    check("sub", "./tool", "./tool\nsub\n");
    check(".", "sub/tool", "sub/tool\ncheckout\n");
    check("./sub/", "../sub/tool", "../sub/tool\nsub\n");
    check("sub", "true", "");
}

#[test]
fn a_command_that_can_not_be_executed_is_explained() {
    let world = World::new();
    world.write("plain", "#!/bin/sh\n");
    world.script("interpreter", "#!/no/such/shell -e\n");
    world.script("windows", "#!/bin/sh\r\n");
    world.script("no-line", "echo hello\n");
    world.script("garbage", "\u{1}\u{2}\u{3}garbage");
    world.script("sub/x", "#!/bin/sh\n");
    world.commit("programs");
    let check = |program: &str, words: &str| {
        world.build().argv(&[program]).exits(243).says(words);
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
    };
    check("./missing", r#""./missing" is not there"#);
    check("missing", "is in no folder of PATH (a file of the repository is named with a slash, as ./missing)");
    check("./plain", "is there, but not executable: git update-index --chmod=+x");
    check("./interpreter", r#"but not its interpreter "/no/such/shell""#);
    check("./windows", r#"but not its interpreter "/bin/sh\r""#);
    check("./no-line", "is a text file without a first line that names its interpreter");
    check("./garbage", "is not a program for this machine");
    check("./sub", "is a folder");
    check("./plain/x", "can't be executed");
}

#[test]
fn the_folder_must_be_in_the_checkout_also_behind_its_links() {
    let world = World::new();
    world.write("file", "");
    world.write("sub/x", "");
    let link =
        |target: &str, name: &str| std::os::unix::fs::symlink(target, world.path("repository").join(name)).unwrap();
    link("sub", "inside");
    link("/", "root");
    link("..", "parent");
    link("../../..", "far");
    link("loop", "loop");
    link("../checkout-2", "beside");
    fs::create_dir(world.path("build/checkout-2")).unwrap();
    world.commit("links");
    let check = |directory: &str, code: i32, words: &str| {
        world.build().with("DOORBELL_DIRECTORY", directory).argv(&["touch", "canary"]).exits(code).says(words);
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
    };
    check("inside", 0, "");
    check("sub/./", 0, "");
    for directory in ["root", "root/tmp", "parent", "far", "beside", "sub/../parent"] {
        if directory.contains("..") {
            world.build().with("DOORBELL_DIRECTORY", directory).exits(240).says("DOORBELL_DIRECTORY");
        } else {
            check(directory, 243, "leads out of the checkout");
        }
    }
    check("missing", 243, "is not in this commit");
    check("loop", 243, "is not in this commit");
    check("file", 243, "is not a folder");
    assert!(!world.path("build/canary").exists() && !world.path("build/checkout-2/canary").exists());
}

#[test]
fn an_incomplete_or_wrong_environment_is_named() {
    let world = World::new();
    let names = [
        "DOORBELL_JOB_ID",
        "DOORBELL_PROJECT",
        "DOORBELL_REF",
        "DOORBELL_COMMIT_RULE",
        "DOORBELL_GIT_URL",
        "DOORBELL_ARGV",
        "DOORBELL_DIRECTORY",
        "DOORBELL_TIMEOUT_SECONDS",
    ];
    for name in names {
        let mut build = world.build();
        build.variables.remove(name);
        build.exits(240).says(name);
    }
    world.build().with("DOORBELL_GIT_PROTOCOLS", "ext").exits(240).says("DOORBELL_GIT_PROTOCOLS");
    world.build().with("DOORBELL_KILL_GRACE_SECONDS", "soon").exits(240).says("DOORBELL_KILL_GRACE_SECONDS");
    assert!(!world.build().checkout_exists());
}
