"""StartBuild's and StopBuild's answers, in a build project and role of this script's own, which it deletes again."""

import json
import re
import sys

from account import CallFailed

STATUS_TIMEOUT = 600
LISTING_TIMEOUT = 300
# IAM tells a new role to all of AWS within seconds, mostly.
ROLE_TIMEOUT = 90

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codebuild.amazonaws.com"}}
    ],
}
# A build that gets PROVE_EXIT ends with that code; others sleep.
BUILDSPEC = """version: 0.2
phases:
  build:
    commands:
      - if [ -n "$PROVE_EXIT" ]; then exit "$PROVE_EXIT"; fi
      - sleep 240
"""

# The worker's rule, `says_limit` of worker/adapters/src/provider/start_error.rs; a test compares the words.
LIMIT_CODES = ("AccountLimitExceededException", "ThrottlingException")
LIMIT_PHRASE, LIMIT_STEM = "cannot have more than", "concurren"
LIMIT_WORDS = ("limit", "exceed", "maximum", "reached", "more than")

# The worker's rule, `exit_code` of worker/adapters/src/provider/codebuild.rs; a test compares the words.
EXIT_PHRASE, COMMAND_PHASE = "exit status ", "BUILD"


def is_recognized_as_limit(error):
    # Names of resources are no words: a build project may be called `concurrent-limit`.
    words = " ".join(word for word in error.message.split() if re.fullmatch(r"(?:[^\W_]|[.,;!()'])+", word)).lower()
    says = LIMIT_PHRASE in words or (LIMIT_STEM in words and any(word in words for word in LIMIT_WORDS))
    return error.code in LIMIT_CODES or says


class Project:
    """A build project that sleeps, without logs and with a role that may do nothing."""

    def __init__(self, account, name, partition, account_id):
        self.account, self.name = account, name
        self.role = f"arn:{partition}:iam::{account_id}:role/{name}"

    def __enter__(self):
        account = self.account
        try:
            account.aws("iam", "create-role", "--role-name", self.name, "--assume-role-policy-document", json.dumps(TRUST))
            created, _ = account.wait(self._create, ROLE_TIMEOUT, interval=5)
            if not created:
                raise CallFailed("CreateProject", "CodeBuild may not assume the new role")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _create(self):
        definition = {
            "name": self.name,
            "source": {"type": "NO_SOURCE", "buildspec": BUILDSPEC},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux2-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            "serviceRole": self.role,
            "timeoutInMinutes": 10,
            "logsConfig": {"cloudWatchLogs": {"status": "DISABLED"}},
        }
        try:
            return self.account.aws("codebuild", "create-project", "--cli-input-json", json.dumps(definition))
        except CallFailed as error:
            if "AssumeRole" in error.message or "assume" in error.message.lower():
                return None
            raise

    def __exit__(self, *_):
        """Deletes both, also after a failure; what is not there needs no deletion."""
        for service, operation, flag in (("codebuild", "delete-project", "--name"), ("iam", "delete-role", "--role-name")):
            try:
                self.account.aws(service, operation, flag, self.name)
            except CallFailed as error:
                if "NoSuchEntity" not in error.code:
                    print(f"prove_account: {self.name} was not deleted: {error}")

    def start(self, token, keep, name="PROVE", value=None):
        arguments = ["--project-name", self.name, "--idempotency-token", token]
        if value:
            arguments += ["--environment-variables-override", f"name={name},value={value},type=PLAINTEXT"]
        return self.account.aws("codebuild", "start-build", *arguments, keep=keep)["build"]["id"]

    def limit(self, count):
        self.account.aws("codebuild", "update-project", "--name", self.name, "--concurrent-build-limit", str(count), keep="limit")

    def stop(self, build, keep):
        return self.account.aws("codebuild", "stop-build", "--id", build, keep=keep)

    def build(self, build, keep=None):
        return self.account.aws("codebuild", "batch-get-builds", "--ids", build, keep=keep)["builds"][0]

    def status(self, build):
        return self.build(build)["buildStatus"]

    def wait_until_ended(self, build):
        def ended():
            status = self.status(build)
            return status if status != "IN_PROGRESS" else None

        return self.account.wait(ended, STATUS_TIMEOUT, interval=2)[0]


def start_repeat_and_limit(project, answers, run):
    """Two tokens at one project, which gets a limit of one while a build runs."""
    first_token, second_token = f"{run}-first", f"{run}-second"
    first = project.start(first_token, "start")
    answers.give("listing-lag", seconds_until_listed(project, first))
    answers.give("token-repeated", "the same" if project.start(first_token, "start-repeated") == first else "another")
    answers.give("token-other-parameters", attempt(lambda: project.start(first_token, "start-other", value="other"), first))
    project.limit(1)
    refusal = refused(lambda: project.start(second_token, "start-above-limit"))
    answers.give("project-limit", refusal.code if refusal else "none: it was started")
    answers.give("project-limit-recognized", "yes" if refusal and is_recognized_as_limit(refusal) else "no")
    answers.give("limit-or-token-first", attempt(lambda: project.start(first_token, "start-repeated-at-limit"), first))
    project.stop(first, "stop")
    answers.give("stop", project.wait_until_ended(first))
    answers.give("stop-again", attempt(lambda: project.stop(first, "stop-ended")["build"]["id"], first))
    answers.give("refusal-consumes-token", consumes(project, second_token))
    return first_token, first


def consumes(project, token):
    """Whether a token whose start was refused at the limit is refused without the limit, too."""
    try:
        build = project.start(token, "start-refused-before")
    except CallFailed as error:
        return f"yes: {error.code}"
    project.stop(build, None)
    project.wait_until_ended(build)
    return "no"


def repeat_after_expiry(project, answers, token, first, seconds):
    print(f"waiting {seconds:.0f} s until CodeBuild forgets the first token ...", file=sys.stderr, flush=True)
    project.account.sleep(seconds)
    again = project.start(token, "start-after-expiry")
    answers.give("token-expires", "yes" if again != first else f"no, after {seconds} s")
    project.stop(again, None)
    project.wait_until_ended(again)


def query_unknown_build(project, answers):
    unknown = f"{project.name}:00000000-0000-4000-8000-000000000000"
    answer = project.account.aws("codebuild", "batch-get-builds", "--ids", unknown, keep="unknown-build")
    answers.give("unknown-build", "not found" if answer.get("buildsNotFound") == [unknown] else "other")


def fail(project, answers):
    """A build whose command fails: the worker reads the exit code in the words of its phase."""
    build = project.start(f"{project.name[-8:]}-exit", None, name="PROVE_EXIT", value="3")
    project.wait_until_ended(build)
    phases = project.build(build, keep="failed-build").get("phases", [])
    messages = [
        context.get("message") or ""
        for phase in phases if phase["phaseType"] == COMMAND_PHASE for context in phase.get("contexts", [])
    ]
    answers.give("exit-code", next((code for code in map(exit_code, messages) if code is not None), f"none in {messages}"))


def exit_code(message):
    _, found, rest = message.rpartition(EXIT_PHRASE)
    digits = re.match(r"[0-9]+", rest)
    return int(digits[0]) if found and digits else None


def seconds_until_listed(project, build):
    def listed():
        answer = project.account.aws(
            "codebuild", "list-builds-for-project", "--project-name", project.name, "--sort-order", "DESCENDING"
        )
        return build in answer["ids"]

    found, took = project.account.wait(listed, LISTING_TIMEOUT)
    return round(took, 1) if found else f"over {LISTING_TIMEOUT}"


def attempt(call, first):
    """What a call returned, in words: the first build, another one, or the error's code."""
    try:
        return "the same build" if call() == first else "another build"
    except CallFailed as error:
        return error.code


def refused(call):
    try:
        call()
    except CallFailed as error:
        return error
    return None
