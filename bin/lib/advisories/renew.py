#!/usr/bin/env python3
"""Makes the table of known vulnerabilities from a checkout of RustSec's database. See bin/renew_advisories."""

import datetime
import pathlib
import re
import subprocess
import sys

import table as advisories

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit("renew.py: Python 3.11 or newer is needed: it parses TOML")

HEAD = re.compile(r"\A```toml\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def read_advisory(path):
    """The facts of one file; None if the advisory was withdrawn."""
    head = HEAD.search(path.read_text(encoding="utf-8"))
    if not head:
        raise advisories.Unusable(f"{path}: no TOML head")
    document = tomllib.loads(head[1])
    advisory, versions = document["advisory"], document["versions"]
    if "withdrawn" in advisory:
        return None
    lists = (tuple(map(_requirement, versions.get(key, []))) for key in ("patched", "unaffected"))
    kind = advisory.get("informational", "vulnerability").strip()
    return advisories.Advisory(advisory["id"], kind, advisory["package"], *lists)


def _requirement(text):
    return ", ".join(part.strip() for part in text.split(","))


def git(checkout, *arguments):
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_table(checkout):
    """The table of a checkout's committed state: a changed work tree would have no commit to name."""
    if git(checkout, "status", "--porcelain"):
        raise advisories.Unusable(f"{checkout} has uncommitted changes")
    commit = git(checkout, "rev-parse", "HEAD")
    seconds = int(git(checkout, "log", "-1", "--format=%ct"))
    date = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).date()
    found = [read_advisory(path) for path in (checkout / "crates").glob("*/RUSTSEC-*.md")]
    rows = sorted([advisory for advisory in found if advisory], key=lambda advisory: (advisory.crate, advisory.id))
    return advisories.Table(commit, date, [advisories.CONTROL, *rows])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        text = make_table(pathlib.Path(sys.argv[1])).render()
        table = advisories.parse(text)
    except (advisories.Unusable, OSError, KeyError, ValueError, subprocess.CalledProcessError) as error:
        print(f"renew.py: the table was not changed: {error!r}", file=sys.stderr)
        return 1
    advisories.PATH.write_text(text, encoding="utf-8")
    print(f"{len(table.advisories) - 1} advisories of {table.date}, commit {table.commit[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
