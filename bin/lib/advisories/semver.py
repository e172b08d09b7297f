"""Order of Cargo's versions, and requirements such as ">= 1.2.3, < 2" over that order."""

import re

VERSION = re.compile(
    r"(?P<core>\d+(?:\.\d+){0,2})(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
COMPARATOR = re.compile(r"(?P<operator>>=|<=|>|<|=|\^|~)?\s*(?P<version>[0-9].*)")


class Version:
    """A version, ordered as SemVer 2.0 § 11 says. Build metadata has no order and is left out."""

    def __init__(self, text):
        match = VERSION.fullmatch(text.strip())
        if not match:
            raise ValueError(f"invalid version {text!r}")
        parts = [int(part) for part in match["core"].split(".")]
        self.given = len(parts)
        self.core = tuple(parts + [0] * (3 - len(parts)))
        self.key = (self.core, _prerelease_key(match["pre"]))

    def bump(self, position):
        """The first version, pre-releases included, in which the number at `position` is greater."""
        core = self.core[:position] + (self.core[position] + 1,) + (0,) * (2 - position)
        return (core, _LOWEST)


# Below each pre-release of the same core: the end of `^1.2.3` leaves out 2.0.0-alpha as well.
_LOWEST = (-1,)
_RELEASE = (1,)


def _prerelease_key(text):
    if text is None:
        return _RELEASE
    # Numbers are below words, and numbers are ordered as numbers.
    fields = tuple((0, int(field), "") if field.isdigit() else (1, 0, field) for field in text.split("."))
    return (0, fields)


def matches(requirement, version):
    """Whether a version fulfils each comparator of the requirement."""
    comparators = [part.strip() for part in requirement.split(",")]
    return all(_fulfils(comparator, Version(version).key) for comparator in comparators)


def _fulfils(comparator, key):
    match = COMPARATOR.fullmatch(comparator)
    if not match:
        raise ValueError(f"invalid requirement {comparator!r}")
    operator, bound = match["operator"] or "^", Version(match["version"])
    if operator == ">=":
        return key >= bound.key
    if operator == ">":
        return key > bound.key
    if operator == "<":
        return key < bound.key
    if operator == "<=":
        return key <= bound.key
    if operator == "=" and bound.given == 3:
        return key == bound.key
    return bound.key <= key < bound.bump(_last_fixed_number(operator, bound))


def _last_fixed_number(operator, bound):
    """The position of the number that may not change: 0 major, 1 minor, 2 patch."""
    if operator in ("=", "~"):
        return min(bound.given - 1, 1 if operator == "~" else 2)
    nonzero = [position for position in range(bound.given) if bound.core[position] != 0]
    return nonzero[0] if nonzero else bound.given - 1
