#!/usr/bin/env python3
"""Writes a CycloneDX 1.6 list of what a program or an image contains.

    sbom.py NAME VERSION [--crates FILE] [--packages FILE] [--release CODENAME] >SBOM.cdx.json

--crates holds the lines of `cargo tree --prefix none --format '{p}|{l}'`, --packages those of images/build/packages.txt.
The same input gives the same bytes: no time and no random serial number is in it.
"""

import argparse
import json
import pathlib
import re
import sys
import urllib.parse

CRATE = re.compile(r"(?P<name>[A-Za-z0-9_-]+) v(?P<version>\S+)(?P<rest>[^|]*)\|(?P<license>[^|]*)")


def crates_in(text):
    """A component for each crate. `(*)` marks a repetition, and a path one of our own packages."""
    components = {}
    for line in filter(None, text.splitlines()):
        match = CRATE.fullmatch(line.replace(" (*)", "").strip())
        if not match:
            raise ValueError(f"not a line of cargo tree: {line!r}")
        name, version = match["name"], match["version"]
        # Our own packages are published nowhere but in the release.
        kind = "generic" if match["rest"].startswith(" (/") else "cargo"
        component = {"type": "library", "name": name, "version": version, "purl": f"pkg:{kind}/{name}@{quote(version)}"}
        if match["license"]:
            component["licenses"] = [{"expression": match["license"].replace("/", " OR ")}]
        components[component["purl"]] = component
    return list(components.values())


def packages_in(text, release):
    components = []
    for line in filter(None, text.splitlines()):
        name, version, architecture = line.split(" ")
        purl = f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}&distro={release}"
        components.append({"type": "library", "name": name, "version": version, "purl": purl})
    return components


def quote(version):
    return urllib.parse.quote(version, safe=".-~")


def document(name, version, components):
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": name, "version": version, "bom-ref": name}},
        "components": sorted(components, key=lambda component: component["purl"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("--crates", type=pathlib.Path)
    parser.add_argument("--packages", type=pathlib.Path)
    parser.add_argument("--release", default="trixie")
    arguments = parser.parse_args()
    components = crates_in(arguments.crates.read_text(encoding="utf-8")) if arguments.crates else []
    if arguments.packages:
        components += packages_in(arguments.packages.read_text(encoding="utf-8"), arguments.release)
    if not components:
        sys.exit("sbom.py: nothing to list")
    json.dump(document(arguments.name, arguments.version, components), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
