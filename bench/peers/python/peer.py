"""What both Python peers share: the parts of a request, of an event and of a flag."""

import json
import os

MODE = os.environ["PEER_MODE"]
QUEUE_URL = os.environ["PEER_QUEUE_URL"]
BUILD_PROJECT = os.environ["PEER_BUILD_PROJECT"]
FORGE_URL = os.environ["PEER_FORGE_URL"]
FORGE_HEADERS = {"authorization": "token " + os.environ["PEER_FORGE_TOKEN"]}

STATUSES = {"SUCCEEDED": "success", "FAILED": "failure", "STOPPED": "canceled"}


def start_input(message):
    envelope = json.loads(message["Body"])
    request = json.loads(envelope["Message"])
    variables = {
        "DOORBELL_PROJECT": request["project"],
        "DOORBELL_REF": "refs/heads/" + request["branch"],
        "DOORBELL_COMMIT": request["commit"],
    }
    return {
        "projectName": BUILD_PROJECT,
        "idempotencyToken": envelope["MessageId"],
        "environmentVariablesOverride": [{"name": name, "value": value} for name, value in variables.items()],
    }


def build_id(message):
    return json.loads(message["Body"])["detail"]["build-id"].split("build/")[1]


def flag(build):
    """The URL and the form of a build's flag."""
    variables = build["environment"]["environmentVariables"]
    commit = next(variable["value"] for variable in variables if variable["name"] == "DOORBELL_COMMIT")
    status = STATUSES.get(build["buildStatus"], "error") if build["buildComplete"] else "pending"
    form = {
        "username": "peer",
        "comment": build["buildStatus"],
        "url": build["logs"]["deepLink"],
        "status": status,
        "uid": build["id"][-32:],
    }
    return f"{FORGE_URL}/api/0/demo/c/{commit}/flag", form


def delete_entries(messages):
    return [{"Id": str(index), "ReceiptHandle": one["ReceiptHandle"]} for index, one in enumerate(messages)]
