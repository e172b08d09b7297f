# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose credentials a hook may use, and what follows an attempt. Needs no Pagure."""

import logging
import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from doorbell_pagure import credentials, publication  # noqa: E402
from doorbell_pagure.publication import Result  # noqa: E402
from doorbell_pagure.publisher import Outcome  # noqa: E402
from doorbell_pagure.request import Request  # noqa: E402

TOPIC = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
KEY = ("AKIAHOOK", "canary-secret")
NO_KEY = (None, "")
SETTINGS = {"DOORBELL_TOPIC_ARN": TOPIC, "DOORBELL_PAIRS": [("demo", "demo"), ["ours/inner", "inner"]]}
MINUTE, HOUR = 60, 3600


def request(project="demo", topic=TOPIC):
    return Request(project=project, topic=topic, branch="main", commit="4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba")


class CredentialsTest(unittest.TestCase):
    def refused(self, key, repository, asked, settings=SETTINGS):
        with self.assertRaises(credentials.RefusedHook) as caught:
            credentials.choose(key, repository, asked, settings)
        return str(caught.exception)

    def test_hook_key_is_chosen_alone(self):
        for repository in ("demo", "stranger"):
            self.assertEqual(credentials.choose(KEY, repository, request(), SETTINGS).key, KEY)
        self.assertNotIn("canary", repr(credentials.choose(KEY, "demo", request(), {})))

    def test_listed_pair_uses_instance_credentials(self):
        self.assertIsNone(credentials.choose(NO_KEY, "demo", request(), SETTINGS).key)
        self.assertIsNone(credentials.choose(NO_KEY, "ours/inner", request("inner"), SETTINGS).key)

    def test_unlisted_pair_is_refused(self):
        for repository, project in [("stranger", "demo"), ("demo", "inner"), ("demo", "demo "), ("Demo", "demo"),
                                    ("forks/eve/demo", "demo"), ("eve/demo", "demo"), ("demo", "")]:
            with self.subTest((repository, project)):
                self.assertIn("does not list", self.refused(NO_KEY, repository, request(project)))

    def test_settings_that_list_no_pair_refuse_all(self):
        for pairs in (None, [], "demo", ["demo", "dd"], {"demo": "demo"}, [("demo",)], [("demo", "demo", "x")], ["d" * 2],
                      [("*", "*")], [(None, "demo")], 5):
            with self.subTest(pairs):
                settings = dict(SETTINGS, DOORBELL_PAIRS=pairs)
                self.assertIn("does not list", self.refused(NO_KEY, "demo", request(), settings))
        self.refused(NO_KEY, "d", request("d"), dict(SETTINGS, DOORBELL_PAIRS=["dd"]))
        self.refused(NO_KEY, "demo", request(), {})

    def test_topic_of_the_owners_choice_is_refused(self):
        other = request(topic=TOPIC + "-2")
        self.assertIn("topic", self.refused(NO_KEY, "demo", other))
        self.assertIn("topic", self.refused(NO_KEY, "demo", request(), {"DOORBELL_PAIRS": [("demo", "demo")]}))
        self.assertIn("topic", self.refused(NO_KEY, "demo", request(topic=None), {"DOORBELL_PAIRS": [("demo", "demo")]}))

    def test_incomplete_key_is_refused_for_a_listed_pair(self):
        for key in [("AKIAHOOK", None), ("", "canary-secret")]:
            self.assertIn("incomplete", self.refused(key, "demo", request()))


class PublicationTest(unittest.TestCase):
    def setUp(self):
        self.used = []

    def attempt(self, outcome=Outcome.PUBLISHED, number=0, age=1, redelivered=False, repository="demo", key=KEY):
        event = types.SimpleNamespace(project_id=1, repository=repository, key=key, request=request())

        def publish(_, allowed):
            self.used.append(allowed.key)
            return outcome, "said by the program"

        with self.assertLogs("doorbell_pagure") as logs:
            logging.getLogger("doorbell_pagure").info("a refused hook logs nothing here")
            result = publication.attempt(event, SETTINGS, number, age, redelivered, publish)
        self.assertNotIn("canary", "\n".join(logs.output))
        return result

    def test_refused_hook_publishes_nothing(self):
        self.assertIn("does not list", self.attempt(repository="stranger", key=NO_KEY).loss)
        self.assertEqual(self.used, [])

    def test_published_request_is_over(self):
        self.assertEqual(self.attempt(), Result())
        self.assertEqual(self.used, [KEY])

    def test_failed_attempts_are_bounded_and_the_loss_is_told(self):
        delays = [self.attempt(Outcome.RETRY, number).retry_after for number in range(5)]
        self.assertEqual(delays, [5, 30, 120, 480, None])
        self.assertIn("failed after retries", self.attempt(Outcome.RETRY, 4).loss)
        self.assertLess(sum(delays[:-1]) + 5 * 180, publication.REPEAT_WINDOW_SECONDS)

    def test_usage_error_is_lost_at_once(self):
        self.assertIn("settings", self.attempt(Outcome.FAILED).loss)

    def test_late_repeat_is_not_published_again(self):
        for number, age, redelivered, published in [
            (0, 10 * HOUR, False, True),
            (1, 49 * MINUTE, True, True),
            (1, 51 * MINUTE, False, False),
            (0, 61 * MINUTE, True, False),
            (0, 73 * HOUR, False, False),
        ]:
            with self.subTest((number, age, redelivered)):
                self.used.clear()
                result = self.attempt(number=number, age=age, redelivered=redelivered)
                self.assertEqual((result.loss is None, bool(self.used)), (published, published))


if __name__ == "__main__":
    unittest.main()
