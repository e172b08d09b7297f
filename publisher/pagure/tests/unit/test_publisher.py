# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the plugin needs no Pagure: how trigger_job is run, and what git is asked."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from doorbell_pagure import git_refs, publisher  # noqa: E402
from doorbell_pagure.request import Request  # noqa: E402

TOPIC = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
COMMIT = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba"
REQUEST = Request(project="demo", topic=TOPIC, branch="main", commit=COMMIT, id="pagure-1", cause="push to main")
KEY = ("AKIAHOOK", "canary-secret")

#: Stands in for trigger_job: notes its arguments and environment, and exits as it is told, call by call.
PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" >>"{dir}/arguments"
env >>"{dir}/environment"
n=$(cat "{dir}/calls" 2>/dev/null || echo 0)
echo $((n + 1)) >"{dir}/calls"
set -- {codes}
shift $n
echo "said by the program, canary-secret" >&2
echo "demo#pagure-1#0"
exit $1
"""


class PublisherTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.delays = []

    def publish(self, *codes, key=None, request=REQUEST, **environment):
        program = self.dir / "trigger_job"
        program.write_text(PROGRAM.format(dir=self.dir, codes=" ".join(map(str, codes))))
        program.chmod(0o755)
        path = str(self.dir) + os.pathsep + os.environ["PATH"]
        os.environ["PATH"], old = path, os.environ["PATH"]
        try:
            with self.assertLogs("doorbell_pagure") as logs:
                result = publisher.publish(request, key, dict(environment, PATH=path), self.delays.append)
        finally:
            os.environ["PATH"] = old
        self.said = "\n".join(logs.output)
        return result

    def recorded(self, name):
        return (self.dir / name).read_text().splitlines()

    def test_request_arguments_bypass_the_shell(self):
        def check(expected, **fields):
            self.assertEqual(Request(project="demo", topic=TOPIC, **fields).arguments(), ["--topic-arn=" + TOPIC, *expected])

        check(["--", "demo", "main"], branch="main")
        check(["--tag=v1", "--", "demo"], tag="v1")
        check(["--pull-request=7", "--commit=" + COMMIT, "--", "demo"], pull_request=7, commit=COMMIT)
        check(["--", "demo", "--output=json"], branch="--output=json")
        check(["--cause=$(id); \n", "--", "demo", "x"], branch="x", cause="$(id); \n")

    def test_publish_uses_worker_credentials_first(self):
        self.assertTrue(self.publish(0, key=KEY, AWS_PROFILE="pagure", PAGURE_CONFIG="/etc/pagure.cfg", SECRET_KEY="x"))
        self.assertEqual(self.recorded("arguments"), REQUEST.arguments())
        environment = "\n".join(self.recorded("environment"))
        self.assertIn("AWS_PROFILE=pagure", environment)
        for name in ("PAGURE_CONFIG", "SECRET_KEY", "AKIAHOOK"):
            self.assertNotIn(name, environment)
        self.assertEqual(self.delays, [])

    def test_denied_worker_falls_back_to_hook_key(self):
        worker_env = {"AWS_PROFILE": "pagure", "AWS_SESSION_TOKEN": "old", "AWS_ENDPOINT_URL": "https://sns.example"}
        self.assertTrue(self.publish(4, 0, key=KEY, **worker_env))
        second = self.recorded("environment")[-30:]
        self.assertIn("AWS_SECRET_ACCESS_KEY=canary-secret", second)
        self.assertIn("AWS_ENDPOINT_URL=https://sns.example", second)
        after = "\n".join(second).partition("AWS_ACCESS_KEY_ID=AKIAHOOK")
        self.assertTrue(after[1])
        count = sum(line.startswith("AWS_SESSION_TOKEN=") for line in self.recorded("environment"))
        self.assertEqual(count, 1, "the worker's own credentials are not mixed with the hook's key")
        self.assertFalse(any("canary" in line for line in self.recorded("arguments")), "a secret is an argument")

    def test_transient_error_is_retried_and_usage_error_is_not(self):
        for codes, result, delays in [
            ((5, 0), True, [5]),
            ((130, 5, 0), True, [5, 20]),
            ((5, 5, 5, 5), False, [5, 20, 60]),
            ((4, 4, 4, 4), False, [5, 20, 60]),
            ((2,), False, []),
            ((3,), False, []),
        ]:
            with self.subTest(codes):
                (self.dir / "calls").unlink(missing_ok=True)
                self.delays.clear()
                self.assertEqual((self.publish(*codes), self.delays), (result, delays))
                self.assertEqual(self.recorded("calls"), [str(len(codes))])

    def test_no_secret_is_logged(self):
        self.publish(5, 5, 2, key=KEY)
        self.assertIn("said by the program, ***", self.said)
        self.assertNotIn("canary", self.said)

    def test_missing_program_is_logged_once(self):
        with self.assertLogs("doorbell_pagure", "ERROR") as logs:
            self.assertFalse(publisher.publish(REQUEST, None, {"PATH": str(self.dir)}, self.delays.append))
        self.assertIn("trigger_job is not on the worker's PATH", logs.output[0])
        self.assertEqual(self.delays, [])


class GitRefsTest(unittest.TestCase):
    def setUp(self):
        self.dir = self.enterContext(tempfile.TemporaryDirectory())
        self.git("init", "--quiet", "--bare", "--initial-branch", "main")
        tree = self.git("hash-object", "-t", "tree", "-w", "--stdin")
        self.first = self.git("commit-tree", "-m", "first", tree)
        self.second = self.git("commit-tree", "-m", "second", "-p", self.first, tree)

    def git(self, *arguments):
        identity = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = dict(identity, PATH=os.environ["PATH"], GIT_CONFIG_NOSYSTEM="1", HOME=self.dir)
        command = ["git", "--git-dir", self.dir, *arguments]
        result = subprocess.run(command, env=environment, input=b"", stdout=subprocess.PIPE, check=True)
        return result.stdout.decode().strip()

    def test_pushed_name_is_tag_only_without_branch_at_commit(self):
        self.git("update-ref", "refs/heads/v1", self.first)
        self.git("tag", "-a", "-m", "v1", "v1", self.second)
        for commit, expected in [(self.first, False), (self.second, True), ("0" * 40, False)]:
            self.assertEqual(git_refs.is_tag(self.dir, "v1", commit), expected)
        self.assertFalse(git_refs.is_tag(self.dir, "--help", self.first))

    def test_pull_request_ref_is_awaited(self):
        sleeps = []

        def sleep(seconds):
            sleeps.append(seconds)
            self.git("update-ref", "refs/pull/7/head", self.first if len(sleeps) < 3 else self.second)

        found = git_refs.wait_for_pull_ref(self.dir, 7, self.second, clock=lambda: sum(sleeps), sleep=sleep)
        self.assertEqual((found, len(sleeps)), (self.second, 3))

    def test_missing_pull_request_ref_times_out(self):
        sleeps = []
        found = git_refs.wait_for_pull_ref(self.dir, 7, None, clock=lambda: 1000 * len(sleeps), sleep=sleeps.append)
        self.assertEqual((found, len(sleeps)), (None, 1))


if __name__ == "__main__":
    unittest.main()
