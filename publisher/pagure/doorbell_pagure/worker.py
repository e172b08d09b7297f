# SPDX-License-Identifier: GPL-2.0-or-later
"""For Pagure's Celery workers: `CELERY_CONFIG = {"include": ["doorbell_pagure.worker"]}` in pagure.cfg.

Pagure 5.14.1 knows one CI type, "jenkins", by name. Later versions import a module of the type's name, and pass it a
branch that may have moved, but no commit. All versions start the task below, with the pull request's uid or the pushed
commit among its arguments. Celery sends `task_prerun` before each task: the plugin queues a task of its own from that
signal, and replaces nothing of Pagure. 5.14.1 then logs "Un-supported CI type", which has no effect.
"""

import logging
import time

import pagure.lib.model_base
import pagure.lib.plugins
from celery import shared_task
from celery.signals import task_prerun
from pagure.config import config

from doorbell_pagure import CI_TYPE, api_module, event, loss, publication
from doorbell_pagure.text import one_line

_log = logging.getLogger(__name__)

PAGURE_TASK = "pagure.lib.tasks_services.trigger_ci_build"

#: A queue of its own, as Pagure has for its mirrors and web-hooks: a topic that does not answer holds no worker of Pagure.
QUEUE_SETTING = "DOORBELL_CELERY_QUEUE"
DEFAULT_QUEUE = "pagure_doorbell"

#: Above what one attempt takes: 20 s for a pull request's ref, 60 s for trigger_job, and the database.
SOFT_TIME_LIMIT_SECONDS = 150
TIME_LIMIT_SECONDS = 180

api_module.install()


@task_prerun.connect
def on_task_prerun(task_id=None, task=None, kwargs=None, **_):
    """Queues a publication, if this task is a build of the type `doorbell`."""
    kwargs = kwargs or {}
    if getattr(task, "name", None) != PAGURE_TASK or kwargs.get("ci_type") != CI_TYPE:
        return
    arguments = {name: kwargs.get(name) for name in event.ARGUMENTS}
    try:
        _queue(task.app.tasks[publish_request.name], [task_id, arguments, time.time()])
    except Exception as error:  # Pagure's task must go on, and Celery drops the error without a log line
        _log_error("queueing the request failed; request a rebuild", error)


@shared_task(
    bind=True,
    name="doorbell_pagure.publish_request",
    ignore_result=True,
    # A worker that is killed here leaves the message unacknowledged: redis delivers it again after an hour, and
    # `publication` then says that the outcome is unknown instead of publishing a second job.
    acks_late=True,
    soft_time_limit=SOFT_TIME_LIMIT_SECONDS,
    time_limit=TIME_LIMIT_SECONDS,
)
def publish_request(self, task_id, arguments, queued_at, attempt=0):
    """One attempt. A later one is another message, so that no worker sleeps."""
    try:
        found = _with_session(event.find, task_id, arguments)
        if found is None:
            return
        redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
        result = publication.attempt(found, config, attempt, time.time() - queued_at, redelivered)
        if result.retry_after is not None:
            _queue(self, [task_id, arguments, queued_at, attempt + 1], countdown=result.retry_after)
        elif result.loss is not None:
            _with_session(loss.show, found, result.loss)
        else:
            _with_session(loss.withdraw, found)
    except Exception as error:  # of the database, or the soft time limit
        _log_error("publishing the request failed", error)
        delay = publication.retry_delay(attempt)
        if delay is not None:
            _queue(self, [task_id, arguments, queued_at, attempt + 1], countdown=delay)


def _with_session(function, *arguments):
    """Calls it with a session of the database. None is open while trigger_job runs, which may take a minute."""
    # Loading it gives projects their attribute `ci_hook`.
    pagure.lib.plugins.get_plugin("Pagure CI").db_object()
    session = pagure.lib.model_base.create_session(config["DB_URL"])
    try:
        return function(session, *arguments)
    finally:
        session.remove()


def _queue(task, arguments, **options):
    task.apply_async(arguments, queue=config.get(QUEUE_SETTING) or DEFAULT_QUEUE, **options)


def _log_error(what, error):
    """One line, without the error's traceback: its text may hold what a stranger wrote, line breaks included."""
    _log.error("doorbell: %s: %s: %s", what, error.__class__.__name__, one_line(error))
