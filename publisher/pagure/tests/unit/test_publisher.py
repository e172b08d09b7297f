# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the plugin needs no Pagure: how trigger_job is run, and what git is asked."""

import base64
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from doorbell_pagure import git_refs, publisher  # noqa: E402
from doorbell_pagure.credentials import Credentials  # noqa: E402
from doorbell_pagure.publisher import Outcome  # noqa: E402
from doorbell_pagure.request import Request  # noqa: E402

TOPIC = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
COMMIT = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba"
REQUEST = Request(project="demo", topic=TOPIC, branch="main", commit=COMMIT, id="pagure-1", cause="push to main")
KEY = ("AKIAHOOK", "canary-secret")

#: Stands in for trigger_job: records its arguments, its environment and the number of its calls.
PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" >>"{dir}/arguments"
env >>"{dir}/environment"
n=$(cat "{dir}/calls" 2>/dev/null || echo 0)
echo $((n + 1)) >"{dir}/calls"
set -- {code}
printf '%s\\n' "${{2-}}" >&2
echo "demo#pagure-1#0"
exit $1
"""


class PublisherTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def publish(self, code, key=None, request=REQUEST, **environment):
        """One attempt, whose trigger_job exits with this code."""
        program = self.dir / "trigger_job"
        program.write_text(PROGRAM.format(dir=self.dir, code=code))
        program.chmod(0o755)
        path = str(self.dir) + os.pathsep + os.environ["PATH"]
        os.environ["PATH"], old = path, os.environ["PATH"]
        try:
            return publisher.publish(request, Credentials(key), dict(environment, PATH=path))
        finally:
            os.environ["PATH"] = old

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

    def test_request_is_logged_on_one_line(self):
        request = Request(project="demo\n2026 ERROR forged", topic=TOPIC, branch="\x1b[2Jmain\u202e", commit=COMMIT)
        expected = "'demo\\n2026 ERROR forged', branch '\\x1b[2Jmain\\u202e' at '" + COMMIT + "'"
        self.assertEqual(str(request), expected)

    def test_workers_credentials_are_passed_without_pagures_settings(self):
        environment = {"AWS_PROFILE": "pagure", "PAGURE_CONFIG": "/etc/pagure.cfg", "SECRET_KEY": "x"}
        self.assertEqual(self.publish(0, **environment), (Outcome.PUBLISHED, "demo#pagure-1#0"))
        self.assertEqual(self.recorded("arguments"), REQUEST.arguments())
        passed = "\n".join(self.recorded("environment"))
        self.assertIn("AWS_PROFILE=pagure", passed)
        for name in ("PAGURE_CONFIG", "SECRET_KEY"):
            self.assertNotIn(name, passed)

    def test_hook_key_is_used_alone_even_if_denied(self):
        worker_env = {
            "AWS_PROFILE": "pagure", "AWS_ACCESS_KEY_ID": "AKIAINSTANCE", "AWS_SESSION_TOKEN": "old",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://role", "AWS_ENDPOINT_URL": "https://sns.example",
        }
        for code, outcome in [(0, Outcome.PUBLISHED), (4, Outcome.RETRY)]:
            with self.subTest(code):
                self.assertEqual(self.publish(code, key=KEY, **worker_env)[0], outcome)
        passed = self.recorded("environment")
        self.assertEqual(self.recorded("calls"), ["2"], "one call for each attempt")
        self.assertEqual([line for line in passed if line.startswith("AWS_ACCESS_KEY_ID=")], ["AWS_ACCESS_KEY_ID=AKIAHOOK"] * 2)
        for line in ("AWS_SECRET_ACCESS_KEY=canary-secret", "AWS_ENDPOINT_URL=https://sns.example",
                     "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null"):
            self.assertIn(line, passed)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONTAINER"):
            self.assertFalse(any(line.startswith(name) for line in passed), name)
        self.assertFalse(any("canary" in line for line in self.recorded("arguments")), "a secret is an argument")

    def test_exit_code_decides_whether_to_retry(self):
        for code, outcome in [(0, Outcome.PUBLISHED), (2, Outcome.FAILED), (3, Outcome.FAILED), (4, Outcome.RETRY),
                              (5, Outcome.RETRY), (130, Outcome.RETRY)]:
            with self.subTest(code):
                self.assertEqual(self.publish(code)[0], outcome)

    def test_no_secret_is_in_the_output(self):
        encoded = [base64.b64encode(start.encode() + b"canary-secret").decode() for start in ("", "x", "x:")]
        for text in ("canary-secret", "a%2Fb", *encoded):
            key = ("AKIAHOOK", "a/b" if text == "a%2Fb" else "canary-secret")
            with self.subTest(text):
                _, output = self.publish(f"5 '{text}'", key=key)
                self.assertIn("***", output)
                self.assertNotIn(text, output)
        _, output = self.publish("5 'instance-canary'", AWS_SECRET_ACCESS_KEY="instance-canary")
        self.assertNotIn("instance-canary", output)

    def test_output_is_one_printable_line(self):
        _, output = self.publish("5 '\x1b[2Jfirst\n2026 ERROR forged'")
        self.assertEqual(output, "[2Jfirst 2026 ERROR forged")

    def test_missing_program_fails_without_retry(self):
        outcome, output = publisher.publish(REQUEST, Credentials(), {"PATH": str(self.dir)})
        self.assertEqual((outcome, output), (Outcome.FAILED, "the program trigger_job is not on the worker's PATH"))

    def test_nul_character_fails_without_retry(self):
        request = Request(project="de\0mo", topic=TOPIC, branch="main", commit=COMMIT)
        self.assertEqual(self.publish(0, request=request)[0], Outcome.FAILED)


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
