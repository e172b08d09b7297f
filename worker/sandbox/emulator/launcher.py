"""Starts the AWS emulator (ministack) for the sandbox: on loopback, with HTTPS and IAM.

Usage: python -I -B launcher.py DIRECTORY

DIRECTORY holds `server.crt` and `server.key`; whatever the emulator writes goes there, too.
Environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY become the account's root key,
MINISTACK_ACCOUNT_ID the account, MINISTACK_REGION the default Region.
Standard output gets one line of JSON, {"port": HTTPS, "plainPort": HTTP}. Whoever started this holds
its standard input open: when that ends, this ends, so that no killed test leaves an emulator behind.

The emulator departs from AWS in a few places that this project depends on. They are patched below, and each patch is
tested before and after it is made: if a new version has changed what is patched, this stops and says so.
"""

import asyncio
import contextvars
import functools
import inspect
import json
import os
import socket
import sys
import threading
from importlib import metadata
from pathlib import Path

VERSION = "1.5.33"
ACCOUNT = "111122223333"  # stands in the self-test only
REGION = "eu-central-1"  # likewise

# The journey's, and those that only Terraform touches.
SERVICES = ("codebuild,dynamodb,events,iam,kms,logs,secretsmanager,sns,sqs,ssm,sts,"
            "cloudwatch,ec2,ecr,ecs")

# Gets a line `PRINCIPAL ACTION` for each action that a principal was allowed, once.
CALLS = "calls.txt"

# AWS knows no permission for the batch calls: each entry needs the right to the single call.
BASE_ACTION = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


def main():
    directory = Path(sys.argv[1]).resolve()
    answers = redirect_stdout_to_stderr()
    threading.Thread(target=exit_on_stdin_eof, daemon=True).start()
    tls, plain = listen(), listen()
    configure(directory, tls.getsockname()[1])  # the emulator reads its environment while it is imported
    check_version()
    for patch in (authorize_batches_as_single_calls, authorize_parameter_paths, allow_root_aws_events,
                  restrict_root_key, allow_service_role_assumption,
                  simulate_with_condition_keys, stub_user_credential_lists, disable_init_scripts, record_allowed_actions):
        patch()
    print(json.dumps({"port": tls.getsockname()[1], "plainPort": plain.getsockname()[1]}), file=answers, flush=True)
    serve(directory, tls, plain)


def redirect_stdout_to_stderr():
    """Whatever the emulator prints or logs goes to standard error, where it can't be taken for our line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def exit_on_stdin_eof():
    while os.read(0, 4096):
        pass
    os._exit(0)  # nothing is kept, so there is nothing to save


def listen():
    """A socket of our own, because the port is needed before the emulator is imported: it writes it into URLs."""
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
        # At its start the emulator removes containers of earlier ones; ours has none, other people's may be alive.
        "DOCKER_HOST": f"unix://{directory}/no-docker",
        # Listeners on fixed ports.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    })


class IncompatibleEmulator(Exception):
    """The emulator is not the one that the patches were written for."""


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
        check(action(*batch.split(":")), batch, "the stock action of a batch call")
    iam_actions.extract_iam_action = extract_iam_action
    for batch, base in BASE_ACTION.items():
        check(action(*batch.split(":")), base, "the patched action of a batch call")
    check(action("sqs", "ReceiveMessage"), "sqs:ReceiveMessage", "the action of another call")


def authorize_parameter_paths():
    """GetParametersByPath is checked on the path, as on AWS, and not on `*`."""
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
        return stock(service, method, path, headers, body, query_params, region, account_id)

    parameters = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
    check(resource("GetParametersByPath", {"Path": "/a/"}), "*", "the stock resource of GetParametersByPath")
    iam_actions.extract_resource_arn = extract_resource_arn
    check(resource("GetParametersByPath", {"Path": "/a/"}), f"{parameters}/a", "the patched resource of a path")
    check(resource("GetParameter", {"Name": "/a/b"}), f"{parameters}/a/b", "the resource of GetParameter")


def allow_root_aws_events():
    """Root may put events with an `aws.` source: the sandbox's CodeBuild stands where the service stands."""
    from ministack.core import iam_evaluator
    from ministack.services import eventbridge

    stock = eventbridge._put_events

    def refused():
        entry = {"Source": "aws.codebuild", "DetailType": "self-test", "Detail": "{}"}
        call = eventbridge.handle_request(
            "POST", "/", {"x-amz-target": "AWSEvents.PutEvents"}, json.dumps({"Entries": [entry]}).encode(), {})
        return json.loads(asyncio.run(call)[2])["FailedEntryCount"]

    @functools.wraps(stock)
    def put_events(data, allow_aws_source=False):
        return stock(data, allow_aws_source=allow_aws_source or iam_evaluator.caller_arn().endswith(":root"))

    check(refused(), 1, "stock events with an AWS source that are refused")
    eventbridge._put_events = put_events
    check(refused(), 0, "events of root with an AWS source that are refused")
    reset_token = iam_evaluator._request_caller_arn.set(f"arn:aws:iam::{ACCOUNT}:user/nobody")
    check(refused(), 1, "events of a user with an AWS source that are refused")
    iam_evaluator._request_caller_arn.reset(reset_token)


def restrict_root_key():
    """Stock, the key `test`, an empty one and any twelve digits are root, and no root key's signature is looked at.

    Here only the key that we were given is root, and it is checked like any other.
    """
    from ministack.core import iam_evaluator
    from ministack.services import sts

    ours = os.environ["AWS_ACCESS_KEY_ID"]

    def is_root_access_key(access_key_id):
        return access_key_id == ours

    others = ("", "test", ACCOUNT)
    for key in (*others, ours):
        check(iam_evaluator.is_root_access_key(key), True, "what stock takes for a root key")
    check(sts.is_root_access_key, iam_evaluator.is_root_access_key, "where STS looks for root keys")
    iam_evaluator.is_root_access_key = sts.is_root_access_key = is_root_access_key
    for key in others:
        check(iam_evaluator.resolve_credential(key, ACCOUNT).__class__.__name__, "CredentialResolutionError",
              "what another key speaks for")
    check(iam_evaluator.resolve_credential(ours, ACCOUNT).principal_type, "Root", "what our key speaks for")
    check(list(inspect.signature(iam_evaluator._is_root_key).parameters), ["access_key_id"], "who is left unchecked")
    iam_evaluator._is_root_key = lambda access_key_id: False


def allow_service_role_assumption():
    """Root stands where ECS and CodeBuild stand. They say for whom they work, which roles make a condition of.

    Root says it by the external id, which no service uses.
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
    check(allows(stock, project + "a"), False, "what stock makes of a service's source")
    check(allows(evaluate_trust_policy, project + "a"), True, "the role of a project, for that project")
    check(allows(evaluate_trust_policy, project + "b"), False, "the role of a project, for another one")
    iam_evaluator.evaluate_trust_policy = evaluate_trust_policy


def simulate_with_condition_keys():
    """SimulatePrincipalPolicy takes the condition keys that it is told, as on AWS. Stock, it ignores them."""
    from ministack.core import iam_evaluator
    from ministack.services import iam

    stock, simulate = iam_evaluator.evaluate, iam._IAM_HANDLERS["SimulatePrincipalPolicy"]
    told = contextvars.ContextVar("told", default={})

    def entries(params):
        found, number = {}, 1
        while key := params.get(entry := f"ContextEntries.member.{number}.ContextKeyName"):
            prefix = entry.removesuffix("Name") + "Values.member."
            found[key[0].lower()] = [value[0] for name, value in params.items() if name.startswith(prefix)]
            number += 1
        return found

    @functools.wraps(stock)
    def evaluate(ctx, policies, *limits):
        ctx.service_context.update(told.get())
        return stock(ctx, policies, *limits)

    def simulate_principal_policy(params):
        token = told.set(entries(params))
        try:
            return simulate(params)
        finally:
            told.reset(token)

    entry = "ContextEntries.member.1.ContextKey"
    one = {f"{entry}Name": ["a:B"], f"{entry}Values.member.1": ["c"]}
    check(entries(one), {"a:b": ["c"]}, "the condition keys of a call")
    check(simulate.__name__, "_simulate_principal_policy", "who simulates")
    iam_evaluator.evaluate = evaluate
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy


def stub_user_credential_lists():
    """Terraform asks what else a user has before it removes one. Stock, these calls are unknown."""
    from ministack.services import iam

    for call in ("ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials"):
        check(iam._IAM_HANDLERS.get(call), None, f"what stock makes of {call}")
        answer = f"<{call}Result><IsTruncated>false</IsTruncated></{call}Result>"
        iam._IAM_HANDLERS[call] = functools.partial(
            lambda name, answer, _: iam._xml(200, name, answer), f"{call}Response", answer)


def disable_init_scripts():
    """Stock runs what lies in /docker-entrypoint-initaws.d and the like: not on a developer's machine."""
    from ministack import app

    check(callable(getattr(app, "_collect_scripts", None)), True, "whether scripts are collected in one place")
    app._collect_scripts = lambda *_: []


def record_allowed_actions():
    """What the real binaries call is compared with what their roles grant."""
    from ministack.core import iam_evaluator

    stock = iam_evaluator.enforce
    check(list(inspect.signature(stock).parameters)[:2], ["access_key_id", "iam_action"], "what is asked of IAM")
    recorded = set()

    @functools.wraps(stock)
    def enforce(access_key_id, iam_action, *args, **kwargs):
        refusal = stock(access_key_id, iam_action, *args, **kwargs)
        line = f"{iam_evaluator.caller_arn()} {iam_action}\n"
        if refusal is None and line not in recorded:
            recorded.add(line)
            with open(CALLS, "a", encoding="ascii") as calls:
                calls.write(line)
        return refusal

    iam_evaluator.enforce = enforce


def cancel_polls_on_disconnect(app):
    """A long poll ends when its caller goes. Stock, it goes on for up to 20 s and hands messages to nobody.

    Which of the two SQS does is not documented: HANGING_POLLS=1 leaves it as it is.
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
            return body.pop(0) if body else await asyncio.Future()  # the app has read all: nothing more comes

        answering = asyncio.ensure_future(app(scope, replay, send))
        leaving = asyncio.ensure_future(receive())  # after the body there is only http.disconnect
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        # A poll waits in one place, where no message is in its hands.
        if not answering.done():
            answering.cancel()
            return None
        return await answering

    return cancel_on_disconnect


def serve(directory, tls, plain):
    # Not ministack.app.main(): it also takes port 443 where it may, and writes a pid file.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{tls.detach()}"]
    # The queues' TLS-only policies can only be seen to work if plain HTTP gets as far as the policy.
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
        sys.exit(f"the emulator's launcher fits ministack {VERSION} only: {type(error).__name__}: {error}\n"
                 "remove .tools/emulator and run bin/lib/python.sh, or adapt worker/sandbox/emulator/launcher.py")
