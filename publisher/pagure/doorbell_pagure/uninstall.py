# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the hooks of this type out of Pagure's database: `python -m doorbell_pagure.uninstall`, with PAGURE_CONFIG set.

A hook whose type Pagure no longer knows would break its project's settings page. Flags stay: they are results, and
nothing in them needs the plugin.
"""

import sys

import pagure.lib.model_base
import pagure.lib.plugins
from pagure.config import config

from doorbell_pagure import CI_TYPE


def main():
    """Removes them, and says how many there were."""
    session = pagure.lib.model_base.create_session(config["DB_URL"])
    hooks = pagure.lib.plugins.get_plugin("Pagure CI").db_object
    removed = session.query(hooks).filter(hooks.ci_type == CI_TYPE).delete(synchronize_session=False)
    session.commit()
    session.remove()
    print(f"{removed} hooks of the type {CI_TYPE} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
