# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for Pagure's modules where a test needs only their names; tests/pagure has the real ones."""

import sys
import types

CONFIG = {"DB_URL": "sqlite://", "TRIGGER_CI": {"pretty please pagure-ci rebuild": None}}


def install():
    """Makes `import pagure...` work in this process."""
    names = ("pagure", "pagure.config", "pagure.lib", "pagure.lib.model", "pagure.lib.model_base", "pagure.lib.plugins",
             "pagure.lib.query", "pagure.utils")
    for name in names:
        module = sys.modules.setdefault(name, types.ModuleType(name))
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    sys.modules["pagure.config"].config = CONFIG
    sys.modules["pagure.utils"].get_repo_path = lambda project: "/nowhere"
    sys.modules["pagure.utils"].split_project_fullname = lambda name: (None, None, name)
    plugin = types.SimpleNamespace(db_object=lambda: None)
    sys.modules["pagure.lib.plugins"].get_plugin = lambda name: plugin
    sys.modules["pagure.lib.model_base"].create_session = lambda url: types.SimpleNamespace(remove=lambda: None)
