# SPDX-License-Identifier: GPL-2.0-or-later
"""A true Pagure on 127.0.0.1, with redis and a Celery worker, from nothing; it ends with its standard input.

    python tests/instance --pagure SOURCES --dir DIR --cert CERT --key KEY [--stock]

One line of JSON on stdout says where it is and with which tokens. Then lines on stdin are obeyed, each answered by one
line: "restart" ends the web server and starts it again, "hook-token" prints the token of the project demo's CI hook,
"pause-redis" and "resume-redis" let redis hang for a while.
With --stock the plugin is not configured.
"""

import argparse
import json
import sys

from instance import Instance


def main():
    parser = argparse.ArgumentParser()
    for name in ("pagure", "dir", "cert", "key"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--stock", action="store_true")
    options = parser.parse_args()
    with Instance(options.pagure, options.dir, options.cert, options.key, plugin=not options.stock) as instance:
        commands = {
            "restart": instance.restart,
            "hook-token": instance.hook_token,
            "pause-redis": instance.pause_redis,
            "resume-redis": instance.resume_redis,
        }
        _print_json(instance.info)
        for line in sys.stdin:
            _print_json(commands[line.strip()]() or {"done": line.strip()})


def _print_json(answer):
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
