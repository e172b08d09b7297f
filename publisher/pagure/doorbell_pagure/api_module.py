# SPDX-License-Identifier: GPL-2.0-or-later
"""The module that Pagure's master looks for under the name of a CI type: `pagure.api.ci.doorbell`.

It is put among the loaded modules, not into Pagure's folder: it goes with the process.
"""

import sys

from doorbell_pagure import CI_TYPE


def install():
    """Makes this module importable under the name that Pagure asks for."""
    sys.modules.setdefault("pagure.api.ci." + CI_TYPE, sys.modules[__name__])


def trigger_build(**_):
    """Pagure's master calls it within the task that `worker` was told of: everything is done by then."""


def __getattr__(name):
    # Pagure's page about its API asks for it, in the web server. Workers have no use for what it imports.
    if name == CI_TYPE + "_ci_notification":
        from doorbell_pagure.callback import doorbell_ci_notification

        return doorbell_ci_notification
    raise AttributeError(name)
