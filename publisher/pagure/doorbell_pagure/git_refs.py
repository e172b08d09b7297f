# SPDX-License-Identifier: GPL-2.0-or-later
"""What a repository on disk says of its refs, asked of git itself: Pagure's pygit2 differs from version to version."""

import os
import subprocess
import time

#: For one look.
TIMEOUT_SECONDS = 10

#: Pagure writes refs/pull/<n>/head in another task, which may come after the one that asks for a build.
PULL_REF_TIMEOUT_SECONDS = 20
POLL_INTERVAL_SECONDS = 0.2


def resolve_commit(repository, ref):
    """The commit at a full ref, or None."""
    # Whoever may write a repository's own config must not choose what runs here; the owner of the folder is Pagure.
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
    """Whether what was pushed under this name is a tag. Pagure tells a push of the tag v1 as one of a branch v1; where
    both exist, the one that is at the commit was pushed, and a branch before a tag."""
    if resolve_commit(repository, "refs/heads/" + name) == commit:
        return False
    return resolve_commit(repository, "refs/tags/" + name) == commit


def wait_for_pull_ref(repository, number, commit, clock=time.monotonic, sleep=time.sleep):
    """Waits until refs/pull/<n>/head is there, at this commit if one is given: it is what the build will fetch.
    Answers the commit there, or None if it did not come."""
    ref = f"refs/pull/{number}/head"
    end = clock() + PULL_REF_TIMEOUT_SECONDS
    while True:
        found = resolve_commit(repository, ref)
        if found and commit in (None, found):
            return found
        if clock() >= end:
            return None
        sleep(POLL_INTERVAL_SECONDS)
