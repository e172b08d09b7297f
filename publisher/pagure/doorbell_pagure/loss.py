# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows in Pagure that a build was not requested: an error flag on the commit, which its pull requests show too."""

import hashlib
import logging

import pagure.lib.model
import pagure.lib.query
from pagure.config import config

_log = logging.getLogger(__name__)

USERNAME = "Doorbell"


def show(session, event, reason):
    """Logs the loss and puts the flag. `reason` is a text of ours: everybody reads it on the commit's page."""
    request = event.request
    _log.error("doorbell: request lost: %s of %r: %s", request, event.repository, reason)
    project = session.query(pagure.lib.model.Project).filter_by(id=event.project_id).one()
    pagure.lib.query.add_commit_flag(
        session=session,
        repo=project,
        commit_hash=request.commit,
        username=USERNAME,
        status=_status(),
        percent=None,
        comment=f"The build was not requested: {reason}",
        url=f"{config['APP_URL'].rstrip('/')}/{project.url_path}",
        uid=_uid(event),
        # As for the flags of Doorbell's worker, which no account reports.
        user=project.user.username,
        token=None,
    )
    session.commit()


def withdraw(session, event):
    """Removes the flag of an earlier loss, when the request was published after all: a person requested it again."""
    flag = pagure.lib.query.get_commit_flag_by_uid(session, event.request.commit, _uid(event))
    if flag is not None:
        session.delete(flag)
        session.commit()


def _uid(event):
    """One flag for each repository, ref and commit; PostgreSQL rejects more than 32 characters."""
    request = event.request
    parts = ("lost", event.project_id, request.branch, request.tag, request.pull_request, request.commit)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _status():
    """An instance may have removed the status `error`; `FLAG_FAILURE` names the one that it uses for failures."""
    return "error" if "error" in config["FLAG_STATUSES_LABELS"] else config["FLAG_FAILURE"]
