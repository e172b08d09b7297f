# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `trigger_job`, so that the plugin contains no AWS code."""

import logging
import os
import subprocess
import time

_log = logging.getLogger(__name__)

#: trigger_job retries for 30 s itself, and waits at most 10 s for credentials.
TIMEOUT_SECONDS = 60

#: Delay before each retry. Pagure drops an exception of a CI type and does not retry.
RETRY_DELAYS_SECONDS = (5, 20, 60)

#: Its exit codes, as publisher/trigger_job/README.md lists them.
PUBLISHED = 0
USAGE_ERRORS = (2, 3)
ACCESS_DENIED = 4

#: The variables that trigger_job inherits: for programs, the network and credentials. Pagure's own settings are not
#: among them.
INHERITED_ENV = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
INHERITED_ENV_PREFIXES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

#: Variables of AWS_* that are no credentials: they stay when the hook's own key is used.
NON_CREDENTIAL_PREFIXES = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_USE_")


def publish(request, key=None, environment=None, sleep=time.sleep):
    """Publishes a request. `key` is (access key id, secret access key), or None.

    It tries the worker's own credentials (environment, profile, role) first, and the key if access is denied. It returns
    whether the request was published, and logs everything else.
    """
    environment = _inherited_env(os.environ if environment is None else environment)
    for delay in (0,) + RETRY_DELAYS_SECONDS:
        if delay:
            sleep(delay)
        code, output = _run(request, environment)
        if code == ACCESS_DENIED and key:
            code, output = _run(request, _with_key(environment, key))
        output = _redact(output, key)
        if code == PUBLISHED:
            _log.info("doorbell: published %s as %s", request, output)
            return True
        if code in USAGE_ERRORS:
            _log.error("doorbell: publishing %s failed, no retry: %s", request, output)
            return False
        _log.warning("doorbell: publishing %s failed, will retry: %s", request, output)
    _log.error("doorbell: publishing %s failed after retries; request a rebuild in the pull request", request)
    return False


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
        return USAGE_ERRORS[0], "the program trigger_job is not on the worker's PATH"
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"trigger_job: {error.__class__.__name__}"
    output = completed.stdout if completed.returncode == PUBLISHED else completed.stderr
    return completed.returncode, " ".join(output.decode("utf-8", "replace").split())


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


def _redact(output, key):
    """Removes the key from the output: trigger_job prints no secret, but a library below it might."""
    return output.replace(key[1], "***") if key else output
