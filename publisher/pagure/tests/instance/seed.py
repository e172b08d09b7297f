# SPDX-License-Identifier: GPL-2.0-or-later
"""A user and tokens, straight through Pagure's library; prints them as JSON. Run again, it makes fresh tokens."""

import datetime
import json

import pagure.lib.login
import pagure.lib.query
from pagure.config import config
from pagure.lib import model, model_base

USER, PASSWORD = "ci", "ci-password"

SETUP = ["create_project", "modify_project", "pull_request_create", "pull_request_rebase", "commit"]


def main():
    session = model_base.create_session(config["DB_URL"])
    user = pagure.lib.query.search_user(session, username=USER)
    if user is None:
        password = pagure.lib.login.generate_hashed_value(PASSWORD)
        email = f"{USER}@example.org"
        user = model.User(user=USER, fullname="Ada", password=password, default_email=email, token=None)
        session.add(user)
        session.flush()
        pagure.lib.query.add_email_to_user(session, user, email)
        session.commit()
    tokens = {"setup_token": _token(session, SETUP), "flag_token": _token(session, ["commit_flag"])}
    print(json.dumps(dict(tokens, user=USER, password=PASSWORD)))


def _token(session, acls):
    end = datetime.date.today() + datetime.timedelta(days=2)
    return pagure.lib.query.add_token_to_user(session, None, acls, USER, expiration_date=end, description="tests").id


if __name__ == "__main__":
    main()
