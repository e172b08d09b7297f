#!/usr/bin/env python3
"""Writes a package that depends on exactly the versions of a lock file: cargo refuses to resolve a yanked one.

    yanked.py LOCK DIRECTORY

Cargo tells of yanked versions nowhere else but in `cargo package`, which our packages do not pass: they name each other
by path. The index of crates is all that `cargo generate-lockfile` needs.
"""

import pathlib
import sys

from check import packages_of

HEAD = """[package]
name = "doorbell-yanked-check"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[workspace]

[dependencies]
"""


def manifest(packages):
    """Each version under a name of its own, since a lock file may hold several of one crate."""
    rows = (
        f'p{number} = {{ package = "{name}", version = "={version}", default-features = false }}'
        for number, (name, version) in enumerate(packages)
    )
    return HEAD + "\n".join(rows) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lock, directory = map(pathlib.Path, sys.argv[1:])
    directory.mkdir(parents=True)
    (directory / "lib.rs").touch()
    (directory / "Cargo.toml").write_text(manifest(packages_of(lock.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
