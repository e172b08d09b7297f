"""The table of known vulnerabilities: facts of RustSec's database, one advisory a line."""

import datetime
import pathlib
import re
from typing import NamedTuple

from semver import matches

PATH = pathlib.Path(__file__).with_name("table.tsv")
KINDS = ("vulnerability", "unsound", "unmaintained", "notice")

# An invented crate with an invented advisory. Each check first has to find it, so that a table or a comparison that
# finds nothing is noticed.
CONTROL_CRATE = "doorbell-advisory-control"
CONTROL_AFFECTED, CONTROL_PATCHED = "1.0.0", "1.0.1"


class Unusable(Exception):
    """The table proves nothing: it is missing, empty, truncated or malformed."""


class Advisory(NamedTuple):
    """A version is affected if it fulfils no requirement of `patched` and none of `unaffected`."""

    id: str
    kind: str
    crate: str
    patched: tuple
    unaffected: tuple

    def affects(self, version):
        return not any(matches(requirement, version) for requirement in self.patched + self.unaffected)


CONTROL = Advisory("RUSTSEC-0000-0000", "vulnerability", CONTROL_CRATE, (f">= {CONTROL_PATCHED}",), ())


class Table(NamedTuple):
    """The advisories, and the commit and date of the database that they are from."""

    commit: str
    date: datetime.date
    advisories: list

    def render(self):
        head = f"# RustSec advisory-db\tcommit {self.commit}\tdate {self.date}\trows {len(self.advisories)}"
        rows = ["\t".join((a.id, a.kind, a.crate, "; ".join(a.patched), "; ".join(a.unaffected))) for a in self.advisories]
        return "\n".join([head, *rows, ""])

    def find(self, packages):
        """The pairs of advisory and version that concern these packages, given as (name, version)."""
        return [
            (advisory, version)
            for name, version in packages
            for advisory in self.advisories
            if advisory.crate == name and advisory.affects(version)
        ]


def parse(text):
    """Parses a rendered table; raises `Unusable` unless it is whole and holds the control."""
    lines = text.splitlines()
    head = re.fullmatch(
        r"# RustSec advisory-db\tcommit ([0-9a-f]{40})\tdate (\d{4}-\d{2}-\d{2})\trows (\d+)", lines[0] if lines else ""
    )
    if not head:
        raise Unusable("the first line names no commit, date and number of rows")
    if len(lines) - 1 != int(head[3]):
        raise Unusable(f"{len(lines) - 1} rows, but the first line says {head[3]}")
    advisories = [_row(line) for line in lines[1:]]
    if CONTROL not in advisories:
        raise Unusable(f"the control row {CONTROL.id} is missing")
    if len(advisories) < 2:
        raise Unusable("no row but the control")
    try:
        return Table(head[1], datetime.date.fromisoformat(head[2]), advisories)
    except ValueError as error:
        raise Unusable(str(error)) from error


def _row(line):
    fields = line.split("\t")
    if len(fields) != 5 or fields[1] not in KINDS or not fields[0] or not fields[2]:
        raise Unusable(f"malformed row {line!r}")
    patched, unaffected = (tuple(filter(None, field.split("; "))) for field in fields[3:])
    advisory = Advisory(*fields[:3], patched, unaffected)
    try:
        for requirement in patched + unaffected:
            matches(requirement, "0.0.0")
    except ValueError as error:
        raise Unusable(f"malformed row {line!r}: {error}") from error
    return advisory


def load(path=PATH):
    """Reads the table from a file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(str(error)) from error
