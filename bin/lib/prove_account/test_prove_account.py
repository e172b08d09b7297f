"""Tests of bin/prove_account's parts: `python3 -B -m unittest discover -s bin/lib/prove_account`.

The whole script runs in the suite `account`, against an emulated account.
"""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import codebuild
import questions
import steps
from account import Account, CallFailed, Record
from redact import Redactor

ROOT = pathlib.Path(__file__).parents[3]
OWN_ACCOUNT = "424242424242"
SECRET = "wJalrXUtnFEMIexampleSecretKey"
SESSION = "IQoJb3JpZ2luX2VjEXAMPLEsessiontoken"

# One text of each kind that AWS's answers may hold, and what may not be left of it.
CANARIES = {
    f"arn:aws:sns:eu-central-1:{OWN_ACCOUNT}:doorbell": OWN_ACCOUNT,
    f"{OWN_ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/doorbell/build": OWN_ACCOUNT,
    f"arn:aws:iam::{OWN_ACCOUNT}:user/jane.doe": "jane",
    f"arn:aws:sts::{OWN_ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jane@corp.example": "jane",
    f"arn:aws-cn:sts::{OWN_ACCOUNT}:assumed-role/deploy/jane": "jane",
    "initiator AWSReservedSSO_Admin_0123456789abcdef/jane.doe": "jane",
    "mail jane@corp.example now": "jane",
    "AKIAIOSFODNN7EXAMPLE2": "IOSFODNN7",
    "AROAJQABLZS4A3QDU576Q:session": "JQABLZS4",
    f"key {SECRET} in words": SECRET,
    f"token {SESSION}": SESSION,
    "from 10.11.12.13 port 1": "10.11.12.13",
    "vpc-0123456789abcdef0 and eni-0123456789abcdef0": "0123456789abcdef0",
    "https://s3.amazonaws.com/x?X-Amz-Signature=abcdef0123456789&X-Amz-Credential=ABC": "abcdef0123456789",
}


def redactor():
    return Redactor(OWN_ACCOUNT, [SECRET, SESSION, None, "short"])


class Redaction(unittest.TestCase):
    def test_no_canary_is_left_in_a_value_or_a_key(self):
        for text, canary in CANARIES.items():
            for value in (text, [text], {"field": {"deep": text}}, {text: 1}):
                self.assertNotIn(canary, json.dumps(redactor().value(value)), text)

    def test_a_secret_field_is_removed_whatever_it_holds(self):
        value = redactor().value({"SecretString": "x", "authToken": "y", "idempotencyToken": "z", "status": "FAILED"})
        expected = {"SecretString": "removed", "authToken": "removed", "idempotencyToken": "z", "status": "FAILED"}
        self.assertEqual(value, expected)

    def test_what_tells_nothing_of_a_person_is_kept(self):
        text = "Cannot have more than 1 builds in queue for the account, sha256:0123, 2026-11-28T10:00:00Z"
        self.assertEqual(redactor().text(text), text)

    def test_a_fixture_with_a_private_value_is_not_written(self):
        class Blind(Redactor):
            def value(self, value, field=""):
                return value

        with tempfile.TemporaryDirectory() as directory:
            record = Record(pathlib.Path(directory), Blind(OWN_ACCOUNT, [SECRET]))
            with self.assertRaises(SystemExit):
                record.keep("build", ["codebuild", "start-build"], {"answer": {"arn": OWN_ACCOUNT}})
            self.assertEqual(list(pathlib.Path(directory).iterdir()), [])


class Calls(unittest.TestCase):
    def account(self, code, stdout="", stderr=""):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.record = Record(pathlib.Path(directory.name), redactor())
        done = subprocess.CompletedProcess([], code, stdout, stderr)
        return Account(redactor(), self.record, run=lambda *_, **__: done)

    def fixtures(self):
        return [json.loads(path.read_text()) for path in sorted(self.record.directory.iterdir())]

    def test_an_answer_is_kept_under_its_name(self):
        account = self.account(0, json.dumps({"build": {"id": f"demo:{OWN_ACCOUNT}"}}))
        account.aws("codebuild", "start-build", keep="start")
        expected = {"call": ["codebuild", "start-build"], "answer": {"build": {"id": "demo:111122223333"}}}
        self.assertEqual(self.fixtures(), [expected])

    def test_an_error_is_kept_with_code_and_words(self):
        words = f"An error occurred (InvalidInputException) when calling the StartBuild operation (reached max retries: 0): {OWN_ACCOUNT} may not\n"
        with self.assertRaises(CallFailed) as raised:
            self.account(254, stderr=words).aws("codebuild", "start-build", keep="start")
        self.assertEqual(raised.exception.code, "InvalidInputException")
        self.assertEqual(self.fixtures()[0]["error"], {"code": "InvalidInputException", "message": "111122223333 may not"})

    def test_a_wait_ends_with_its_time(self):
        times = iter(range(100))
        account = Account(redactor(), None, sleep=lambda _: None, clock=lambda: next(times))
        self.assertEqual(account.wait(lambda: None, 3), (None, 3))
        self.assertEqual(account.wait(lambda: "found", 3)[0], "found")


class Verdicts(unittest.TestCase):
    def test_each_question_is_asked_in_the_steps(self):
        sources = "".join((pathlib.Path(__file__).parent / name).read_text() for name in ("steps.py", "codebuild.py", "main.py"))
        asked = set(re.findall(r'answers\.give\("([a-z-]+)"', sources))
        # These two are given by the names of their queues.
        asked |= set(re.findall(r'"((?:subscription-)?dead-letters)": ', sources))
        self.assertEqual(asked, {question.name for question in questions.QUESTIONS})

    def test_a_missing_and_an_unexpected_answer_are_reported(self):
        answers = questions.Answers()
        for question in questions.QUESTIONS:
            answers.give(question.name, question.expected if question.expected is not None else "anything")
        self.assertEqual(answers.unexpected(), [])
        answers.give("request-arrives", "no")
        del answers.found["listing-lag"]
        self.assertEqual([question.name for question in answers.unexpected()], ["request-arrives", "listing-lag"])
        lines = list(answers.lines())
        self.assertEqual(len(lines), len(questions.QUESTIONS))
        self.assertTrue(lines[0].startswith("NO   request-arrives: ") and lines[0].endswith("? no (expected: yes)"), lines[0])
        self.assertEqual(lines[-1], "NO   without an answer: listing-lag")
        with self.assertRaises(KeyError):
            answers.give("another", 1)

    def test_limits_are_recognized_as_the_worker_does(self):
        source = (ROOT / "worker/adapters/src/provider/start_error.rs").read_text(encoding="utf-8")
        rule = source[source.index("fn says_limit") :]
        self.assertEqual(re.findall(r'says\("([^"]+)"\)', rule)[:2], [codebuild.LIMIT_PHRASE, codebuild.LIMIT_STEM])
        words = re.search(r"\[([^\]]+)\]\.into_iter\(\)\.any\(says\)", rule)
        self.assertEqual(tuple(re.findall(r'"([^"]+)"', words[1])), codebuild.LIMIT_WORDS)
        for message, expected in (
            ("Cannot have more than 1 builds in queue for the project", True),
            ("The project's concurrent build limit was exceeded", True),
            ("Project cannot be found: concurrent_limit", False),
        ):
            error = CallFailed("InvalidInputException", message)
            self.assertEqual(codebuild.is_recognized_as_limit(error), expected, message)

    def test_exit_codes_are_read_as_the_worker_does(self):
        source = (ROOT / "worker/adapters/src/provider/codebuild.rs").read_text(encoding="utf-8")
        rule = source[source.index("fn exit_code") :]
        self.assertEqual(re.search(r'rsplit_once\("([^"]+)"\)', rule)[1], codebuild.EXIT_PHRASE)
        self.assertEqual(re.search(r'COMMAND_PHASE: &str = "([^"]+)"', source)[1], codebuild.COMMAND_PHASE)
        for message, expected in (
            ("Error while executing command: x. Reason: exit status 3", 3),
            ("COMMAND_EXECUTION_ERROR: exit status 128, exit status 239.", 239),
            ("exit status", None),
            ("exit status x", None),
        ):
            self.assertEqual(codebuild.exit_code(message), expected, message)

    def test_times_of_both_programs_are_understood(self):
        for moment in (1700000000.5, "2023-11-14T22:13:20.5Z", "2023-11-14T23:13:20.500000+01:00"):
            self.assertEqual(steps.seconds_of(moment), 1700000000.5)


class OpenPoints(unittest.TestCase):
    """What the documentation leaves open, and what an answer settles, is one list."""

    def page(self, name):
        return " ".join((ROOT / name).read_text(encoding="utf-8").split())

    def closed(self):
        return {point for question in questions.QUESTIONS for point in question.closes}

    def test_each_point_stands_in_its_page(self):
        for name, words in self.closed() | questions.OPEN.keys():
            self.assertIn(words, self.page(name))

    def test_each_row_that_the_sandbox_cannot_prove_is_closed_or_open(self):
        page = (ROOT / questions.SANDBOX).read_text(encoding="utf-8")
        table = page[page.index("**The sandbox cannot prove:**") :]
        rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 7)
        words = [words for name, words in self.closed() | questions.OPEN.keys() if name == questions.SANDBOX]
        self.assertEqual([row for row in rows if not any(one in row for one in words)], [])

    def test_each_part_of_the_known_gap_is_closed_or_open(self):
        gap = self.page(questions.GUARANTEES).partition("Known only from emulators or documentation: ")[2].partition(".")[0]
        self.assertIn("TTL", gap)
        for _, words in sorted(point for point in self.closed() | questions.OPEN.keys() if point[0] == questions.GUARANTEES):
            gap = gap.replace(words, "")
        self.assertEqual(re.sub(r"parameters|the delay of|\band\b|[,\s]", "", gap), "")

    def test_the_list_shows_each_question_and_point(self):
        text = "\n".join(questions.listing())
        for question in questions.QUESTIONS:
            self.assertIn(f"{question.name}: {question.text}", text)
        for name, words in self.closed() | questions.OPEN.keys():
            self.assertIn(f"{name}: {words}", text)


class OwnProject(unittest.TestCase):
    """The script's own build project and role are deleted, also after a failure."""

    def test_both_are_deleted_after_a_failure(self):
        calls = []

        class Failing:
            def aws(self, service, operation, *_, **__):
                calls.append(operation)
                if operation == "create-project":
                    raise CallFailed("LimitExceeded", "too many projects")
                return {}

            def wait(self, what, *_, **__):
                return what(), 0

        with self.assertRaises(CallFailed), codebuild.Project(Failing(), "doorbell-prove-1", "aws", OWN_ACCOUNT):
            self.fail("the project was not created")
        self.assertEqual(calls, ["create-role", "create-project", "delete-project", "delete-role"])


if __name__ == "__main__":
    unittest.main()
