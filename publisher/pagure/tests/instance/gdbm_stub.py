# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for `_gdbm`, which many Pythons are built without: Pagure imports it for a cache that is not used here."""

error = OSError


def open(*_, **__):
    raise OSError("there is no gdbm")
