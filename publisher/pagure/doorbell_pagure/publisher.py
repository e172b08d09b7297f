# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `trigger_job` once, so that the plugin contains no AWS code."""

import base64
import enum
import os
import subprocess
import urllib.parse

from doorbell_pagure.text import one_line

#: trigger_job retries for 30 s itself, and waits at most 10 s for credentials.
TIMEOUT_SECONDS = 60

#: Its exit codes, as publisher/trigger_job/README.md lists them.
PUBLISHED = 0
USAGE_ERRORS = (2, 3)

#: The variables that trigger_job inherits: for programs, the network and credentials. Pagure's own settings are not
#: among them.
INHERITED_ENV = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
INHERITED_ENV_PREFIXES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

#: Variables of AWS_* that are no credentials: they stay when the hook's own key is used.
NON_CREDENTIAL_PREFIXES = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_USE_")

#: Variables of the worker's process that hold a secret.
SECRET_ENV = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


class Outcome(enum.Enum):
    """What came of one attempt."""

    PUBLISHED = "published"
    #: It may succeed later. The message may also have arrived: repeat it with the same id.
    RETRY = "retry"
    #: It fails each time.
    FAILED = "failed"


def publish(request, credentials, environment=None):
    """Makes one attempt with these credentials and no others; returns its outcome and a line for the log.

    The line has no secret in it."""
    inherited = _inherited_env(os.environ if environment is None else environment)
    env = _with_key(inherited, credentials.key) if credentials.key else inherited
    secrets = [credentials.key[1]] if credentials.key else [env[name] for name in SECRET_ENV if env.get(name)]
    outcome, output = _run(request, env)
    return outcome, one_line(_redact(output, secrets))


def _run(request, environment):
    try:
        completed = subprocess.run(
            ["trigger_job"] + request.arguments(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Outcome.FAILED, "the program trigger_job is not on the worker's PATH"
    except ValueError:
        return Outcome.FAILED, "a field of the hook contains a NUL character"
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome.RETRY, f"trigger_job: {error.__class__.__name__}"
    if completed.returncode == PUBLISHED:
        return Outcome.PUBLISHED, completed.stdout.decode("utf-8", "replace")
    outcome = Outcome.FAILED if completed.returncode in USAGE_ERRORS else Outcome.RETRY
    return outcome, completed.stderr.decode("utf-8", "replace")


def _inherited_env(environment):
    return {
        name: value
        for name, value in environment.items()
        if name in INHERITED_ENV or name.startswith(INHERITED_ENV_PREFIXES)
    }


def _with_key(environment, key):
    env = {
        name: value
        for name, value in environment.items()
        if not name.startswith("AWS_") or name.startswith(NON_CREDENTIAL_PREFIXES)
    }
    env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = key
    # The key alone: no file in a home directory, no role of the machine.
    env.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    return env


def _redact(output, secrets):
    """Removes secrets from the output: trigger_job prints none, but a library or proxy below it might repeat one."""
    for secret in secrets:
        for form in (secret, urllib.parse.quote(secret, safe=""), *_base64_forms(secret.encode())):
            output = output.replace(form, "***")
    return output


def _base64_forms(secret):
    """The part of a longer text's base64 that this secret determines, for each of its three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + secret).decode()
        yield encoded[(0, 2, 3)[offset] : (offset + len(secret)) * 8 // 6]
