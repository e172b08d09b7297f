# SPDX-License-Identifier: GPL-2.0-or-later
"""Which hooks of a real Pagure publish, with whose credentials, and what a hook that hangs or fails leaves behind.

A recorder stands in for trigger_job. The worker's process has credentials, as on a machine with a role."""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "instance")]

from browser import Browser, csrf_token  # noqa: E402
from instance import Instance  # noqa: E402
from test_in_pagure import SOURCES, certificate  # noqa: E402

TOPIC = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
KEY = {"ci_username": "AKIAHOOK", "ci_password": "hook-canary"}
INSTANCE_ENV = {"AWS_ACCESS_KEY_ID": "AKIAINSTANCE", "AWS_SECRET_ACCESS_KEY": "instance-canary"}

STEP_SECONDS = 60
#: While publications hang, Pagure's own tasks must not wait for them; each hangs for up to 60 s.
UNAFFECTED_SECONDS = 25

#: Records its arguments and key, and does what the project's name says.
RECORDER = """
import json, os, sys, time
folder = {dir!r}
name = os.path.join(folder, str(time.time_ns()))
with open(name + ".part", "w") as file:
    json.dump({{"arguments": sys.argv[1:], "key": os.environ.get("AWS_ACCESS_KEY_ID")}}, file)
os.rename(name + ".part", name + ".json")
project = sys.argv[sys.argv.index("--") + 1]
while project == "hang" and not os.path.exists(os.path.join(folder, "release")):
    time.sleep(0.1)
if project.startswith("broken"):
    print("invalid:", project, os.environ.get("AWS_SECRET_ACCESS_KEY"), file=sys.stderr)
    sys.exit(2)
print("demo#pagure#0")
"""


class PublishingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.calls = cls.dir / "calls"
        (cls.dir / "bin").mkdir()
        cls.calls.mkdir()
        (cls.dir / "recorder.py").write_text(RECORDER.format(dir=str(cls.calls)))
        recorder = cls.dir / "bin" / "trigger_job"
        # By a shell: the kernel splits the first line of a script at spaces, and this folder's path may have some.
        command = shlex.join([sys.executable, str(cls.dir / "recorder.py")])
        recorder.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        recorder.chmod(0o755)
        before = dict(os.environ)
        os.environ.update(INSTANCE_ENV, PATH=f"{cls.dir / 'bin'}{os.pathsep}{os.environ['PATH']}")
        try:
            cls.pagure = cls.enterClassContext(Instance(SOURCES, cls.dir / "run", *certificate(cls.dir)))
        finally:
            os.environ.clear()
            os.environ.update(before)
        cls.browser = Browser(cls.pagure.url)
        cls.browser.log_in(cls.pagure.info["user"], cls.pagure.info["password"])

    def api(self, path, fields):
        status, answer = self.browser.post(f"/api/0/{path}", fields, token=self.pagure.info["setup_token"])
        self.assertEqual(status, 200, answer)

    def create(self, name, **hook):
        """A repository with an active hook."""
        self.api("new", {"name": name, "description": name, "default_branch": "main", "wait": "y"})
        subprocess.run(["git", "init", "-q", str(self.dir / name)], env=self.pagure.environment, check=True)
        self.set_hook(name, **hook)

    def set_hook(self, name, **fields):
        hook = {"ci_type": "doorbell", "ci_url": TOPIC, "ci_job": "demo", "active_commit": "y", "active_pr": "y"}
        fields = {field: value for field, value in dict(hook, **fields).items() if value}
        self.api(f"{name}/settings/Pagure%20CI/install", fields)

    def commit(self, name):
        self.git(name, "commit", "-q", "--allow-empty", "-m", f"in {name}")
        return self.git(name, "rev-parse", "HEAD")

    def push(self, name, ref):
        info = self.pagure.info
        url = self.pagure.url.replace("https://", f"https://{info['user']}:{info['password']}@")
        self.git(name, "push", "-q", f"{url}/{name}.git", ref)

    def git(self, name, *arguments):
        command = ["git", "-c", "http.sslVerify=false", "-C", str(self.dir / name), *arguments]
        completed = subprocess.run(command, env=self.pagure.environment, capture_output=True, check=True)
        return completed.stdout.decode().strip()

    def calls_for(self, commit):
        records = [json.loads(path.read_text()) for path in sorted(self.calls.glob("*.json"))]
        return [record for record in records if f"--commit={commit}" in record["arguments"]]

    def flags(self, name, commit):
        _, answer = self.browser.get(f"/api/0/{name}/c/{commit}/flag")
        return [(flag["username"], flag["status"], flag["comment"]) for flag in json.loads(answer)["flags"]]

    def wait_for(self, what, condition):
        end = time.monotonic() + STEP_SECONDS
        while not (found := condition()):
            self.assertLess(time.monotonic(), end, f"no {what}:\n{self.log()[-6000:]}")
            time.sleep(0.2)
        return found

    def log(self):
        logs = self.dir / "run" / "logs"
        return "".join((logs / f"{name}.log").read_text() for name in ("pagure", "worker", "doorbell"))

    def test_repository_that_is_not_listed_publishes_nothing(self):
        self.create("stranger")
        first = self.commit("stranger")
        self.push("stranger", f"{first}:refs/heads/main")
        lost = ("Doorbell", "error", "The build was not requested: the hook has no key, and the administrator does not list"
                " this repository and project")
        self.wait_for("flag", lambda: self.flags("stranger", first))
        self.assertEqual(self.flags("stranger", first), [lost])
        self.assertEqual(self.calls_for(first), [], "published with the instance's credentials")

    def test_rebuild_button_publishes_again_and_withdraws_the_loss(self):
        self.create("rebuilt", active_commit="")
        first, head = self.commit("rebuilt"), self.commit("rebuilt")
        self.push("rebuilt", f"{first}:refs/heads/main")
        self.push("rebuilt", f"{head}:refs/heads/feature")
        request = {"title": "Add hello", "branch_from": "feature", "branch_to": "main", "initial_comment": "please"}
        self.api("rebuilt/pull-request/new", request)
        self.wait_for("flag", lambda: self.flags("rebuilt", head))
        self.set_hook("rebuilt", **KEY)
        self.press_rebuild("rebuilt")
        self.wait_for("call", lambda: self.calls_for(head))
        self.wait_for("withdrawal", lambda: not self.flags("rebuilt", head))
        self.press_rebuild("rebuilt")
        calls = self.wait_for("second call", lambda: len(self.calls_for(head)) == 2 and self.calls_for(head))
        ids = {argument for call in calls for argument in call["arguments"] if argument.startswith("--id=")}
        self.assertEqual(len(ids), 2, "the button asks for a new job")

    def press_rebuild(self, name):
        page = f"/{name}/pull-request/1"
        token = csrf_token(self.browser.get(page)[1])
        fields = {"csrf_token": token, "comment": "pretty please pagure-ci rebuild"}
        self.assertEqual(self.browser.post(f"{page}/trigger-ci", fields)[0], 200)

    def test_listed_pair_publishes_with_instance_credentials(self):
        self.create("listed")
        commit = self.commit("listed")
        self.push("listed", f"{commit}:refs/heads/main")
        (call,) = self.wait_for("call", lambda: self.calls_for(commit))
        self.assertEqual(call["key"], "AKIAINSTANCE")
        self.assertEqual(call["arguments"][-2:], ["demo", "main"])
        self.assertIn(f"--topic-arn={TOPIC}", call["arguments"])

    def test_hook_key_is_used_alone(self):
        self.create("keyed", **KEY)
        commit = self.commit("keyed")
        self.push("keyed", f"{commit}:refs/heads/main")
        (call,) = self.wait_for("call", lambda: self.calls_for(commit))
        self.assertEqual(call["key"], "AKIAHOOK")
        self.assertEqual(self.flags("keyed", commit), [])

    def test_lost_request_is_shown_without_foreign_text(self):
        self.create("broken", ci_job="broken\n2026 ERROR forged", **KEY)
        commit = self.commit("broken")
        self.push("broken", f"{commit}:refs/heads/main")
        self.wait_for("flag", lambda: self.flags("broken", commit))
        lost = ("Doorbell", "error", "The build was not requested: the hook's settings or the installation are wrong; the"
                " worker's log has the error")
        self.assertEqual(self.flags("broken", commit), [lost])
        log = self.log()
        self.assertIn("doorbell: request lost: 'broken\\n2026 ERROR forged', branch 'main' at", log)
        for text in ("\n2026 ERROR", "hook-canary", "instance-canary"):
            self.assertNotIn(text, log)

    def test_hanging_publication_does_not_hold_pagures_worker(self):
        self.create("hanging", ci_job="hang", **KEY)
        # As many as Pagure's worker has processes.
        for _ in range(2):
            commit = self.commit("hanging")
            self.push("hanging", f"{commit}:refs/heads/main")
            self.wait_for("hanging call", lambda: self.calls_for(commit))
        start = time.monotonic()
        try:
            # Pagure creates a repository in a task, and this waits for it.
            self.create("unaffected")
            self.assertLess(time.monotonic() - start, UNAFFECTED_SECONDS)
        finally:
            (self.calls / "release").touch()


if __name__ == "__main__":
    unittest.main()
