"""What only a real account can tell. Each row has one function of `steps.py` or `codebuild.py` that answers it."""

from typing import NamedTuple

THREATS, GUARANTEES = "docs/threat-model.md", "docs/guarantees.md"
STARTS, SANDBOX = "docs/decisions/0020-limit-starts-by-iam-conditions.md", "docs/decisions/0008-emulate-aws-in-a-sandbox.md"
ORGANIZATION = "docs/decisions/0075-take-the-rules-of-an-organization-as-inputs.md"


class Question(NamedTuple):
    """`expected` is what Doorbell relies on; None if it is right with either answer.

    `closes` are the open points that the answer settles: a page, and words that stand in it.
    """

    name: str
    text: str
    expected: object
    closes: tuple = ()


NEVER_RAN = (GUARANTEES, "Nothing has run in a real AWS account")
PARAMETERS = (GUARANTEES, "the error for a repeated token with other")
REFUSED_TOKEN = (GUARANTEES, "whether a refused call consumes its token")
LIMIT_FIRST = (GUARANTEES, "whether CodeBuild checks a limit before the token")
DELAYS = (GUARANTEES, "events and listings")

QUESTIONS = (
    Question(
        "request-arrives", "does SNS deliver a request to the trigger queue under its policy (O-14)?", "yes",
        (NEVER_RAN, (ORGANIZATION, "whether SNS fills `aws:SourceAccount`")),
    ),
    Question(
        "subscription-dead-letters", "how many messages went to the subscription's dead-letter queue?", 0,
        ((SANDBOX, "a subscription's dead-letter queue"),),
    ),
    Question("dead-letters", "how many messages went to the worker's dead-letter queue?", 0),
    Question(
        "build-starts", "may the worker start the build under the conditions on StartBuild (O-15)?", "yes",
        (
            (THREATS, "whether AWS fills each condition key as documented"),
            (STARTS, "AWS has not been observed filling any of these keys"), (SANDBOX, "that IAM allows and denies the same"),
        ),
    ),
    Question(
        "build-image", "does CodeBuild pull the build image by the repository's policy?", "yes",
        ((STARTS, "CodeBuild pulls the build image itself"), (GUARANTEES, "images have not been pushed to a registry")),
    ),
    Question("invalid-message", "does an invalid message reach the dead-letter queue with its reason?", "yes"),
    Question("report-delay", "how many seconds after the build's end was its status reported?", None, (DELAYS,)),
    Question("token-repeated", "which build does a repeated token with the same parameters return?", "the same"),
    Question(
        "token-other-parameters", "which error is a token that is repeated with other parameters?", None,
        (PARAMETERS, (SANDBOX, "the error for another body under one token")),
    ),
    Question(
        "listing-lag", "after how many seconds does a list show a build?", None, (DELAYS, (SANDBOX, "how soon a list shows a build")),
    ),
    Question("project-limit", "which error is a start above the project's own limit (O-24)?", None),
    Question("project-limit-recognized", "does the worker recognize that error as a limit?", "yes"),
    Question("limit-or-token-first", "at the limit, what does a repeated token of a running build return?", None, (LIMIT_FIRST,)),
    Question(
        "refusal-consumes-token", "does a refused start consume its token?", None,
        (REFUSED_TOKEN, (SANDBOX, "whether a refusal consumes the token")),
    ),
    Question("stop", "which status has a build that was stopped?", "STOPPED"),
    Question("stop-again", "what does a stop of an ended build return?", None),
    Question("unknown-build", "what does a query of an unknown build return?", "not found"),
    Question(
        "exit-code", "which exit code of a command that ends with 3 does the worker read in the build?", 3,
        ((SANDBOX, "the wording that contains the runner's exit code"),),
    ),
    Question("token-expires", "does the token start another build after its time?", "yes"),
    Question("account-quota", "how many builds does the account's quota allow at once?", None),
)

# Open points of the same pages that no answer of this script settles, and why.
OPEN = {
    (GUARANTEES, "TTL, and the throttling of a hot index partition"): "TTL takes days, throttling a thousand writes a second",
    (SANDBOX, "the shape of events that omit fields"): "events go to the installation's queue, and its workers take them",
    (SANDBOX, "throttling, quotas, latency"): "only the quota of builds is read",
    (SANDBOX, "containers: users, limits, the image"): "what a build can reach depends on its image and network",
    (SANDBOX, "Fargate: stop, health checks"): "the apply waits for workers that keep running",
    (SANDBOX, "Terraform's apply"): "the apply itself, before this script runs, is the proof",
}


def listing():
    """Each question, and the open points that its answer settles."""
    for question in QUESTIONS:
        yield f"{question.name}: {question.text}"
        for page, words in question.closes:
            yield f"    {page}: {words}"
    yield "not asked:"
    for (page, words), reason in OPEN.items():
        yield f"    {page}: {words} ({reason})"


class Answers:
    """The answers so far. A question that an earlier failure left without an answer is open, which is not expected."""

    def __init__(self):
        self.found = {}

    def give(self, name, answer):
        if name not in {question.name for question in QUESTIONS}:
            raise KeyError(name)
        self.found[name] = answer

    def unexpected(self):
        return [
            question
            for question in QUESTIONS
            if question.name not in self.found
            or (question.expected is not None and self.found[question.name] != question.expected)
        ]

    def lines(self):
        """A line for each answer, and one for all questions without an answer: after a lost request these are most."""
        unexpected = self.unexpected()
        for question in QUESTIONS:
            if question.name not in self.found:
                continue
            mark = "NO  " if question in unexpected else "ok  " if question.expected is not None else "note"
            wanted = f" (expected: {question.expected})" if question in unexpected else ""
            yield f"{mark} {question.name}: {question.text} {self.found[question.name]}{wanted}"
        missing = [question.name for question in QUESTIONS if question.name not in self.found]
        if missing:
            yield f"NO   without an answer: {', '.join(missing)}"
