# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads refs of a repository on disk with git: Pagure's pygit2 differs from version to version."""

import os
import subprocess
import time

#: For one call of git.
TIMEOUT_SECONDS = 10

#: Pagure writes refs/pull/<n>/head in another task, which may run after the one that starts a build.
PULL_REF_TIMEOUT_SECONDS = 20
POLL_INTERVAL_SECONDS = 0.2


def resolve_commit(repository, ref):
    """The commit at a full ref, or None."""
    # A repository's own config must not choose programs that run here. (The directory's owner is Pagure.)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1", "HOME": os.devnull}
    command = ["git", "--git-dir", repository, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"]
    try:
        completed = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.decode("ascii", "replace").strip() or None if completed.returncode == 0 else None


def is_tag(repository, name, commit):
    """Whether the ref that was pushed under this name is a tag.

    Pagure reports a push of the tag v1 as one of a branch v1. If both exist, the one at the commit was pushed, and a
    branch wins over a tag."""
    if resolve_commit(repository, "refs/heads/" + name) == commit:
        return False
    return resolve_commit(repository, "refs/tags/" + name) == commit


def wait_for_pull_ref(repository, number, commit, clock=time.monotonic, sleep=time.sleep):
    """Waits until refs/pull/<n>/head exists, at this commit if one is given: the build will fetch that ref.

    It returns the ref's commit, or None after the timeout."""
    ref = f"refs/pull/{number}/head"
    end = clock() + PULL_REF_TIMEOUT_SECONDS
    while True:
        found = resolve_commit(repository, ref)
        if found and commit in (None, found):
            return found
        if clock() >= end:
            return None
        sleep(POLL_INTERVAL_SECONDS)
