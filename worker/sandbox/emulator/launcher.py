"""Starts the AWS emulator (ministack) for the sandbox: on loopback, with HTTPS and IAM.

Usage: python -I -B launcher.py DIRECTORY

DIRECTORY holds `server.crt` and `server.key`; the emulator writes its files there, too.
Environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY become the account's root key,
MINISTACK_ACCOUNT_ID the account, MINISTACK_REGION the default Region.
Standard output gets one line of JSON, {"port": HTTPS, "plainPort": HTTP}. The parent process keeps
standard input open: the launcher exits when it is closed, so that a killed test leaves no emulator running.

The emulator differs from AWS in a few places that this project depends on. They are patched below, and each patch is
tested before and after it is applied: if a new version has changed the patched code, the launcher stops with an error.
"""

import asyncio
import contextvars
import functools
import inspect
import itertools
import json
import os
import socket
import sys
import threading
from importlib import metadata
from pathlib import Path

VERSION = "1.5.33"
ACCOUNT = "111122223333"  # used in the self-tests only
REGION = "eu-central-1"  # used in the self-tests only

# The services of the sandbox, and those that only Terraform calls.
SERVICES = ("codebuild,dynamodb,events,iam,kms,logs,secretsmanager,sns,sqs,ssm,sts,"
            "cloudwatch,ec2,ecr,ecs")

# Gets one line `PRINCIPAL ACTION` for each action that a principal was allowed.
CALLS = "calls.txt"

# AWS has no permissions for the batch calls: each entry needs the permission for the single call.
BASE_ACTION = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


def main():
    directory = Path(sys.argv[1]).resolve()
    output = redirect_stdout_to_stderr()
    threading.Thread(target=exit_on_stdin_eof, daemon=True).start()
    tls, plain = listen(), listen()
    configure(directory, tls.getsockname()[1])  # the emulator reads its environment while it is imported
    check_version()
    for patch in (authorize_batches_as_single_calls, authorize_parameter_paths, authorize_log_streams,
                  allow_root_aws_events, restrict_root_key, allow_service_role_assumption, resolve_role_of_session,
                  simulate_with_condition_keys,
                  stub_user_credential_lists, store_query_definitions, redrive_undeliverable_messages,
                  disable_init_scripts,
                  record_allowed_actions):
        patch()
    print(json.dumps({"port": tls.getsockname()[1], "plainPort": plain.getsockname()[1]}), file=output, flush=True)
    serve(directory, tls, plain)


def redirect_stdout_to_stderr():
    """Sends the emulator's output and logs to standard error; only the launcher's line goes to standard output."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


def exit_on_stdin_eof():
    while os.read(0, 4096):
        pass
    os._exit(0)  # the emulator stores nothing, so nothing must be saved


def listen():
    """Opens a socket, since the port is needed before the emulator is imported: it writes the port into URLs."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def configure(directory, port):
    os.chdir(directory)
    os.environ.update({
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": SERVICES,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(directory / "server.crt"),
        "MINISTACK_SSL_KEY": str(directory / "server.key"),
        "HOME": str(directory),
        "TMPDIR": str(directory),
        # At its start the emulator removes containers of earlier runs; those of other users may be running.
        "DOCKER_HOST": f"unix://{directory}/no-docker",
        # These listen on fixed ports.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    })


class IncompatibleEmulator(Exception):
    """The emulator differs from the version that the patches were written for."""


def check(found, expected, what):
    if found != expected:
        raise IncompatibleEmulator(f"{what}: expected {expected!r}, found {found!r}")


def check_version():
    check(metadata.version("ministack"), VERSION, "the version of ministack")


def authorize_batches_as_single_calls():
    from ministack.core import iam_actions

    stock = iam_actions.extract_iam_action

    def action(service, call):
        return iam_actions.extract_iam_action(service, "POST", "/", {"x-amz-target": f"Any.{call}"}, b"", {})

    @functools.wraps(stock)
    def extract_iam_action(*args, **kwargs):
        found = stock(*args, **kwargs)
        return BASE_ACTION.get(found, found)

    for batch in BASE_ACTION:
        check(action(*batch.split(":")), batch, "the action of a batch call without the patch")
    iam_actions.extract_iam_action = extract_iam_action
    for batch, base in BASE_ACTION.items():
        check(action(*batch.split(":")), base, "the patched action of a batch call")
    check(action("sqs", "ReceiveMessage"), "sqs:ReceiveMessage", "the action of another call")


def authorize_parameter_paths():
    """Checks GetParametersByPath on the path and GetParameters on a parameter, and not on `*`.

    AWS checks each parameter of GetParameters. The first stands for all: ours lie under one prefix.
    """
    from ministack.core import iam_actions

    stock = iam_actions.extract_resource_arn

    def resource(call, body):
        return iam_actions.extract_resource_arn(
            "ssm", "POST", "/", {"x-amz-target": f"AmazonSSM.{call}"}, json.dumps(body).encode(), {}, REGION, ACCOUNT)

    @functools.wraps(stock)
    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
            name = iam_actions._safe_json_field(body, "Path")
            if isinstance(name, str) and name.startswith("/"):
                return f"arn:aws:ssm:{region}:{account_id}:parameter{name.rstrip('/')}"
        if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParameters"):
            names = iam_actions._safe_json_field(body, "Names")
            if isinstance(names, list) and names and isinstance(names[0], str) and names[0].startswith("/"):
                return f"arn:aws:ssm:{region}:{account_id}:parameter{names[0]}"
        return stock(service, method, path, headers, body, query_params, region, account_id)

    parameters = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
    check(resource("GetParametersByPath", {"Path": "/a/"}), "*", "the resource of GetParametersByPath without the patch")
    check(resource("GetParameters", {"Names": ["/a/b"]}), "*", "the resource of GetParameters without the patch")
    iam_actions.extract_resource_arn = extract_resource_arn
    check(resource("GetParameters", {"Names": ["/a/b", "/a/c"]}), f"{parameters}/a/b", "the patched resource of names")
    check(resource("GetParametersByPath", {"Path": "/a/"}), f"{parameters}/a", "the patched resource of a path")
    check(resource("GetParameter", {"Name": "/a/b"}), f"{parameters}/a/b", "the resource of GetParameter")


def authorize_log_streams():
    """Checks calls of a log stream on the stream, as AWS's denials name it, and not on its group.

    A policy names `log-group:NAME:*`, which the ARN of the group alone does not match.
    """
    from ministack.core import iam_actions

    stock = iam_actions.extract_resource_arn

    def resource(call):
        body = {"logGroupName": "/a", "logStreamName": "b"}
        headers = {"x-amz-target": f"Logs_20140328.{call}"}
        return iam_actions.extract_resource_arn(
            "logs", "POST", "/", headers, json.dumps(body).encode(), {}, REGION, ACCOUNT)

    @functools.wraps(stock)
    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        found = stock(service, method, path, headers, body, query_params, region, account_id)
        call = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service == "logs" and found != "*" and call in {"CreateLogStream", "PutLogEvents"}:
            # CreateLogStream is checked before there is a stream.
            stream = iam_actions._safe_json_field(body, "logStreamName") if call == "PutLogEvents" else ""
            return f"{found}:log-stream:{stream}"
        return found

    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/a"
    check(resource("PutLogEvents"), group, "the resource of PutLogEvents without the patch")
    iam_actions.extract_resource_arn = extract_resource_arn
    check(resource("PutLogEvents"), f"{group}:log-stream:b", "the patched resource of PutLogEvents")
    check(resource("CreateLogStream"), f"{group}:log-stream:", "the patched resource of CreateLogStream")
    check(resource("FilterLogEvents"), group, "the resource of FilterLogEvents")


def allow_root_aws_events():
    """Allows root to put events with an `aws.` source: the sandbox's CodeBuild acts as the service."""
    from ministack.core import iam_evaluator
    from ministack.services import eventbridge

    stock = eventbridge._put_events

    def count_rejected():
        entry = {"Source": "aws.codebuild", "DetailType": "self-test", "Detail": "{}"}
        call = eventbridge.handle_request(
            "POST", "/", {"x-amz-target": "AWSEvents.PutEvents"}, json.dumps({"Entries": [entry]}).encode(), {})
        return json.loads(asyncio.run(call)[2])["FailedEntryCount"]

    @functools.wraps(stock)
    def put_events(data, allow_aws_source=False):
        return stock(data, allow_aws_source=allow_aws_source or iam_evaluator.caller_arn().endswith(":root"))

    check(count_rejected(), 1, "rejected events with an AWS source, without the patch")
    eventbridge._put_events = put_events
    check(count_rejected(), 0, "rejected events of root with an AWS source")
    reset_token = iam_evaluator._request_caller_arn.set(f"arn:aws:iam::{ACCOUNT}:user/other")
    check(count_rejected(), 1, "rejected events of a user with an AWS source")
    iam_evaluator._request_caller_arn.reset(reset_token)


def restrict_root_key():
    """Accepts the given key as the only root key and checks its signature.

    Without the patch the key `test`, an empty one and any twelve digits are root, and no root key's signature is
    checked.
    """
    from ministack.core import iam_evaluator
    from ministack.services import sts

    ours = os.environ["AWS_ACCESS_KEY_ID"]

    def is_root_access_key(access_key_id):
        return access_key_id == ours

    others = ("", "test", ACCOUNT)
    for key in (*others, ours):
        check(iam_evaluator.is_root_access_key(key), True, "the root keys without the patch")
    check(sts.is_root_access_key, iam_evaluator.is_root_access_key, "the function by which STS finds root keys")
    iam_evaluator.is_root_access_key = sts.is_root_access_key = is_root_access_key
    for key in others:
        check(iam_evaluator.resolve_credential(key, ACCOUNT).__class__.__name__, "CredentialResolutionError",
              "the principal of another key")
    check(iam_evaluator.resolve_credential(ours, ACCOUNT).principal_type, "Root", "the principal of the given key")
    check(list(inspect.signature(iam_evaluator._is_root_key).parameters), ["access_key_id"],
          "the parameters of the check for root keys")
    iam_evaluator._is_root_key = lambda access_key_id: False


def allow_service_role_assumption():
    """Lets root assume roles as ECS and CodeBuild do, on behalf of a source that the roles' conditions name.

    Root passes the source as the external id, which no service uses.
    """
    from ministack.core import iam_evaluator

    stock = iam_evaluator.evaluate_trust_policy

    @functools.wraps(stock)
    def evaluate_trust_policy(trust_doc, caller_arn, ctx=None):
        source = ctx and ctx.service_context.get("sts:externalid")
        if source and caller_arn.endswith(":root"):
            account = source.split(":")[4]
            ctx.service_context.update({"aws:sourcearn": source, "aws:sourceaccount": account})
        return stock(trust_doc, caller_arn, ctx)

    def allows(found, source):
        condition = {"ArnEquals": {"aws:SourceArn": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/a"},
                     "StringEquals": {"aws:SourceAccount": ACCOUNT}}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole",
                     "Principal": {"Service": "codebuild.amazonaws.com"}, "Condition": condition}
        root = f"arn:aws:iam::{ACCOUNT}:root"
        ctx = iam_evaluator.EvalContext(
            principal_arn=root, principal_type="Root", principal_account=ACCOUNT, action="sts:AssumeRole",
            resource_arn="*", region=REGION, service_context={"sts:externalid": source})
        return found({"Version": "2012-10-17", "Statement": [statement]}, root, ctx)

    project = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/"
    check(allows(stock, project + "a"), False, "a service's source without the patch")
    check(allows(evaluate_trust_policy, project + "a"), True, "the role of a project, for that project")
    check(allows(evaluate_trust_policy, project + "b"), False, "the role of a project, for another one")
    iam_evaluator.evaluate_trust_policy = evaluate_trust_policy


def resolve_role_of_session():
    """Makes `aws:PrincipalArn` of a role's session the ARN of the role, as AWS documents it.

    Without the patch it is the ARN of the session.
    """
    from ministack.core import iam_evaluator

    stock = iam_evaluator._resolve_condition_key

    @functools.wraps(stock)
    def resolve_condition_key(key, ctx):
        found = stock(key, ctx)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in found:
            return found
        _, role, _ = found.split(":", 5)[5].split("/")
        return f"arn:aws:iam::{found.split(':')[4]}:role/{role}"

    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"
    ctx = iam_evaluator.EvalContext(
        principal_arn=session, principal_type="AssumedRole", principal_account=ACCOUNT, action="a:B",
        resource_arn="*", region=REGION, service_context={})
    check(stock("aws:PrincipalArn", ctx), session, "the principal of a session without the patch")
    role = f"arn:aws:iam::{ACCOUNT}:role/a"
    check(resolve_condition_key("aws:PrincipalArn", ctx), role, "the principal of a session")
    iam_evaluator._resolve_condition_key = resolve_condition_key


def simulate_with_condition_keys():
    """Makes SimulatePrincipalPolicy use the given condition keys, as on AWS; without the patch it ignores them."""
    from ministack.core import iam_evaluator
    from ministack.services import iam

    stock, simulate = iam_evaluator.evaluate, iam._IAM_HANDLERS["SimulatePrincipalPolicy"]
    context_entries = contextvars.ContextVar("context_entries", default={})

    def entries(params):
        found, number = {}, 1
        while key := params.get(entry := f"ContextEntries.member.{number}.ContextKeyName"):
            prefix = entry.removesuffix("Name") + "Values.member."
            found[key[0].lower()] = [value[0] for name, value in params.items() if name.startswith(prefix)]
            number += 1
        return found

    @functools.wraps(stock)
    def evaluate(ctx, policies, *limits):
        ctx.service_context.update(context_entries.get())
        return stock(ctx, policies, *limits)

    def simulate_principal_policy(params):
        token = context_entries.set(entries(params))
        try:
            return simulate(params)
        finally:
            context_entries.reset(token)

    entry = "ContextEntries.member.1.ContextKey"
    one = {f"{entry}Name": ["a:B"], f"{entry}Values.member.1": ["c"]}
    check(entries(one), {"a:b": ["c"]}, "the condition keys of a call")
    check(simulate.__name__, "_simulate_principal_policy", "the function that simulates")
    iam_evaluator.evaluate = evaluate
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy


def stub_user_credential_lists():
    """Adds empty lists of a user's credentials, which Terraform reads before it deletes a user."""
    from ministack.services import iam

    for call in ("ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials"):
        check(iam._IAM_HANDLERS.get(call), None, f"the handler of {call} without the patch")
        result = f"<{call}Result><IsTruncated>false</IsTruncated></{call}Result>"
        iam._IAM_HANDLERS[call] = functools.partial(
            lambda name, result, _: iam._xml(200, name, result), f"{call}Response", result)


def store_query_definitions():
    """Adds the calls for saved queries of logs, which Terraform makes; the emulator does not know them."""
    from ministack.services import cloudwatch_logs

    definitions, numbers = {}, itertools.count()

    def put(data):
        identifier = data.get("queryDefinitionId") or f"00000000-0000-4000-8000-{next(numbers):012d}"
        fields = ("name", "queryString", "logGroupNames")
        definitions[identifier] = {"queryDefinitionId": identifier, **{key: data[key] for key in fields if key in data}}
        return {"queryDefinitionId": identifier}

    def describe(data):
        prefix = data.get("queryDefinitionNamePrefix", "")
        return {"queryDefinitions": [found for found in definitions.values() if found["name"].startswith(prefix)]}

    def delete(data):
        return {"success": definitions.pop(data["queryDefinitionId"], None) is not None}

    calls = {"PutQueryDefinition": put, "DescribeQueryDefinitions": describe, "DeleteQueryDefinition": delete}
    stock = cloudwatch_logs.handle_request

    async def handle_request(method, path, headers, body, query_params):
        call = calls.get(headers.get("x-amz-target", "").split(".")[-1])
        if call is None:
            return await stock(method, path, headers, body, query_params)
        return cloudwatch_logs.json_response(call(json.loads(body)))

    def status(call, handler):
        request = handler("POST", "/", {"x-amz-target": f"Logs_20140328.{call}"}, b"{}", {})
        return asyncio.run(request)[0]

    check(status("DescribeQueryDefinitions", stock), 400, "the status of saved queries without the patch")
    check(status("DescribeQueryDefinitions", handle_request), 200, "the status of saved queries with the patch")
    check(status("DescribeLogGroups", handle_request), 200, "the status of other calls with the patch")
    cloudwatch_logs.handle_request = handle_request


def redrive_undeliverable_messages():
    """Sends what a queue's policy denies to the dead-letter queue of the subscription or of the rule's target.

    Without the patch the emulator drops it; and it delivers events that the queue's policy denies.
    """
    from ministack.services import eventbridge, sns, sqs

    stock_deliver, stock_invoke = sns._deliver_to_sqs, eventbridge._invoke_target

    def allows(queue, service, source):
        return sqs.queue_policy_allows(queue, service, source, source.split(":")[4])

    @functools.wraps(stock_deliver)
    def deliver_to_sqs(endpoint, *args, topic_arn="", **kwargs):
        if not allows(endpoint, "sns.amazonaws.com", topic_arn):
            subscriptions = sns._topic_by_arn_any_scope(topic_arn)["subscriptions"]
            found = next(subscription for subscription in subscriptions if subscription["endpoint"] == endpoint)
            redrive = json.loads(found["attributes"].get("RedrivePolicy") or "{}")
            endpoint = redrive.get("deadLetterTargetArn", endpoint)
        return stock_deliver(endpoint, *args, topic_arn=topic_arn, **kwargs)

    @functools.wraps(stock_invoke)
    def invoke_target(target, event, rule, *args):
        for queue in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")):
            if queue and (":sqs:" not in queue or allows(queue, "events.amazonaws.com", rule["Arn"])):
                return stock_invoke({**target, "Arn": queue}, event, rule, *args)
        return None

    for stock, expected in ((stock_deliver, ["endpoint", "topic_arn"]), (stock_invoke, ["target", "event", "rule"])):
        names = inspect.signature(stock).parameters
        check([name for name in names if name in expected], expected, f"the parameters of {stock.__name__}")
    sns._deliver_to_sqs, eventbridge._invoke_target = deliver_to_sqs, invoke_target


def disable_init_scripts():
    """Disables the scripts in /docker-entrypoint-initaws.d and similar directories of a developer's machine."""
    from ministack import app

    check(callable(getattr(app, "_collect_scripts", None)), True, "whether one function collects the scripts")
    app._collect_scripts = lambda *_: []


def record_allowed_actions():
    """Records the allowed actions, so that tests can compare them with those that the roles grant."""
    from ministack.core import iam_evaluator

    stock = iam_evaluator.enforce
    check(list(inspect.signature(stock).parameters)[:2], ["access_key_id", "iam_action"],
          "the parameters of the permission check")
    recorded = set()

    @functools.wraps(stock)
    def enforce(access_key_id, iam_action, *args, **kwargs):
        denial = stock(access_key_id, iam_action, *args, **kwargs)
        line = f"{iam_evaluator.caller_arn()} {iam_action}\n"
        if denial is None and line not in recorded:
            recorded.add(line)
            with open(CALLS, "a", encoding="ascii") as calls:
                calls.write(line)
        return denial

    iam_evaluator.enforce = enforce


def cancel_polls_on_disconnect(app):
    """Ends a long poll when its caller disconnects.

    Without the patch it goes on for up to 20 s and takes messages that nothing receives. AWS does not document which of
    the two SQS does: HANGING_POLLS=1 disables the patch.
    """
    if os.environ.get("HANGING_POLLS") == "1":
        return app

    async def cancel_on_disconnect(scope, receive, send):
        if (b"x-amz-target", b"AmazonSQS.ReceiveMessage") not in scope.get("headers", ()):
            return await app(scope, receive, send)
        body = [await receive()]
        while body[-1].get("more_body"):
            body.append(await receive())

        async def replay():
            return body.pop(0) if body else await asyncio.Future()  # the app has read the whole body

        handling = asyncio.ensure_future(app(scope, replay, send))
        disconnecting = asyncio.ensure_future(receive())  # after the body there is only http.disconnect
        await asyncio.wait((handling, disconnecting), return_when=asyncio.FIRST_COMPLETED)
        disconnecting.cancel()
        # A poll waits at one point only, where it has not received a message.
        if not handling.done():
            handling.cancel()
            return None
        return await handling

    return cancel_on_disconnect


def serve(directory, tls, plain):
    # Not ministack.app.main(): it also listens on port 443 if it can, and writes a pid file.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{tls.detach()}"]
    # Tests of the queues' TLS-only policies need plain HTTP calls that reach the policy.
    config.insecure_bind = [f"fd://{plain.detach()}"]
    config.certfile, config.keyfile = str(directory / "server.crt"), str(directory / "server.key")
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    asyncio.run(hypercorn_serve(cancel_polls_on_disconnect(app), config))


if __name__ == "__main__":
    try:
        main()
    except (IncompatibleEmulator, ImportError, AttributeError, TypeError) as error:
        sys.exit(f"the emulator's launcher works with ministack {VERSION} only: {type(error).__name__}: {error}\n"
                 "remove .tools/emulator and run bin/lib/python.sh, or adapt worker/sandbox/emulator/launcher.py")
