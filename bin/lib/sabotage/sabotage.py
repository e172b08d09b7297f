#!/usr/bin/env python3
"""Removes the project's guards, one by one, in a copy of its sources, and checks that a test fails for each.

    sabotage.py ROOT

All edits go into one copy, each behind a switch of its own, so that it compiles once. Each named test runs with its
guard in place, where it must pass, and with its guard removed, where it must fail. An edit may name several tests. An
edit that no longer applies is a failure.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

# Holds the name of the removed guard. A file and not a variable: the runner's tests clear its environment.
SWITCH_FILE = "sabotage"

# Added to each crate, in the copy only.
SWITCH_FUNCTION = """
pub(crate) fn guard_removed(name: &str) -> bool {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/%s")).is_ok_and(|out| out == name)
}
""" % SWITCH_FILE

EDIT = re.compile(
    r"^(?P<name>[a-z][a-z-]*)\nfile (?P<file>\S+)\n(?P<tests>(?:test \S+ \S+\n)+)"
    r"<<<<\n(?P<before>.*?)\n====\n(?P<after>.*?)\n>>>>$",
    re.MULTILINE | re.DOTALL,
)

# What the compiler reads. A test of the deployment embeds the two pages that it types.
COMPILED = ("publisher/", "worker/", "bench/", "Cargo.", "README.md", "terraform/README.md")

# Files that compilers write under another name first and then rename.
HARD_LINKED_SUFFIXES = {".rlib", ".rmeta", ".so", ".a", ".o"}

# Seconds. A test whose guard is removed may hang; that counts as a failure.
TEST_TIMEOUT = 60


def read_sources(root):
    """The files that git tracks or would add, as they are in the work tree."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, stdout=subprocess.PIPE)
    sources = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file() and name.startswith(COMPILED):
            sources[name] = (root / name).read_bytes()
    return sources


def write(tree, sources):
    """Writes changed files only, so that cargo compiles no more than those."""
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_file() and str(path.relative_to(tree)) not in sources:
            path.unlink()
    for name, content in sources.items():
        path = tree / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def apply(edits, sources):
    """Applies the edits and returns an error message for each that does not apply."""
    problems = []
    for edit in edits:
        name, file = edit["name"], edit["file"]
        text = sources.get(file, b"").decode()
        found = text.count(edit["before"])
        if found != 1:
            problems.append(f"{name}: {file} holds its text {found} times, not once")
            continue
        after = edit["after"].replace("GUARD_REMOVED", f'crate::guard_removed("{name}")')
        sources[file] = text.replace(edit["before"], after).encode()
    for library in sorted({edit["file"].split("/src/")[0] + "/src/lib.rs" for edit in edits}):
        sources[library] += SWITCH_FUNCTION.encode()
    return problems


def link_dependencies(target, own):
    """Links the compiled dependencies into the copy's target directory. Small files are copied: cargo writes them in place."""
    for directory in ("deps", "build", ".fingerprint"):
        for path in (target / "debug" / directory).rglob("*"):
            there = own / path.relative_to(target)
            if path.is_dir() or there.exists():
                continue
            there.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in HARD_LINKED_SUFFIXES:
                os.link(path, there)
            else:
                shutil.copy2(path, there)


def compile_tests(tree, target, binaries):
    """Returns the path of each test binary by its name."""
    tests = [part for name in sorted(binaries) if not name.startswith("lib:") for part in ("--test", name)]
    # The whole workspace, as in the other suites: fewer packages would select other features of shared crates.
    own = target / "sabotage" / "target"
    link_dependencies(target, own)
    command = ["cargo", "test", "--workspace", "--locked", "--lib", *tests, "--no-run", "--message-format=json"]
    built = subprocess.run(
        command, cwd=tree, env={**os.environ, "CARGO_TARGET_DIR": str(own)}, stdout=subprocess.PIPE, check=False
    )
    paths = {}
    for line in built.stdout.decode().splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
            print(message["message"]["rendered"])
        # A program may have the name of its package's tests.
        kinds = message.get("target", {}).get("kind", [])
        if message.get("reason") == "compiler-artifact" and message.get("executable") and "bin" not in kinds:
            kind = "lib:" if "lib" in kinds else ""
            directory = pathlib.Path(message["manifest_path"]).parent
            paths[kind + message["target"]["name"]] = (message["executable"], directory)
    if built.returncode != 0:
        sys.exit("the sources with guards removed do not compile")
    return paths


def run_test(binary, test, tree, removed=None):
    """Runs one test, with the guard of an edit removed; None if there is no such test."""
    executable, directory = binary
    # The guard may be in another crate than its test.
    switch = tree / removed["file"].split("/src/")[0] / SWITCH_FILE if removed else directory / SWITCH_FILE
    switch.write_text(removed["name"] if removed else "", encoding="utf-8")
    try:
        run = subprocess.run(
            [executable, "--exact", test], cwd=directory, timeout=TEST_TIMEOUT, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        switch.unlink()
    if b"running 1 test" not in run.stdout:
        return None
    return run.returncode == 0


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).resolve()
    tree = target / "sabotage" / "tree"
    text = (pathlib.Path(__file__).parent / "edits.txt").read_text(encoding="utf-8")
    edits = [match.groupdict() for match in EDIT.finditer(text)]
    for edit in edits:
        edit["tests"] = [line.split()[1:] for line in edit["tests"].splitlines()]
    if len(edits) != text.count("\n>>>>"):
        sys.exit("edits.txt: an edit does not have the form that the file's head describes")
    sources = read_sources(root)
    problems = apply(edits, sources)
    if problems:
        sys.exit("\n".join(problems))
    write(tree, sources)
    binaries = compile_tests(tree, target, {binary for edit in edits for binary, _ in edit["tests"]})
    baseline = {}
    for edit, (name, test) in ((edit, test) for edit in edits for test in edit["tests"]):
        binary = binaries.get(name)
        if binary is None:
            print(f"UNDETECTED  {edit['name']}: there is no test binary {name}", flush=True)
            problems.append(edit["name"])
            continue
        if test not in baseline:
            baseline[test] = run_test(binary, test, tree)
        if baseline[test] is None:
            verdict = "there is no such test"
        elif not baseline[test]:
            verdict = "the test fails with the guard in place"
        elif run_test(binary, test, tree, edit):
            verdict = "the test passes with the guard removed"
        else:
            print(f"detected    {edit['name']}: {test}", flush=True)
            continue
        print(f"UNDETECTED  {edit['name']}: {test}: {verdict}", flush=True)
        problems.append(edit["name"])
    detected = len({edit["name"] for edit in edits} - set(problems))
    print(f"{detected} of {len(edits)} guard removals are detected")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
