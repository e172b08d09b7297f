# SPDX-License-Identifier: GPL-2.0-or-later
"""The route to which Doorbell's worker reports statuses, for projects with `reportTo.type: pagure-ci`."""

import hmac
import logging
import re

import flask
import pagure.exceptions
import pagure.forms
import pagure.lib.plugins
import pagure.lib.query
from pagure.api import APIERROR, api_method
from sqlalchemy.exc import SQLAlchemyError

from doorbell_pagure import CI_TYPE

_log = logging.getLogger(__name__)

COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

#: The length of Pagure's column; PostgreSQL rejects a longer value.
UID = re.compile("[A-Za-z0-9]{1,32}")

#: Of eight concurrent reports of one flag, seven conflict with the first, and find its flag when they retry.
MAX_ATTEMPTS = 3


@api_method
def doorbell_ci_notification(repo, username=None, namespace=None):
    """
    Doorbell Build Notification
    ---------------------------
    Flag a commit with the status of its build. The flag is shown on the commit, and on the pull requests of which it
    is the head. Reporting again with the same uid updates the flag.

    ::

        POST /api/0/ci/doorbell/<repo>
        POST /api/0/ci/doorbell/<namespace>/<repo>
        POST /api/0/ci/doorbell/fork/<username>/<repo>
        POST /api/0/ci/doorbell/fork/<username>/<namespace>/<repo>

    Input
    ^^^^^

    A JSON object.

    +--------------+----------+--------------------------------------------+
    | Key          | Type     | Description                                |
    +==============+==========+============================================+
    | ``token``    | string   | The token that the settings of the hook    |
    |              |          | show                                       |
    +--------------+----------+--------------------------------------------+
    | ``commit``   | string   | The full id of the commit                  |
    +--------------+----------+--------------------------------------------+
    | ``uid``      | string   | 1 to 32 letters and digits: the flag's id  |
    +--------------+----------+--------------------------------------------+
    | ``status``   | string   | One of this Pagure's statuses for flags    |
    +--------------+----------+--------------------------------------------+
    | ``username`` | string   | The name that the flag shows               |
    +--------------+----------+--------------------------------------------+
    | ``comment``  | string   | A line for people                          |
    +--------------+----------+--------------------------------------------+
    | ``url``      | string   | The page of the build                      |
    +--------------+----------+--------------------------------------------+

    Sample response
    ^^^^^^^^^^^^^^^

    ::

        {
          "flag": {"commit_hash": "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba", "status": "success"},
          "message": "Flag added",
          "uid": "0d5bb1d2c41e4f1c8a3d2b6c5f0e9a77"
        }

    """
    pagure.lib.plugins.get_plugin("Pagure CI").db_object()
    project = pagure.lib.query._get_project(flask.g.session, repo, user=username, namespace=namespace)
    if project is None or project.private:
        raise pagure.exceptions.APIError(404, error_code=APIERROR.ENOPROJECT)
    body = flask.request.get_json(silent=True)
    body = body if isinstance(body, dict) else {}
    _check_token(project, body.get("token"))
    return flask.jsonify(_store(project, _flag(body)))


def _check_token(project, token):
    hook = project.ci_hook
    expected = hook.pagure_ci_token if hook and hook.ci_type == CI_TYPE and (hook.active_commit or hook.active_pr) else None
    given = token if isinstance(token, str) else ""
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise pagure.exceptions.APIError(401, error_code=APIERROR.EINVALIDTOK, errors="Invalid token")


def _flag(body):
    """The flag that the body asks for, checked as Pagure checks the flags of its own API."""
    commit, uid = body.get("commit"), body.get("uid")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise pagure.exceptions.APIError(404, error_code=APIERROR.ENOCOMMIT)
    if not isinstance(uid, str) or not UID.fullmatch(uid):
        errors = {"uid": ["1 to 32 letters and digits."]}
        raise pagure.exceptions.APIError(400, error_code=APIERROR.EINVALIDREQ, errors=errors)
    texts = {name: body.get(name) for name in ("username", "comment", "url", "status")}
    texts = {name: text if isinstance(text, str) else "" for name, text in texts.items()}
    form = pagure.forms.AddPullRequestFlagForm(formdata=None, data=texts, meta={"csrf": False})
    if not form.validate():
        raise pagure.exceptions.APIError(400, error_code=APIERROR.EINVALIDREQ, errors=form.errors)
    texts = {name: text.strip() for name, text in texts.items()}
    return dict(texts, commit_hash=commit, uid=uid)


def _store(project, flag):
    session = flask.g.session
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            message, uid = pagure.lib.query.add_commit_flag(
                session=session,
                repo=project,
                percent=None,
                # No account reports here: the flag belongs to the project's owner, like those of Jenkins.
                user=project.user.username,
                token=None,
                **flag,
            )
            session.commit()
            shown = {"commit_hash": flag["commit_hash"], "status": flag["status"]}
            return {"message": message, "uid": uid, "flag": shown}
        except SQLAlchemyError as error:
            session.rollback()
            _log.info("doorbell: writing a flag conflicted, will retry: %s", error.__class__.__name__)
            if attempt == MAX_ATTEMPTS:
                raise pagure.exceptions.APIError(400, error_code=APIERROR.EDBERROR)
