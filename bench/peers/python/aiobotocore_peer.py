"""The peer aiobotocore: its own example of an SQS consumer, with a batch's messages handled concurrently."""

import asyncio
import os
import ssl
import sys

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

import peer

RECEIVERS = 4


async def post_flag(forge, build):
    url, form = peer.flag(build)
    async with forge.post(url, data=form, headers=peer.FORGE_HEADERS) as response:
        await response.read()
        response.raise_for_status()


async def handle_batch(codebuild, forge, messages):
    """Returns the messages whose handling succeeded."""
    if peer.MODE == "events":
        ids = list({peer.build_id(message) for message in messages})
        builds = {build["id"]: build for build in (await codebuild.batch_get_builds(ids=ids))["builds"]}
        jobs = [post_flag(forge, builds[peer.build_id(message)]) for message in messages]
    else:
        jobs = [codebuild.start_build(**peer.start_input(message)) for message in messages]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            print(error, file=sys.stderr)
    return [message for message, result in zip(messages, results) if not isinstance(result, Exception)]


async def receive_forever(sqs, codebuild, forge):
    while True:
        try:
            answer = await sqs.receive_message(QueueUrl=peer.QUEUE_URL, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            done = await handle_batch(codebuild, forge, answer["Messages"]) if "Messages" in answer else []
            if done:
                await sqs.delete_message_batch(QueueUrl=peer.QUEUE_URL, Entries=peer.delete_entries(done))
        except Exception as error:  # the messages come back
            print(error, file=sys.stderr)


async def main():
    session = get_session()
    config = AioConfig(max_pool_connections=50)
    trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connector = aiohttp.TCPConnector(ssl=trust)
    async with (
        session.create_client("sqs", config=config) as sqs,
        session.create_client("codebuild", config=config) as codebuild,
        aiohttp.ClientSession(connector=connector) as forge,
    ):
        await asyncio.gather(*(receive_forever(sqs, codebuild, forge) for _ in range(RECEIVERS)))


asyncio.run(main())
