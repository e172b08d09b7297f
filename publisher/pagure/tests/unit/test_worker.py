# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plugin does in Pagure's task and in its own, and which hooks it reads. Pagure is a stub here."""

import pathlib
import sys
import types
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import pagure_stub  # noqa: E402

pagure_stub.install()

import pagure.lib.query  # noqa: E402
from doorbell_pagure import event, loss, publication, worker  # noqa: E402
from doorbell_pagure.publication import Result  # noqa: E402

COMMIT = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba"
ARGUMENTS = {"pr_uid": None, "project_name": "demo", "branch": "main", "cause": COMMIT}
PAGURE_CALL = dict(ARGUMENTS, ci_type="doorbell", branch_to=None)


def hook(**changes):
    fields = dict(ci_type="doorbell", ci_url="arn:aws:sns:x", ci_job="demo", ci_username="AKIAHOOK",
                  ci_password="canary-secret", active_commit=True, active_pr=True)
    return types.SimpleNamespace(**dict(fields, **changes))


def project(ci_hook, private=False):
    return types.SimpleNamespace(id=7, fullname="demo", private=private, ci_hook=ci_hook)


class PagureTaskTest(unittest.TestCase):
    """In the worker of Pagure's CI queue."""

    def run_signal(self, name=worker.PAGURE_TASK, queue=None, **changes):
        queued = []
        own = types.SimpleNamespace(apply_async=queue or (lambda arguments, **options: queued.append((arguments, options))))
        app = types.SimpleNamespace(tasks={worker.publish_request.name: own})
        task = types.SimpleNamespace(name=name, app=app)
        worker.on_task_prerun(task_id="t1", task=task, kwargs=dict(PAGURE_CALL, **changes))
        return queued

    def test_build_is_queued_and_not_published(self):
        ((arguments, options),) = self.run_signal()
        self.assertEqual((arguments[:2], options), (["t1", ARGUMENTS], {"queue": "pagure_doorbell"}))
        self.assertNotIn("canary", repr(arguments))

    def test_queue_is_the_administrators(self):
        pagure_stub.CONFIG["DOORBELL_CELERY_QUEUE"] = "pagure_ci"
        self.addCleanup(pagure_stub.CONFIG.pop, "DOORBELL_CELERY_QUEUE")
        self.assertEqual(self.run_signal()[0][1], {"queue": "pagure_ci"})

    def test_other_tasks_and_types_are_ignored(self):
        self.assertEqual(self.run_signal(ci_type="jenkins"), [])
        self.assertEqual(self.run_signal(name="pagure.lib.tasks.create_project"), [])

    def test_failed_queueing_is_logged_on_one_line(self):
        def fail(*_, **__):
            raise OSError("redis is down\n2026 ERROR forged")

        with self.assertLogs("doorbell_pagure", "ERROR") as logs:
            self.run_signal(queue=fail)
        self.assertNotIn("\n", logs.output[0])


class OwnTaskTest(unittest.TestCase):
    """In the worker of the plugin's queue."""

    def setUp(self):
        self.queued, self.shown, self.withdrawn = [], [], []
        self.replace(worker, "_queue", lambda task, arguments, **options: self.queued.append((arguments[3:], options)))
        self.replace(event, "find", lambda session, task_id, arguments: "event")
        self.replace(loss, "show", lambda session, event, reason: self.shown.append(reason))
        self.replace(loss, "withdraw", lambda session, event: self.withdrawn.append(event))

    def replace(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def run_attempt(self, result, number=0):
        def attempt(*_):
            if isinstance(result, Exception):
                raise result
            return result

        self.replace(publication, "attempt", attempt)
        worker.publish_request.run("t1", ARGUMENTS, 0, number)

    def test_published_request_withdraws_an_earlier_loss(self):
        self.run_attempt(Result())
        self.assertEqual((self.queued, self.shown, self.withdrawn), ([], [], ["event"]))

    def test_retry_is_another_message_with_a_delay(self):
        self.run_attempt(Result(retry_after=30), number=1)
        self.assertEqual((self.queued, self.shown), ([([2], {"countdown": 30})], []))

    def test_loss_is_shown(self):
        self.run_attempt(Result(loss="a reason"))
        self.assertEqual((self.queued, self.shown, self.withdrawn), ([], ["a reason"], []))

    def test_failing_database_is_retried_a_bounded_number_of_times(self):
        for number, queued in [(0, [([1], {"countdown": 5})]), (4, [])]:
            self.queued.clear()
            with self.assertLogs("doorbell_pagure", "ERROR") as logs:
                self.run_attempt(RuntimeError("no database\n2026 ERROR forged"), number)
            self.assertEqual(self.queued, queued)
            self.assertNotIn("\n", logs.output[0])

    def test_hook_that_is_gone_publishes_nothing(self):
        self.replace(event, "find", lambda *_: None)
        self.run_attempt(RuntimeError("was attempted"))
        self.assertEqual((self.queued, self.shown), ([], []))


class EventTest(unittest.TestCase):
    def find(self, found):
        pagure.lib.query.get_authorized_project = lambda session, name, user, namespace: found
        return event.find(None, "t1", ARGUMENTS)

    def test_push_is_an_event_with_the_hooks_key(self):
        found = self.find(project(hook()))
        self.assertEqual((found.key, found.repository, found.request.id), (("AKIAHOOK", "canary-secret"), "demo", "pagure-t1"))
        self.assertNotIn("canary", repr(found))

    def test_hook_that_changed_since_is_not_used(self):
        for changed in (project(None), project(hook(), private=True), project(hook(ci_type="jenkins")),
                        project(hook(active_commit=False)), project(hook(ci_url=None)), project(hook(ci_job=""))):
            self.assertIsNone(self.find(changed))

    def test_rebuild_button_counts_as_a_users_comment(self):
        for notification, text, expected in [(False, "hello", True), (True, "rebased", False),
                                             (True, "Pretty please pagure-ci rebuild ", True)]:
            comment = types.SimpleNamespace(notification=notification, comment=text)
            self.assertEqual(event._is_by_user(comment), expected)


if __name__ == "__main__":
    unittest.main()
