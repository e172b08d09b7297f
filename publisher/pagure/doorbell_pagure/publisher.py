# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `trigger_job`: the one publisher there is. No word to AWS is spoken in Python."""

import logging
import os
import subprocess
import time

_log = logging.getLogger(__name__)

#: trigger_job retries for 30 s itself, and waits at most 10 s for credentials.
TIMEOUT_SECONDS = 60

#: Before each further try. Pagure swallows what a CI type raises and tries nothing again.
RETRY_DELAYS_SECONDS = (5, 20, 60)

#: Its exit codes, as publisher/README.md lists them.
PUBLISHED = 0
USAGE_ERRORS = (2, 3)
ACCESS_DENIED = 4

#: What trigger_job may know of the worker's environment: where to find programs, the network and credentials. Pagure's
#: own settings stay behind.
INHERITED_ENV = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")
INHERITED_ENV_PREFIXES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

#: Of AWS_*, what is no credential: it stays when the hook's own key takes over.
NON_CREDENTIAL_PREFIXES = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_USE_")


def publish(request, key=None, environment=None, sleep=time.sleep):
    """Publishes a request. `key` is (access key id, secret access key), or None.

    Tried with what the worker's process has (environment, profile, role) first, and with the key where that may not
    publish. Answers whether it was published; everything else is in the log.
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
            _log.error("doorbell: %s can't be published: %s", request, output)
            return False
        _log.warning("doorbell: %s is not published yet: %s", request, output)
    _log.error("doorbell: %s was not published; a rebuild asked for in the pull request tries again", request)
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
    # Nothing but the key: no file in a home folder, no machine's role.
    env.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    return env


def _redact(output, key):
    """trigger_job prints no secret; should something below it ever do, it ends here."""
    return output.replace(key[1], "***") if key else output
