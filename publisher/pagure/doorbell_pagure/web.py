# SPDX-License-Identifier: GPL-2.0-or-later
"""For Pagure's web server: `PLUGINS = [doorbell_pagure.web.BLUEPRINT]` in the file that PAGURE_PLUGINS_CONFIG names."""

import flask

from doorbell_pagure import CI_TYPE, api_module
from doorbell_pagure.callback import doorbell_ci_notification

BLUEPRINT = flask.Blueprint(CI_TYPE, __name__)

#: The page of the hook's settings makes a URL of it.
ENDPOINT = f"api_ns.{CI_TYPE}_ci_notification"

#: A repository as Pagure's API spells it.
REPOSITORIES = ("<repo>", "<namespace>/<repo>", "fork/<username>/<repo>", "fork/<username>/<namespace>/<repo>")

api_module.install()


@BLUEPRINT.record
def add_route(state):
    """Under an endpoint of Pagure's API, which answers errors as JSON; a blueprint of our own could not have one."""
    for repository in REPOSITORIES:
        state.app.add_url_rule(
            f"/api/0/ci/{CI_TYPE}/{repository}",
            endpoint=ENDPOINT,
            view_func=doorbell_ci_notification,
            methods=["POST"],
        )


@BLUEPRINT.app_url_defaults
def keep_token_out(endpoint, values):
    """The page of the hook's settings puts the token into every CI's URL. Ours is sent in the body."""
    if endpoint == ENDPOINT:
        values.pop("pagure_ci_token", None)
