"""The installation's own path: a request, a build, a dead letter."""

import datetime
import json

from account import CallFailed

# A request arrives within seconds; a build of the sample waits for a machine for up to two minutes.
ARRIVAL_TIMEOUT = 120
BUILD_TIMEOUT = 900


def queue_depth(account, url):
    answer = account.aws(
        "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names",
        "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
    )
    return sum(int(value) for value in answer["Attributes"].values())


def subscription_queue(account, topic, trigger_queue):
    """The URL of the dead-letter queue of the trigger queue's subscription; the topic may have others."""
    listed = account.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
    name = trigger_queue.rsplit("/", 1)[-1]
    arns = [one["SubscriptionArn"] for one in listed if one["Endpoint"].split(":")[-1] == name]
    if len(arns) != 1:
        raise CallFailed("Subscriptions", f"the topic has {len(arns)} subscriptions of {name}, not one")
    answer = account.aws("sns", "get-subscription-attributes", "--subscription-arn", arns[0], keep="subscription")
    target = json.loads(answer["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
    return account.aws("sqs", "get-queue-url", "--queue-name", target.split(":")[-1])["QueueUrl"]


def publish_first(account, answers, settings):
    """A request, and both dead-letter queues (O-14): a policy that AWS does not fulfil would lose every request."""
    queues = {
        "subscription-dead-letters": subscription_queue(account, settings.topic, settings.triggers),
        "dead-letters": settings.dead_letters,
    }
    before = {name: queue_depth(account, url) for name, url in queues.items()}
    code, key, words = account.program("trigger_job", settings.project, settings.branch)
    if code != 0:
        raise CallFailed("trigger_job", words)

    def arrived():
        found = show(account, key)
        depths = {name: queue_depth(account, url) - before[name] for name, url in queues.items()}
        return (found, depths) if found or any(depths.values()) else None

    arrival, _ = account.wait(arrived, ARRIVAL_TIMEOUT)
    job, depths = arrival or (None, dict.fromkeys(queues, 0))
    answers.give("request-arrives", "yes" if job else "no")
    for name, depth in depths.items():
        answers.give(name, depth)
    return key if job else None


def show(account, key):
    code, text, _ = account.program("doorbell", "--output", "json", "jobs", "show", key)
    return json.loads(text) if code == 0 else None


def follow_build(account, answers, key):
    """The build of the request: CodeBuild's whole answer is the fixture of a build."""
    view, _ = account.wait(lambda: settled(account, key), BUILD_TIMEOUT, interval=3)
    view = view or show(account, key) or {}
    account.record.keep("job", ["doorbell", "jobs show"], {"answer": view})
    build = find(view, "build") or {}
    answers.give("build-starts", "yes" if build.get("id") else f"no: {find(view, 'message')}")
    if not build.get("id"):
        return
    found = account.aws("codebuild", "batch-get-builds", "--ids", build["id"], keep="build")["builds"][0]
    phases = {phase["phaseType"]: phase.get("phaseStatus") for phase in found.get("phases", [])}
    answers.give("build-image", "yes" if phases.get("PROVISIONING") == "SUCCEEDED" else f"no: {phases}")
    # A project without a forge reports nothing: then the job's end counts.
    reported = (find(view, "lastReport") or {}).get("at") or find(view, "endedAt")
    if reported and found.get("endTime"):
        answers.give("report-delay", round(seconds_of(reported) - seconds_of(found["endTime"]), 1))


def settled(account, key):
    view = show(account, key)
    return view if view and find(view, "settled") else None


def find(value, name):
    """The first field of that name in a JSON value, outermost first."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        return next((found for found in (find(item, name) for item in value.values()) if found is not None), None)
    return None


def seconds_of(moment):
    """Seconds since 1970 of a time as `doorbell` or either version of the AWS CLI prints it."""
    if isinstance(moment, (int, float)):
        return float(moment)
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def send_invalid_message(account, answers, settings):
    """A message that is no request; it is found in the dead-letter queue by its words, and deleted there."""
    words = f"prove_account {settings.run}"
    account.aws("sns", "publish", "--topic-arn", settings.topic, "--message", words, keep="publish")

    def dead_letter():
        answer = account.aws(
            "sqs", "receive-message", "--queue-url", settings.dead_letters, "--wait-time-seconds", "5",
            "--max-number-of-messages", "10", "--visibility-timeout", "5",
        )
        return next((one for one in answer.get("Messages", []) if words in one["Body"]), None)

    letter, _ = account.wait(dead_letter, ARRIVAL_TIMEOUT)
    if not letter:
        answers.give("invalid-message", "no")
        return
    account.record.keep("dead-letter", ["sqs", "receive-message"], {"answer": {"Body": letter["Body"]}})
    answers.give("invalid-message", "yes" if "reason" in letter["Body"] else f"no reason: {letter['Body']}")
    account.aws("sqs", "delete-message", "--queue-url", settings.dead_letters, "--receipt-handle", letter["ReceiptHandle"])
