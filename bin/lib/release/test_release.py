"""Tests of the release's lists: `python3 -B -m unittest discover -s bin/lib/release`."""

import hashlib
import json
import pathlib
import re
import tempfile
import unittest

import provenance
import sbom

ROOT = pathlib.Path(__file__).parents[3]
TREE = "doorbell-worker v0.1.0 (/somewhere/worker)|MIT\nserde v1.0.2|MIT OR Apache-2.0\naead v0.5.0+a|ISC/MIT\nserde v1.0.2|MIT OR Apache-2.0 (*)\n"


class Sboms(unittest.TestCase):
    def test_crates_are_listed_once_with_licence_and_address(self):
        found = {component["purl"]: component for component in sbom.crates_in(TREE)}
        self.assertEqual(sorted(found), ["pkg:cargo/aead@0.5.0%2Ba", "pkg:cargo/serde@1.0.2", "pkg:generic/doorbell-worker@0.1.0"])
        self.assertEqual(found["pkg:cargo/aead@0.5.0%2Ba"]["licenses"], [{"expression": "ISC OR MIT"}])
        self.assertNotIn("somewhere", json.dumps(found), "a directory of the machine that built it")

    def test_a_line_that_is_no_crate_is_an_error(self):
        with self.assertRaises(ValueError):
            sbom.crates_in("error: no such package\n")

    def test_the_packages_of_the_image_are_listed(self):
        text = (ROOT / "images/build/packages.txt").read_text(encoding="utf-8")
        components = sbom.packages_in(text, "trixie")
        self.assertEqual(len(components), len(text.splitlines()))
        git = next(component for component in components if component["name"] == "git")
        self.assertTrue(re.fullmatch(r"pkg:deb/debian/git@1%3A2\.\S+\?arch=amd64&distro=trixie", git["purl"]), git)

    def test_the_order_of_the_input_makes_no_difference(self):
        forth, back = (sbom.crates_in("\n".join(lines)) for lines in (TREE.splitlines(), TREE.splitlines()[::-1]))
        self.assertEqual(sbom.document("worker", "0.1.0", forth), sbom.document("worker", "0.1.0", back))


class Provenance(unittest.TestCase):
    def test_each_file_is_a_subject_with_its_digest(self):
        with tempfile.TemporaryDirectory() as directory:
            files = pathlib.Path(directory)
            for name in ("worker", "trigger_job"):
                (files / name).write_text(name)
            made = provenance.statement(files, "0.1.0", "c0ffee", ROOT / "Cargo.lock")
        digests = [(name, hashlib.sha256(name.encode()).hexdigest()) for name in ("trigger_job", "worker")]
        self.assertEqual([(subject["name"], subject["digest"]["sha256"]) for subject in made["subject"]], digests)
        source, lock = made["predicate"]["buildDefinition"]["resolvedDependencies"]
        self.assertEqual(source["digest"], {"gitCommit": "c0ffee"})
        self.assertEqual(lock["digest"]["sha256"], hashlib.sha256((ROOT / "Cargo.lock").read_bytes()).hexdigest())

    def test_a_release_without_files_is_an_error(self):
        with tempfile.TemporaryDirectory() as directory, self.assertRaises(ValueError):
            provenance.statement(pathlib.Path(directory), "0.1.0", "c0ffee", ROOT / "Cargo.lock")


class Changelog(unittest.TestCase):
    def test_the_changelog_has_a_section_for_this_version(self):
        version = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
        self.assertIn(f"\n## {version}", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
