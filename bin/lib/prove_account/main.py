"""Asks a real account what only a real account can tell. See bin/prove_account."""

import argparse
import os
import pathlib
import secrets
import sys
from typing import NamedTuple

import codebuild
import steps
from account import Account, CallFailed, Record
from questions import Answers, listing
from redact import Redactor

# "Concurrently running builds for Linux/Small environment", for which the examples' build projects ask.
QUOTA_CODE = "L-9D07B6EF"


class Settings(NamedTuple):
    run: str
    project: str
    branch: str
    topic: str
    triggers: str
    dead_letters: str
    token_age: float

    @property
    def partition(self):
        return self.topic.split(":")[1]

    @property
    def account(self):
        return self.topic.split(":")[4]

    @property
    def build_project(self):
        # Not `<name>--`: no rule of the installation forwards its events, and no policy of it covers it.
        return f"{self.topic.split(':')[5]}-prove-{self.run}"


def prove(account, answers, settings):
    """All steps. A step that fails leaves its questions open, and the next ones are still asked, but after a lost request."""
    failures = []

    def attempt(words, step, *arguments):
        # A run takes minutes; the answers go to standard output, at its end.
        print(f"{words} ...", file=sys.stderr, flush=True)
        try:
            return step(account, answers, *arguments)
        except (CallFailed, KeyError, ValueError, IndexError) as error:
            failures.append(f"{step.__name__}: {error!r}")
            return None

    # First: if requests are lost, nothing else matters, and the rest would cost time and money.
    key = attempt("publishing a request and watching both dead-letter queues", steps.publish_first, settings)
    if not key:
        return failures
    attempt(f"following the build of {key}", steps.follow_build, key)
    attempt("sending a message that is no request", steps.send_invalid_message, settings)
    attempt(f"starting and stopping builds of {settings.build_project}", ask_codebuild, settings)
    attempt("reading the account's quota", ask_quota)
    return failures


def ask_codebuild(account, answers, settings):
    with codebuild.Project(account, settings.build_project, settings.partition, settings.account) as project:
        token, first = codebuild.start_repeat_and_limit(project, answers, settings.run)
        codebuild.query_unknown_build(project, answers)
        codebuild.fail(project, answers)
        codebuild.repeat_after_expiry(project, answers, token, first, settings.token_age)


def ask_quota(account, answers):
    arguments = ("--service-code", "codebuild", "--quota-code", QUOTA_CODE)
    try:
        answer = account.aws("service-quotas", "get-service-quota", *arguments, keep="quota")
        answers.give("account-quota", answer["Quota"]["Value"])
    except CallFailed as error:
        # The right to read quotas is no part of what Doorbell needs.
        answers.give("account-quota", f"unknown: {error.code}")


def confirm(parser, arguments, settings):
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        parser.error("no terminal for the confirmation: pass --yes")
    print(f"It starts builds in account {settings.account}, and a build project and role {settings.build_project}.")
    if input('Type "yes" to confirm: ') != "yes":
        sys.exit("prove_account: canceled; nothing was started")


def main():
    if sys.argv[1:] == ["--list"]:
        print(*listing(), sep="\n")
        return 0
    parser = argparse.ArgumentParser(prog="bin/prove_account")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--project", default="demo")
    parser.add_argument("--branch", default="master")
    # CodeBuild remembers a token for five minutes, by its documentation.
    parser.add_argument("--token-age", type=float, default=360)
    parser.add_argument("--yes", action="store_true")
    arguments = parser.parse_args()
    os.environ["PATH"] = os.environ.get("CALLER_PATH", os.environ["PATH"])
    settings = Settings(
        secrets.token_hex(4), arguments.project, arguments.branch,
        os.environ["DOORBELL_TOPIC_ARN"], os.environ["DOORBELL_TRIGGER_QUEUE_URL"], os.environ["DOORBELL_DLQ_URL"],
        arguments.token_age,
    )
    credentials = [os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    redactor = Redactor(settings.account, credentials)
    if arguments.directory.exists():
        parser.error(f"{arguments.directory} exists already")
    confirm(parser, arguments, settings)
    arguments.directory.mkdir(parents=True)
    record = Record(arguments.directory, redactor)
    account = Account(redactor, record)
    identity = account.aws("sts", "get-caller-identity", keep="identity")
    if identity["Account"] != settings.account:
        sys.exit("prove_account: these credentials are of another account than DOORBELL_TOPIC_ARN")
    answers = Answers()
    failures = prove(account, answers, settings)
    for line in [*answers.lines(), *(f"FAILED {failure}" for failure in failures)]:
        print(redactor.text(line))
    print(f"{record.count} answers of AWS, redacted, are in {arguments.directory}")
    return 1 if failures or answers.unexpected() else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CallFailed as error:
        sys.exit(f"prove_account: {error}")
