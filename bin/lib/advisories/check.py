#!/usr/bin/env python3
"""Compares a lock file with the table of known vulnerabilities. Asks no network.

    check.py LOCK [--table FILE] [--exceptions FILE]

Exceptions are those of cargo-deny, `{ id = "RUSTSEC-...", reason = "..." }` in .deny.toml.
Exit code: 0 no package is affected, 1 one is, or an exception is needless, 2 the table or the lock file proves nothing.
"""

import argparse
import datetime
import pathlib
import re
import sys

import table as advisories

# RustSec publishes some ten advisories a month. The table is renewed by hand: see bin/renew_advisories.
MAX_AGE_DAYS = 60

PACKAGE = re.compile(r'^\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"\n((?:(?!\[\[).+\n?)*)', re.MULTILINE)
EXCEPTION = re.compile(r'\{ id = "(RUSTSEC-[0-9-]+)", reason = "[^"]+" \}')


def packages_of(lock):
    """Name and version of the lock file's packages. Those without a source are our own."""
    found = PACKAGE.findall(lock)
    if not found or len(found) != lock.count("[[package]]"):
        raise advisories.Unusable(f"{len(found)} of {lock.count('[[package]]')} packages of the lock file could be read")
    return [(name, version) for name, version, rest in found if "source = " in rest]


def find_control(table):
    """Fails unless the control's affected version is found and its patched one is not."""
    name = advisories.CONTROL_CRATE
    found = table.find([(name, advisories.CONTROL_AFFECTED), (name, advisories.CONTROL_PATCHED)])
    if found != [(advisories.CONTROL, advisories.CONTROL_AFFECTED)]:
        raise advisories.Unusable(f"the control is not found: {found}")


def check(lock, table, exceptions, today):
    """Returns the exit code and the lines to print."""
    find_control(table)
    packages = packages_of(lock)
    found = table.find(packages)
    used = {advisory.id for advisory, _ in found if advisory.id in exceptions}
    affected = [(advisory, version) for advisory, version in found if advisory.id not in exceptions]
    lines = [
        f"{advisory.crate} {version}: {advisory.kind} {advisory.id}, fixed in {' or '.join(advisory.patched) or 'no version'}; "
        f"see https://rustsec.org/advisories/{advisory.id}"
        for advisory, version in affected
    ]
    needless = sorted(set(exceptions) - used)
    lines += [f"the exception for {name} is needless: no package is affected" for name in needless]
    lines.append(
        f"{len(packages)} packages, {len(table.advisories) - 1} advisories of {table.date}: {len(affected)} affected"
    )
    age = (today - table.date).days
    if age > MAX_AGE_DAYS:
        lines.append(f"WARNING: the table is {age} days old (at most {MAX_AGE_DAYS}): run bin/renew_advisories")
    return (1 if affected or needless else 0), lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lock", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path, default=advisories.PATH)
    parser.add_argument("--exceptions", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        exceptions = EXCEPTION.findall(arguments.exceptions.read_text(encoding="utf-8")) if arguments.exceptions else []
        lock = arguments.lock.read_text(encoding="utf-8")
        code, lines = check(lock, advisories.load(arguments.table), exceptions, datetime.date.today())
    except (OSError, advisories.Unusable) as error:
        print(f"the check for known vulnerabilities failed: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
