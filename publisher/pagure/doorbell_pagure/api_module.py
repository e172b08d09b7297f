# SPDX-License-Identifier: GPL-2.0-or-later
"""The module that Pagure's master imports for a CI type: `pagure.api.ci.doorbell`.

It is registered among the loaded modules, and not written into Pagure's directory: it ends with the process.
"""

import sys

from doorbell_pagure import CI_TYPE


def install():
    """Makes this module importable under the name that Pagure imports."""
    sys.modules.setdefault("pagure.api.ci." + CI_TYPE, sys.modules[__name__])


def trigger_build(**_):
    """Does nothing: Pagure's master calls it after `task_prerun`, in which `worker` has published the request."""


def __getattr__(name):
    # Pagure's web server reads it for the page about its API. Its imports are not available in workers.
    if name == CI_TYPE + "_ci_notification":
        from doorbell_pagure.callback import doorbell_ci_notification

        return doorbell_ci_notification
    raise AttributeError(name)
