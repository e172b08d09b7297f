# SPDX-License-Identifier: GPL-2.0-or-later
"""Pagure's web server, over TLS, on a socket that it is given: python serve.py FD CERT KEY."""

import sys

from pagure.flask_app import create_app
from werkzeug.serving import make_server


class HeaderFix:
    """Pagure's git over HTTP hands header values to Werkzeug 3 as bytes, which go out as "b'...'". Undone here, outside
    of Pagure: a Pagure behind Apache does not have it."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [(name, _plain(value)) for name, value in headers], exc_info)

        return self.app(environ, start)


def _plain(value):
    return value[2:-1] if value[:2] == "b'" and value[-1:] == "'" else value


if __name__ == "__main__":
    fd, cert, key = sys.argv[1:]
    app = HeaderFix(create_app())
    make_server("127.0.0.1", 0, app, threaded=True, fd=int(fd), ssl_context=(cert, key)).serve_forever()
