"""The peer boto3: one client for all threads, as its guide advises, and a pool of as many connections as threads."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
import urllib3
from botocore.config import Config

import peer

# One thread receives a batch at a time; the others handle messages.
RECEIVERS = 4
HANDLERS = 32

config = Config(max_pool_connections=HANDLERS + RECEIVERS)
sqs = boto3.client("sqs", config=config)
codebuild = boto3.client("codebuild", config=config)
forge = urllib3.PoolManager(maxsize=HANDLERS, ca_certs=os.environ["AWS_CA_BUNDLE"])


def start_build(message):
    codebuild.start_build(**peer.start_input(message))


def post_flag(build):
    url, form = peer.flag(build)
    response = forge.request_encode_body(
        "POST", url, fields=form, headers=dict(peer.FORGE_HEADERS), encode_multipart=False
    )
    if response.status != 200:
        raise RuntimeError(f"the forge answers {response.status}")


def handle_batch(pool, messages):
    """Returns the messages whose handling succeeded."""
    if peer.MODE == "events":
        ids = list({peer.build_id(message) for message in messages})
        builds = {build["id"]: build for build in codebuild.batch_get_builds(ids=ids)["builds"]}
        jobs = [pool.submit(post_flag, builds[peer.build_id(message)]) for message in messages]
    else:
        jobs = [pool.submit(start_build, message) for message in messages]
    done = []
    for message, job in zip(messages, jobs):
        error = job.exception()
        if error is None:
            done.append(message)
        else:
            print(error, file=sys.stderr)
    return done


def receive_forever(pool):
    while True:
        try:
            answer = sqs.receive_message(QueueUrl=peer.QUEUE_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            done = handle_batch(pool, answer["Messages"]) if "Messages" in answer else []
            if done:
                sqs.delete_message_batch(QueueUrl=peer.QUEUE_URL, Entries=peer.delete_entries(done))
        except Exception as error:  # the messages come back
            print(error, file=sys.stderr)


with ThreadPoolExecutor(HANDLERS) as handlers, ThreadPoolExecutor(RECEIVERS) as receivers:
    for _ in range(RECEIVERS):
        receivers.submit(receive_forever, handlers)
