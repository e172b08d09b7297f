# SPDX-License-Identifier: GPL-2.0-or-later
"""Publishes build requests from Pagure's Celery workers: `CELERY_CONFIG = {"include": ["doorbell_pagure.worker"]}` in pagure.cfg.

Pagure 5.14.1 knows one CI type, "jenkins", by name. Later versions import a module of the type's name, and pass it a
branch that may have moved, but no commit. All versions start the task below, with the pull request's uid or the pushed
commit among its arguments. Celery sends `task_prerun` before each task: the plugin publishes from that signal, and
replaces nothing of Pagure. 5.14.1 then logs "Un-supported CI type", which has no effect.
"""

import logging

import pagure.lib.model_base
import pagure.lib.plugins
import pagure.lib.query
import pagure.utils
from celery.signals import task_prerun
from pagure.config import config

from doorbell_pagure import CI_TYPE, api_module, git_refs
from doorbell_pagure.publisher import publish
from doorbell_pagure.request import Request

_log = logging.getLogger(__name__)

TASK = "pagure.lib.tasks_services.trigger_ci_build"

#: A cause is one line of at most 500 bytes; a longer title is cut.
MAX_TITLE_CHARACTERS = 80

api_module.install()


@task_prerun.connect
def on_task_prerun(task_id=None, task=None, kwargs=None, **_):
    """Publishes a build request, if this task is a build of the type `doorbell`."""
    if getattr(task, "name", None) != TASK or (kwargs or {}).get("ci_type") != CI_TYPE:
        return
    try:
        publish_build_request(task_id, kwargs)
    except Exception:  # Pagure's worker must go on, and Celery drops the error without a log line
        _log.exception("doorbell: build request failed")


def publish_build_request(task_id, kwargs):
    """Publishes the build request of a task's arguments."""
    # Loading it gives projects their attribute `ci_hook`.
    pagure.lib.plugins.get_plugin("Pagure CI").db_object()
    session = pagure.lib.model_base.create_session(config["DB_URL"])
    try:
        found = _pull_request(session, kwargs) if kwargs.get("pr_uid") else _push(session, task_id, kwargs)
    finally:
        # Before trigger_job runs: it may take minutes, and must not hold a database connection for that long.
        session.remove()
    if found:
        publish(*found)


def _pull_request(session, kwargs):
    pull_request = pagure.lib.query.get_request_by_uid(session, kwargs["pr_uid"])
    hook = _hook(pull_request.project)
    if hook is None:
        return None
    repository = pagure.utils.get_repo_path(pull_request.project)
    head = pull_request.commit_stop
    found = git_refs.wait_for_pull_ref(repository, pull_request.id, head)
    if found is None:
        _log.warning("doorbell: refs/pull/%s/head is not at %s; the build may fail to fetch it", pull_request.id, head)
    commit = head or found
    if commit is None:
        _log.error("doorbell: build request failed: the head of pull request %s is unknown", pull_request.id)
        return None
    # A rebase through Pagure starts two tasks for one head, which must be one job. A user who requests a rebuild writes
    # a comment, so the newest comment's id separates the two.
    user_comment_ids = [comment.id for comment in pull_request.comments if not comment.notification]
    title = _one_line(pull_request.title)[:MAX_TITLE_CHARACTERS]
    request = Request(
        project=hook.ci_job,
        topic=hook.ci_url,
        pull_request=pull_request.id,
        commit=commit,
        id=f"pagure-{pull_request.id}-{commit[:12]}-{max(user_comment_ids, default=0)}",
        cause=f"pull request {pull_request.id} of {pull_request.project.fullname}: {title}",
    )
    return request, _key(hook)


def _push(session, task_id, kwargs):
    user, namespace, name = pagure.utils.split_project_fullname(kwargs["project_name"])
    project = pagure.lib.query.get_authorized_project(session, name, user=user, namespace=namespace)
    hook = project and _hook(project)
    if not hook:
        return None
    name, commit = kwargs["branch"], kwargs["cause"]
    is_tag = git_refs.is_tag(pagure.utils.get_repo_path(project), name, commit)
    request = Request(
        project=hook.ci_job,
        topic=hook.ci_url,
        branch=None if is_tag else name,
        tag=name if is_tag else None,
        commit=commit,
        # One push is one task. The same commit pushed again, as after a rollback, is another job.
        id=f"pagure-{task_id}",
        cause=f"push to {_one_line(name)} of {project.fullname}",
    )
    return request, _key(hook)


def _hook(project):
    hook = project.ci_hook
    return hook if hook and hook.ci_url and hook.ci_job else None


def _key(hook):
    return (hook.ci_username, hook.ci_password) if hook.ci_username and hook.ci_password else None


def _one_line(text):
    return "".join(character for character in " ".join(str(text).split()) if character.isprintable())
