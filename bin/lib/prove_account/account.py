"""The account under test, called by the AWS CLI, and the record of its answers."""

import json
import os
import re
import subprocess
import time

# `An error occurred (Code) when calling the Operation operation: words`
CLI_ERROR = re.compile(
    r"An error occurred \((?P<code>[^)]+)\) when calling the \S+ operation(?: \(reached [^)]*\))?: (?P<message>.*)", re.DOTALL
)


class CallFailed(Exception):
    """AWS answered with an error, or the program could not call it."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Account:
    """Calls AWS with the person's own credentials; each answer that is worth keeping becomes a fixture."""

    def __init__(self, redactor, record, run=subprocess.run, sleep=time.sleep, clock=time.monotonic):
        self.redactor, self.record = redactor, record
        self._run, self.sleep, self.clock = run, sleep, clock

    def aws(self, service, operation, *arguments, keep=None):
        """One call; `keep` names the fixture that holds the answer."""
        command = ["aws", service, operation, *arguments, "--output", "json"]
        # One call is one answer: the CLI must not repeat what is refused.
        environment = {**os.environ, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
        done = self._run(command, capture_output=True, text=True, env=environment)
        if done.returncode == 0:
            answer = json.loads(done.stdout) if done.stdout.strip() else {}
            if keep:
                self.record.keep(keep, [service, operation], {"answer": answer})
            return answer
        found = CLI_ERROR.search(done.stderr)
        if not found:
            raise CallFailed("NoAnswer", done.stderr.strip())
        error = CallFailed(found["code"], found["message"].strip())
        if keep:
            self.record.keep(keep, [service, operation], {"error": {"code": error.code, "message": error.message}})
        raise error

    def program(self, *command):
        """Runs one of Doorbell's programs; returns exit code and standard output."""
        done = self._run(list(command), capture_output=True, text=True)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def wait(self, what, seconds, interval=1):
        """Calls `what` until it returns something true or the time is over; returns that, and the seconds it took."""
        began = self.clock()
        while True:
            found = what()
            took = self.clock() - began
            if found or took >= seconds:
                return found, took
            self.sleep(interval)


class Record:
    """The fixtures, one file each, numbered in the order of the calls."""

    def __init__(self, directory, redactor):
        self.directory, self.redactor, self.count = directory, redactor, 0

    def keep(self, name, call, content):
        self.count += 1
        text = json.dumps({"call": call, **self.redactor.value(content)}, indent=2, sort_keys=True) + "\n"
        leaks = self.redactor.leaks(text)
        if leaks:
            raise SystemExit(f"prove_account: the fixture {name} would hold {len(leaks)} private values; nothing was written")
        (self.directory / f"{self.count:02}-{name}.json").write_text(text, encoding="utf-8")
