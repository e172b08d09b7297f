# SPDX-License-Identifier: GPL-2.0-or-later
"""What Pagure's task says of a push or a pull request, and the request that it stands for."""

import dataclasses
import logging

import pagure.lib.query
import pagure.utils
from pagure.config import config

from doorbell_pagure import CI_TYPE, git_refs
from doorbell_pagure.request import Request
from doorbell_pagure.text import one_line

_log = logging.getLogger(__name__)

#: Those of the task's arguments that are read here. They pass through Celery's queue and hold no secret.
ARGUMENTS = ("pr_uid", "project_name", "branch", "cause")

#: A cause is one line of at most 500 bytes; a longer title is cut.
MAX_TITLE_CHARACTERS = 80


@dataclasses.dataclass(frozen=True)
class Event:
    """A request, and where in Pagure it comes from. It holds no object of the database's session."""

    #: Pagure's id and full name of the repository that was pushed to, or that the pull request wants to change.
    project_id: int
    repository: str
    #: The hook's own ci_username and ci_password; either may be absent.
    key: "tuple[str | None, str | None]" = dataclasses.field(repr=False)
    request: Request


def find(session, task_id, arguments):
    """The event of a task's arguments, or None if its hook was removed or switched off since, or nothing is to be built."""
    if arguments.get("pr_uid"):
        pull_request = pagure.lib.query.get_request_by_uid(session, arguments["pr_uid"])
        return pull_request and _pull_request(pull_request)
    user, namespace, name = pagure.utils.split_project_fullname(arguments["project_name"])
    project = pagure.lib.query.get_authorized_project(session, name, user=user, namespace=namespace)
    return project and _push(project, task_id, arguments["branch"], arguments["cause"])


def _pull_request(pull_request):
    hook = _hook(pull_request.project, "active_pr")
    if hook is None:
        return None
    repository = pagure.utils.get_repo_path(pull_request.project)
    head = pull_request.commit_stop
    found = git_refs.wait_for_pull_ref(repository, pull_request.id, head)
    if found is None:
        _log.warning("doorbell: refs/pull/%s/head is not at %r; the build may fail to fetch it", pull_request.id, head)
    commit = head or found
    if commit is None:
        _log.error("doorbell: build request failed: the head of pull request %s is unknown", pull_request.id)
        return None
    # A rebase through Pagure starts two tasks for one head, which must be one job. A user who requests a rebuild writes
    # a comment, so the newest comment's id separates the two.
    user_comment_ids = [comment.id for comment in pull_request.comments if _is_by_user(comment)]
    title = one_line(pull_request.title, MAX_TITLE_CHARACTERS)
    request = Request(
        project=hook.ci_job,
        topic=hook.ci_url,
        pull_request=pull_request.id,
        commit=commit,
        id=f"pagure-{pull_request.id}-{commit[:12]}-{max(user_comment_ids, default=0)}",
        cause=f"pull request {pull_request.id} of {pull_request.project.fullname}: {title}",
    )
    return _event(pull_request.project, hook, request)


def _is_by_user(comment):
    """Pagure's button for a rebuild marks the user's comment as a notification, as if it were Pagure's own."""
    return not comment.notification or comment.comment.strip().lower() in (config["TRIGGER_CI"] or ())


def _push(project, task_id, name, commit):
    hook = _hook(project, "active_commit")
    if hook is None:
        return None
    is_tag = git_refs.is_tag(pagure.utils.get_repo_path(project), name, commit)
    request = Request(
        project=hook.ci_job,
        topic=hook.ci_url,
        branch=None if is_tag else name,
        tag=name if is_tag else None,
        commit=commit,
        # One push is one task. The same commit pushed again, as after a rollback, is another job.
        id=f"pagure-{task_id}",
        cause=f"push to {one_line(name)} of {project.fullname}",
    )
    return _event(project, hook, request)


def _event(project, hook, request):
    return Event(project.id, project.fullname, (hook.ci_username, hook.ci_password), request)


def _hook(project, active):
    """The project's hook, if it is still of our type and active. Pagure asks before it starts its task; the hook may have
    become Jenkins' since, whose password must not be sent to AWS as a key. Pagure does not ask whether the project is
    private when a person requests a rebuild."""
    hook = project.ci_hook
    if project.private or not hook or hook.ci_type != CI_TYPE or not getattr(hook, active):
        return None
    return hook if hook.ci_url and hook.ci_job else None
