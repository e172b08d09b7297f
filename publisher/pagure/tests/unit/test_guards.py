# SPDX-License-Identifier: GPL-2.0-or-later
"""Removes the plugin's guards, one by one, in a copy: the test named for each must then fail. As bin/lib/sabotage does
for the Rust sources."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PLUGIN = pathlib.Path(__file__).resolve().parents[2]

#: (file, text that stands there once, its replacement, the test that fails)
GUARDS = [
    ("credentials.py", "if all(key):", "if all(key) and False:", "test_publication.CredentialsTest.test_hook_key_is_chosen_alone"),
    ("credentials.py", "if any(key):", "if False:", "test_publication.CredentialsTest.test_incomplete_key_is_refused_for_a_listed_pair"),
    ("credentials.py", "if (repository, request.project) not in _pairs(settings):", "if False:",
     "test_publication.CredentialsTest.test_unlisted_pair_is_refused"),
    ("credentials.py", "for entry in entries if isinstance(entry, (list, tuple)))", "for entry in entries)",
     "test_publication.CredentialsTest.test_settings_that_list_no_pair_refuse_all"),
    ("credentials.py", "if not settings.get(TOPIC_SETTING) or request.topic != settings[TOPIC_SETTING]:", "if False:",
     "test_publication.CredentialsTest.test_topic_of_the_owners_choice_is_refused"),
    ("publication.py", "and (number > 0 or redelivered)", "and False", "test_publication.PublicationTest.test_late_repeat_is_not_published_again"),
    ("publication.py", "if age_seconds > MAX_AGE_SECONDS:", "if False:", "test_publication.PublicationTest.test_late_repeat_is_not_published_again"),
    ("publication.py", " if number < len(RETRY_DELAYS_SECONDS) else None", " if number < 4 else 480",
     "test_publication.PublicationTest.test_failed_attempts_are_bounded_and_the_loss_is_told"),
    ("publisher.py", 'if not name.startswith("AWS_") or name.startswith(NON_CREDENTIAL_PREFIXES)', "if True",
     "test_publisher.PublisherTest.test_hook_key_is_used_alone_even_if_denied"),
    ("publisher.py", 'AWS_EC2_METADATA_DISABLED="true"', 'AWS_X=""', "test_publisher.PublisherTest.test_hook_key_is_used_alone_even_if_denied"),
    ("publisher.py", "one_line(_redact(output, secrets))", "one_line(output)", "test_publisher.PublisherTest.test_no_secret_is_in_the_output"),
    ("publisher.py", "one_line(_redact(output, secrets))", "_redact(output, secrets)",
     "test_publisher.PublisherTest.test_output_is_one_printable_line"),
    ("request.py", "{self.project!r}", "{self.project}", "test_publisher.PublisherTest.test_request_is_logged_on_one_line"),
    ("event.py", "project.private or not hook or hook.ci_type != CI_TYPE", "project.private or not hook",
     "test_worker.EventTest.test_hook_that_changed_since_is_not_used"),
    ("event.py", "project.private or not hook", "not hook", "test_worker.EventTest.test_hook_that_changed_since_is_not_used"),
    ("event.py", " or not getattr(hook, active)", "", "test_worker.EventTest.test_hook_that_changed_since_is_not_used"),
    ("worker.py", "{name: kwargs.get(name) for name in event.ARGUMENTS}", "dict(kwargs)",
     "test_worker.PagureTaskTest.test_build_is_queued_and_not_published"),
    ("worker.py", "one_line(error))", "error)", "test_worker.PagureTaskTest.test_failed_queueing_is_logged_on_one_line"),
    ("worker.py", "if delay is not None:", "if True:", "test_worker.OwnTaskTest.test_failing_database_is_retried_a_bounded_number_of_times"),
]


class GuardTest(unittest.TestCase):
    def setUp(self):
        self.copy = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        shutil.copytree(PLUGIN / "doorbell_pagure", self.copy / "doorbell_pagure")
        shutil.copytree(PLUGIN / "tests" / "unit", self.copy / "tests" / "unit")

    def run_tests(self, *tests):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-B", "-m", "unittest", *tests]
        return subprocess.run(command, cwd=self.copy / "tests" / "unit", env=environment, capture_output=True, check=False)

    def test_every_guard_removal_is_detected(self):
        named = sorted({test for *_, test in GUARDS})
        intact = self.run_tests(*named)
        self.assertEqual(intact.returncode, 0, intact.stderr.decode())
        for file, before, after, test in GUARDS:
            with self.subTest(file=file, before=before):
                path = self.copy / "doorbell_pagure" / file
                text = path.read_text()
                self.assertEqual(text.count(before), 1)
                path.write_text(text.replace(before, after))
                self.assertNotEqual(self.run_tests(test).returncode, 0, "no test fails without this guard")
                path.write_text(text)


if __name__ == "__main__":
    unittest.main()
