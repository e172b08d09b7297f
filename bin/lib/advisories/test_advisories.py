"""Tests of the check for known vulnerabilities: `python3 -B -m unittest discover -s bin/lib/advisories`."""

import datetime
import pathlib
import subprocess
import tempfile
import unittest

import check
import renew
import semver
import table

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TODAY = datetime.date(2026, 8, 30)
FIXED = table.Advisory("RUSTSEC-2026-0001", "vulnerability", "demo", (">= 1.2.3",), ("< 1.0.0",))


def a_table(*rows, date=TODAY):
    return table.Table(COMMIT, date, [table.CONTROL, *rows])


def lock_of(*packages):
    body = "".join(f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = "registry"\n\n' for name, version in packages)
    return "version = 4\n\n" + body


class Requirements(unittest.TestCase):
    def check(self, requirement, inside, outside):
        for version in inside:
            self.assertTrue(semver.matches(requirement, version), f"{version} is in {requirement}")
        for version in outside:
            self.assertFalse(semver.matches(requirement, version), f"{version} is not in {requirement}")

    def test_requirements_match_as_in_cargo(self):
        self.check(">= 1.2.3", ["1.2.3", "1.10.0", "2.0.0-rc.1"], ["1.2.2", "1.2.3-rc.1"])
        self.check("> 1.2.3", ["1.2.4"], ["1.2.3"])
        self.check(">= 1.2.3, < 1.3", ["1.2.9", "1.3.0-alpha"], ["1.3.0", "1.2.2"])
        self.check("<= 1.2.3", ["1.2.3", "1.2.3-rc.1"], ["1.2.4"])
        self.check("^1.2.3", ["1.2.3", "1.99.0"], ["2.0.0", "2.0.0-alpha", "1.2.2"])
        self.check("^0.3.24", ["0.3.24", "0.3.99"], ["0.4.0", "0.3.23"])
        self.check("^0.0.3", ["0.0.3"], ["0.0.4"])
        self.check("^0", ["0.0.1", "0.99.0"], ["1.0.0"])
        self.check("~1.2", ["1.2.0", "1.2.9"], ["1.3.0"])
        self.check("= 1.2.3", ["1.2.3", "1.2.3+build"], ["1.2.4", "1.2.3-rc.1"])
        self.check("=0.9", ["0.9.0", "0.9.7"], ["0.10.0"])
        self.check("1.2.3", ["1.2.3", "1.9.0"], ["2.0.0"])

    def test_prereleases_are_ordered_by_their_fields(self):
        ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"]
        keys = [semver.Version(text).key for text in ordered]
        self.assertEqual(keys, sorted(keys))
        self.assertEqual(len(set(keys)), len(keys))

    def test_words_are_no_version_and_no_requirement(self):
        for text in ("", "one", "1.2.3.4", ">> 1", "*"):
            with self.assertRaises(ValueError):
                semver.matches(text, "1.0.0")
        with self.assertRaises(ValueError):
            semver.matches(">= 1", "one")


class Tables(unittest.TestCase):
    def test_a_rendered_table_is_parsed_to_the_same_table(self):
        rows = a_table(FIXED, table.Advisory("RUSTSEC-2026-0002", "unmaintained", "other", (), ()))
        self.assertEqual(table.parse(rows.render()), rows)

    def test_the_table_of_this_repository_is_usable(self):
        self.assertGreater(len(table.load().advisories), 1000)

    def test_a_table_that_proves_nothing_is_unusable(self):
        whole = a_table(FIXED).render()
        for text in (
            "",
            whole.split("\n")[0] + "\n",
            "\n".join(whole.splitlines()[:-1]),
            whole.replace(table.CONTROL_CRATE, "other"),
            a_table().render(),
            whole.replace(">= 1.2.3", ">> 1.2.3"),
            # The second of two requirements: the first one must not hide it.
            whole.replace("< 1.0.0", "below one"),
            whole.replace("\tdemo\t", "\t"),
            whole.replace(COMMIT, "unknown"),
        ):
            with self.subTest(text), self.assertRaises(table.Unusable):
                table.parse(text)

    def test_a_missing_or_binary_table_is_unusable(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "table.tsv")
            with self.assertRaises(table.Unusable):
                table.load(path)
            path.write_bytes(b"\xff\xfe\x00")
            with self.assertRaises(table.Unusable):
                table.load(path)


class Checks(unittest.TestCase):
    def check(self, lock, rows=None, exceptions=(), today=TODAY):
        return check.check(lock, rows or a_table(FIXED), list(exceptions), today)

    def test_an_affected_version_fails_the_check(self):
        for version, code in (("0.9.0", 0), ("1.0.0", 1), ("1.2.2", 1), ("1.2.3", 0)):
            self.assertEqual(self.check(lock_of(("demo", version)))[0], code, version)

    def test_an_advisory_without_a_fix_affects_each_version(self):
        rows = a_table(table.Advisory("RUSTSEC-2026-0002", "unmaintained", "demo", (), ()))
        self.assertEqual(self.check(lock_of(("demo", "99.0.0")), rows)[0], 1)

    def test_the_fixture_with_control_and_real_crates_is_found(self):
        lock = (HERE / "fixtures/affected.lock").read_text(encoding="utf-8")
        code, lines = self.check(lock, table.load())
        self.assertEqual(code, 1)
        for advisory in (table.CONTROL.id, "RUSTSEC-2024-0003", "RUSTSEC-2024-0332", "RUSTSEC-2023-0001"):
            self.assertTrue(any(advisory in line for line in lines), advisory)

    def test_a_comparison_that_finds_nothing_fails(self):
        class Blind(table.Table):
            def find(self, packages):
                return []

        with self.assertRaises(table.Unusable):
            self.check(lock_of(("demo", "1.0.0")), Blind(COMMIT, TODAY, [table.CONTROL, FIXED]))

    def test_an_exception_covers_its_advisory_and_is_needed(self):
        lock = lock_of(("demo", "1.0.0"))
        self.assertEqual(self.check(lock, exceptions=[FIXED.id])[0], 0)
        self.assertEqual(self.check(lock, exceptions=["RUSTSEC-2000-0001"])[0], 1)
        self.assertEqual(self.check(lock_of(("demo", "1.2.3")), exceptions=[FIXED.id])[0], 1)

    def test_an_old_table_gives_a_warning(self):
        lock = lock_of(("demo", "1.2.3"))
        for days, warns in ((check.MAX_AGE_DAYS, False), (check.MAX_AGE_DAYS + 1, True)):
            code, lines = self.check(lock, today=TODAY + datetime.timedelta(days))
            self.assertEqual((code, any("WARNING" in line for line in lines)), (0, warns))

    def test_each_package_of_our_lock_file_is_read(self):
        lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
        self.assertEqual(len(check.packages_of(lock)), lock.count("\nsource = "))

    def test_a_lock_file_without_readable_packages_proves_nothing(self):
        for lock in ("", "version = 4\n", '[[package]]\nversion = "1.0.0"\nname = "demo"\n'):
            with self.assertRaises(table.Unusable):
                self.check(lock)


class Renewals(unittest.TestCase):
    HEAD = '```toml\n[advisory]\nid = "{id}"\npackage = "demo"\n{more}\n[versions]\npatched = [">= 1.2.3,<2"]\n```\n\n# Title\n'

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.checkout = pathlib.Path(directory.name)
        (self.checkout / "crates/demo").mkdir(parents=True)

    def write(self, name, more=""):
        (self.checkout / f"crates/demo/{name}.md").write_text(self.HEAD.format(id=name, more=more), encoding="utf-8")

    def commit(self):
        for command in ("init -q", "add .", "-c user.name=n -c user.email=e@e commit -qm all --date 2026-08-21T00:00:00Z"):
            subprocess.run(["git", "-C", self.checkout, *command.split()], check=True)

    def test_a_checkout_gives_its_advisories_but_the_withdrawn(self):
        self.write("RUSTSEC-2026-0003", 'informational = "unsound"')
        self.write("RUSTSEC-2026-0004", 'withdrawn = "2026-01-01"')
        self.commit()
        made = renew.make_table(self.checkout)
        expected = table.Advisory("RUSTSEC-2026-0003", "unsound", "demo", (">= 1.2.3, <2",), ())
        self.assertEqual(made.advisories, [table.CONTROL, expected])
        self.assertEqual(table.parse(made.render()), made)

    def test_an_uncommitted_change_of_the_checkout_is_refused(self):
        self.write("RUSTSEC-2026-0003")
        self.commit()
        self.write("RUSTSEC-2026-0005")
        with self.assertRaises(table.Unusable):
            renew.make_table(self.checkout)


if __name__ == "__main__":
    unittest.main()
