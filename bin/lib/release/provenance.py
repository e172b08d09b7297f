#!/usr/bin/env python3
"""Writes an in-toto statement with SLSA provenance (v1) about the files of a release, and their checksums.

    provenance.py DIRECTORY VERSION COMMIT LOCK >PROVENANCE.intoto.json

It says from which commit and lock file the files were built. The signer vouches for it: with `cosign attest-blob`, or by a
signature over SHA256SUMS, which holds the statement's own digest as well.
"""

import hashlib
import json
import pathlib
import sys



def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def statement(directory, version, commit, lock):
    subjects = [
        {"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(directory.iterdir()) if path.is_file()
    ]
    if not subjects:
        raise ValueError(f"{directory} holds no files")
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "bin/release",
                "externalParameters": {"version": version},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": commit}},
                    {"name": "Cargo.lock", "digest": {"sha256": digest(lock)}},
                ],
            },
            "runDetails": {"builder": {"id": "bin/release"}},
        },
    }


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    directory, version, commit, lock = sys.argv[1:]
    json.dump(statement(pathlib.Path(directory), version, commit, pathlib.Path(lock)), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
