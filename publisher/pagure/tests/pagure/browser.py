# SPDX-License-Identifier: GPL-2.0-or-later
"""A minimal browser: it logs in, keeps cookies, and reads pages."""

import http.cookiejar
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 60


class Browser:
    """Each call answers (status, text)."""

    def __init__(self, url):
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            # The certificate is one of this test's own.
            urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),
        )

    def get(self, path):
        return self._call(urllib.request.Request(self.url + path, headers={"Referer": self.url + path}))

    def post(self, path, fields=None, document=None, token=None):
        headers = {"Referer": self.url + path}
        body = urllib.parse.urlencode(fields or {}).encode()
        if document is not None:
            headers["Content-Type"], body = "application/json", json.dumps(document).encode()
        if token:
            headers["Authorization"] = "token " + token
        return self._call(urllib.request.Request(self.url + path, data=body, headers=headers))

    def log_in(self, user, password):
        _, page = self.get("/login/")
        fields = {"username": user, "password": password, "csrf_token": csrf_token(page)}
        status, page = self.post("/dologin", fields)
        assert status == 200 and "Welcome" in page, page

    def _call(self, request):
        try:
            with self.opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")


def csrf_token(page):
    return re.search('name="csrf_token"[^>]*value="([^"]+)"', page).group(1)
