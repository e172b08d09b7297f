# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin in a true Pagure: its sources are in the folder that DOORBELL_PAGURE names, the plugin is installed beside
them, and this runs with their Python."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "instance")]

from browser import Browser, csrf_token  # noqa: E402
from instance import Instance  # noqa: E402

SOURCES = os.path.join(os.environ["DOORBELL_PAGURE"], "src")

HOOK = {
    "ci_type": "doorbell",
    "ci_url": "arn:aws:sns:eu-central-1:111122223333:doorbell-requests",
    "ci_job": "demo",
    "active_commit": "y",
    "active_pr": "y",
}

#: Pages that Pagure has without us, and that a CI type which is not at home in it is known to break.
PAGES = ("/", "/demo", "/demo/settings", "/demo/settings/Pagure CI", "/demo/settings/Pagure CI/1", "/api/0/",
         "/demo/c/{commit}", "/demo/pull-requests", "/demo/pull-request/1")

COMMIT = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba"


class PluginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cert, key = certificate(cls.dir)
        cls.pagure = cls.enterClassContext(Instance(SOURCES, cls.dir / "run", cert, key))
        cls.browser = Browser(cls.pagure.url)
        cls.browser.log_in(cls.pagure.info["user"], cls.pagure.info["password"])
        cls.fill()

    @classmethod
    def fill(cls):
        """A project, a branch and a pull request."""
        setup = cls.pagure.info["setup_token"]
        new = {"name": "demo", "description": "demo", "create_readme": "y", "default_branch": "main"}
        for path, fields in (("new", dict(new, wait="y")), ("new", dict(new, name="inner", namespace="ours", wait="y"))):
            status, answer = cls.browser.post(f"/api/0/{path}", fields, token=setup)
            assert status == 200, answer
        cls.commit = cls.push()
        request = {"title": "Add hello", "branch_from": "feature", "branch_to": "main", "initial_comment": "please"}
        status, answer = cls.browser.post("/api/0/demo/pull-request/new", request, token=setup)
        assert status == 200, answer

    @classmethod
    def push(cls):
        info, clone = cls.pagure.info, str(cls.dir / "clone")
        where = cls.pagure.url.replace("https://", f"https://{info['user']}:{info['password']}@")

        def git(*arguments):
            command = ["git", "-c", "http.sslVerify=false", *arguments]
            done = subprocess.run(command, env=cls.pagure.environment, capture_output=True, check=True)
            return done.stdout.decode().strip()

        git("clone", "--quiet", where + "/demo.git", clone)
        (cls.dir / "clone" / "hello").write_text("hello\n")
        for arguments in (("checkout", "-qb", "feature"), ("add", "."), ("commit", "-qm", "Add hello"),
                          ("push", "-q", "origin", "feature")):
            git("-C", clone, *arguments)
        return git("-C", clone, "rev-parse", "HEAD")

    def settings(self, project="demo"):
        status, page = self.browser.get(f"/{project}/settings/Pagure%20CI")
        self.assertEqual(status, 200)
        return page

    def set_hook(self, project="demo", **fields):
        path = f"/{project}/settings/Pagure%20CI"
        fields = dict(fields, csrf_token=csrf_token(self.settings(project)))
        status, page = self.browser.post(path, fields)
        self.assertEqual(status, 200)
        self.assertIn("Hook Pagure CI " + ("activated" if "active_pr" in fields else "deactivated"), page)

    def token(self, project="demo"):
        """As a person finds it on the page."""
        return re.search(r"<pre>\s*([A-Z0-9]{32})\s*</pre>", self.settings(project)).group(1)

    def report(self, project="demo", **changes):
        body = {"token": None, "commit": COMMIT, "uid": "0" * 32, "status": "pending", "username": "Doorbell",
                "comment": "waiting", "url": "https://logs.example.org/1"}
        body.update(changes)
        status, answer = Browser(self.pagure.url).post(f"/api/0/ci/doorbell/{project}", document=body)
        return status, json.loads(answer)

    def flags(self, commit=COMMIT, project="demo"):
        _, answer = self.browser.get(f"/api/0/{project}/c/{commit}/flag")
        return [(flag["username"], flag["status"], flag["comment"]) for flag in json.loads(answer)["flags"]]

    def check_pages(self):
        for page in PAGES:
            path = page.format(commit=self.commit).replace(" ", "%20")
            with self.subTest(path):
                self.assertEqual(self.browser.get(path)[0], 200)

    def test_stock_pages_load_with_hook_off_and_on(self):
        self.check_pages()
        self.set_hook(**HOOK)
        self.check_pages()
        page = self.settings()
        self.assertIn(f"{self.pagure.url}/api/0/ci/doorbell/demo\n", page)
        self.assertNotIn("pagure_ci_token=", page, "the token is in a URL")
        self.set_hook(ci_type="doorbell")
        self.check_pages()

    def test_repeated_report_updates_the_same_flag(self):
        self.set_hook(**HOOK)
        token, uid = self.token(), "1" * 32
        status, answer = self.report(token=token, uid=uid)
        flag = {"commit_hash": COMMIT, "status": "pending"}
        self.assertEqual((status, answer), (200, {"message": "Flag added", "uid": uid, "flag": flag}))
        status, answer = self.report(token=token, uid=uid, status="canceled", comment="stopped")
        self.assertEqual((status, answer["message"]), (200, "Flag updated"))
        self.assertIn(("Doorbell", "canceled", "stopped"), self.flags())

    def test_namespaced_project_has_its_own_route_and_token(self):
        self.set_hook(**HOOK)
        self.set_hook("ours/inner", **HOOK)
        self.assertEqual(self.report("ours/inner", token=self.token())[0], 401)
        self.assertEqual(self.report("ours/inner", token=self.token("ours/inner"), uid="2" * 32)[0], 200)
        self.assertEqual(len(self.flags(project="ours/inner")), 1)

    def test_invalid_report_gets_pagure_error_code(self):
        self.set_hook(**HOOK)
        token = self.token()

        def check(expected, code, **changes):
            with self.subTest(changes):
                answer = self.report(**dict({"token": token}, **changes))
                self.assertEqual((answer[0], answer[1]["error_code"]), (expected, code))
                self.assertNotIn(token, json.dumps(answer[1]))

        check(401, "EINVALIDTOK", token="")
        check(401, "EINVALIDTOK", token=None)
        check(401, "EINVALIDTOK", token=["x"])
        check(401, "EINVALIDTOK", token=token.lower())
        check(401, "EINVALIDTOK", token="é")
        check(404, "ENOPROJECT", project="nowhere")
        check(404, "ENOCOMMIT", commit="main")
        check(404, "ENOCOMMIT", commit=COMMIT[:10])
        check(400, "EINVALIDREQ", uid="3" * 33)
        check(400, "EINVALIDREQ", uid=None)
        check(400, "EINVALIDREQ", status="running")
        check(400, "EINVALIDREQ", url="javascript:alert(1)")
        check(400, "EINVALIDREQ", comment="")
        check(400, "EINVALIDREQ", username=5)
        self.assertEqual(self.browser.get("/api/0/ci/doorbell/demo")[0], 405)

    def test_disabled_hook_rejects_reports(self):
        self.set_hook(**HOOK)
        token = self.token()
        self.set_hook(ci_type="doorbell")
        self.assertEqual(self.report(token=token)[0], 401)

    def test_concurrent_reports_leave_one_flag(self):
        self.set_hook(**HOOK)
        token, uid = self.token(), "8" * 32
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            comments = [f"eight {number}" for number in range(8)]
            answers = list(pool.map(lambda comment: self.report(token=token, uid=uid, comment=comment)[0], comments))
        self.assertEqual(answers, [200] * 8)
        self.report(token=token, uid=uid, status="success", comment="eight at last")
        shown = [flag for flag in self.flags() if flag[2].startswith("eight")]
        self.assertEqual(shown, [("Doorbell", "success", "eight at last")])


class UninstallTest(unittest.TestCase):
    def test_pagure_works_after_plugin_removal(self):
        with tempfile.TemporaryDirectory() as folder:
            run, (cert, key) = pathlib.Path(folder) / "run", certificate(pathlib.Path(folder))
            with Instance(SOURCES, run, cert, key) as pagure:
                PluginTest.pagure, PluginTest.dir = pagure, pathlib.Path(folder)
                PluginTest.browser = browser = Browser(pagure.url)
                browser.log_in(pagure.info["user"], pagure.info["password"])
                PluginTest.fill()
                test = PluginTest()
                test.set_hook(**HOOK)
                self.assertEqual(test.report(token=test.token())[0], 200)
                command = [sys.executable, "-m", "doorbell_pagure.uninstall"]
                completed = subprocess.run(command, env=pagure.environment, capture_output=True, check=True, text=True)
                self.assertEqual(completed.stdout, "1 hooks of the type doorbell removed\n")
            with Instance(SOURCES, run, cert, key, plugin=False) as pagure:
                PluginTest.pagure, PluginTest.browser = pagure, Browser(pagure.url)
                PluginTest.browser.log_in(pagure.info["user"], pagure.info["password"])
                test = PluginTest()
                for path in PAGES:
                    with self.subTest(path):
                        path = path.format(commit=PluginTest.commit).replace(" ", "%20")
                        self.assertEqual(PluginTest.browser.get(path)[0], 200)
                self.assertNotIn("doorbell", test.settings())
                self.assertEqual(PluginTest.browser.post("/api/0/ci/doorbell/demo", document={})[0], 404)
                self.assertEqual(test.flags(), [("Doorbell", "pending", "waiting")], "results stay")


def certificate(folder):
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-out", cert, "-keyout", key], capture_output=True, check=True)
    return cert, key


if __name__ == "__main__":
    unittest.main()
