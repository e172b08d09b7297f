# SPDX-License-Identifier: GPL-2.0-or-later
# Pagure's settings. DIR, URL, REDIS and PLUGIN stand before these lines.
SECRET_KEY = "x" * 40
SALT_EMAIL = "y" * 40
DB_URL = f"sqlite:///{DIR}/db.sqlite?timeout=60"
APP_URL = URL
DOC_APP_URL = None
GIT_URL_GIT = URL
GIT_URL_SSH = "ssh://git@127.0.0.1/"
GIT_FOLDER = f"{DIR}/repos"
REMOTE_GIT_FOLDER = f"{DIR}/remotes"
ATTACHMENTS_FOLDER = f"{DIR}/attachments"
UPLOAD_FOLDER_PATH = f"{DIR}/releases"
SSH_FOLDER = f"{DIR}/ssh"
PATH_ALEMBIC_INI = f"{DIR}/alembic.ini"
PAGURE_AUTH = "local"
GIT_AUTH_BACKEND = "pagure"
PAGURE_ADMIN_USERS = ["ci"]
ALLOWED_PREFIX = ["ours"]
EMAIL_SEND = False
ALLOW_HTTP_PULL_PUSH = True
ALLOW_HTTP_PUSH = True
HTTP_REPO_ACCESS_GITOLITE = None
GITOLITE_HOME = DIR
GITOLITE_KEYDIR = DIR
SESSION_COOKIE_SECURE = True
CHECK_SESSION_IP = False
WEBHOOK = True
REDIS_SOCKET = REDIS
REDIS_DB = 0
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s [%(levelname)s] %(name)s: %(message)s"}},
    "handlers": {"file": {"class": "logging.FileHandler", "filename": f"{DIR}/logs/pagure.log", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["file"]},
}
if PLUGIN:
    PAGURE_CI_SERVICES = ["doorbell"]
    PAGURE_PLUGINS_CONFIG = f"{DIR}/plugins.cfg"
    CELERY_CONFIG = {"include": ["doorbell_pagure.worker"]}
    DOORBELL_TOPIC_ARN = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
    DOORBELL_PAIRS = [("listed", "demo")]
