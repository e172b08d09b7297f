# SPDX-License-Identifier: GPL-2.0-or-later
"""The CI type "doorbell" for Pagure.

`web` is for Pagure's web server, `worker` for its Celery workers. Neither is imported here: each needs what only its
own process has.
"""

CI_TYPE = "doorbell"
