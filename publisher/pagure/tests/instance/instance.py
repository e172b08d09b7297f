# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of a Pagure, and what has to be there before the first of them starts."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent

#: Until a process is up, on a busy machine.
START_SECONDS = 90
STOP_SECONDS = 10

QUEUES = "celery,pagure_ci,pagure_webhook,pagure_logcom,pagure_loadjson,pagure_mirror"

FOLDERS = ("repos", "remotes", "attachments", "releases", "ssh", "home", "logs", "stub")


class Instance:
    """A running Pagure; a context manager that ends what it has started, and nothing else."""

    def __init__(self, pagure, folder, cert, key, plugin=True):
        self.sources, self.dir = pathlib.Path(pagure).resolve(), pathlib.Path(folder).resolve()
        self.cert, self.key, self.plugin = os.path.abspath(cert), os.path.abspath(key), plugin
        self.processes = {}
        for name in FOLDERS:
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        # Held for as long as this process lives, so that a web server that is started again is found where it was.
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        self.redis_socket = str(self.dir / "redis.sock")
        self.environment = self._environment()
        self.info = {"url": self.url}

    def __enter__(self):
        try:
            self._configure()
            self._start_redis()
            if not (self.dir / "db.sqlite").exists():
                self._run("createdb", [sys.executable, "createdb.py", "-c", self._file("pagure.cfg"),
                                       "-i", self._file("alembic.ini")])
            self._start_worker()
            if self.plugin:
                self._start_plugins_worker()
            self._start_web()
            self.info.update(json.loads(self._run("seed", [sys.executable, str(HERE / "seed.py")])))
            self.info["log"] = str(self.dir / "logs")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ("web", "doorbell", "worker", "redis"):
            self._stop(name)
        self.socket.close()

    def restart(self):
        """Ends the web server and starts it again. Calls wait in the socket's queue meanwhile; those under way break."""
        self._stop("web", signal.SIGKILL)
        self._start_web()

    def hook_token(self):
        """The token that the page of the project demo's hook shows."""
        question = ("SELECT pagure_ci_token FROM hook_pagure_ci JOIN projects ON projects.id = project_id"
                    " WHERE projects.name = 'demo'")
        with contextlib.closing(sqlite3.connect(self._file("db.sqlite"), timeout=60)) as database:
            (token,) = database.execute(question).fetchone()
        return {"hook_token": token}

    def pause_redis(self):
        """Redis takes connections and answers nothing."""
        self.processes["redis"].send_signal(signal.SIGSTOP)

    def resume_redis(self):
        """Redis answers again."""
        self.processes["redis"].send_signal(signal.SIGCONT)

    def _environment(self):
        paths = [str(self.dir / "stub"), str(self.sources)]
        # Pagure starts a Python for each of a push's hooks: without its bytecode that takes seconds.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return dict(
            inherited,
            HOME=str(self.dir / "home"),
            # Pagure's git hooks run whichever python3 comes first.
            PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
            PYTHONPATH=os.pathsep.join(paths),
            PYTHONWARNINGS="ignore",
            PAGURE_CONFIG=self._file("pagure.cfg"),
            GIT_CONFIG_NOSYSTEM="1",
        )

    def _configure(self):
        shutil.copy(HERE / "gdbm_stub.py", self.dir / "stub" / "_gdbm.py")
        template = (self.sources / "files" / "alembic.ini").read_text()
        values = {"script_location": self.sources / "alembic", "sqlalchemy.url": f"sqlite:///{self._file('db.sqlite')}"}
        lines = [f"{line.split(' ')[0]} = {values[line.split(' ')[0]]}" if line.split(" ")[0] in values else line
                 for line in template.splitlines()]
        (self.dir / "alembic.ini").write_text("\n".join(lines))
        (self.dir / "plugins.cfg").write_text("from doorbell_pagure.web import BLUEPRINT\n\nPLUGINS = [BLUEPRINT]\n")
        (self.dir / "home" / ".gitconfig").write_text(
            "[user]\n  name = ci\n  email = ci@example.org\n[init]\n  defaultBranch = main\n"
        )
        settings = (HERE / "pagure.cfg.py").read_text()
        head = {"DIR": str(self.dir), "URL": self.url + "/", "REDIS": self.redis_socket, "PLUGIN": self.plugin}
        (self.dir / "pagure.cfg").write_text("".join(f"{n} = {v!r}\n" for n, v in head.items()) + settings)

    def _start_redis(self):
        self._start("redis", ["redis-server", "--port", "0", "--unixsocket", self.redis_socket, "--save", "",
                              "--appendonly", "no", "--dir", str(self.dir)])
        self._wait_until("redis", lambda: os.path.exists(self.redis_socket))

    def _start_worker(self):
        # The solo pool of each of two would do, too; two processes of one are what Pagure's own unit starts.
        self._start("worker", [sys.executable, "-m", "celery", "-A", "pagure.lib.tasks", "worker", "--concurrency", "2",
                               "--loglevel", "info", "--queues", QUEUES])

    def _start_plugins_worker(self):
        """The worker of the plugin's queue, as its README says."""
        self._start("doorbell", [sys.executable, "-m", "celery", "-A", "pagure.lib.tasks_services", "worker",
                                 "--concurrency", "2", "--loglevel", "info", "--queues", "pagure_doorbell",
                                 "--hostname", "doorbell@%h"])

    def _start_web(self):
        fd = self.socket.fileno()
        self._start("web", [sys.executable, str(HERE / "serve.py"), str(fd), self.cert, self.key], pass_fds=[fd])
        self._wait_until("web", self._is_ready)

    def _is_ready(self):
        try:
            context = ssl._create_unverified_context()
            return urllib.request.urlopen(self.url + "/api/0/version", timeout=5, context=context).status == 200
        except OSError:
            return False

    def _file(self, name):
        return str(self.dir / name)

    def _run(self, name, command):
        with open(self._log(name), "ab") as log:
            done = subprocess.run(command, cwd=self.sources, env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=log, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} ended with {done.returncode}: see {self._log(name)}")
        return done.stdout

    def _start(self, name, command, **more):
        with open(self._log(name), "ab") as log:
            self.processes[name] = subprocess.Popen(command, cwd=self.sources, env=self.environment, stdout=log,
                                                    stdin=subprocess.DEVNULL, stderr=log, **more)

    def _wait_until(self, name, condition):
        end = time.monotonic() + START_SECONDS
        while not condition():
            if self.processes[name].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start: see {self._log(name)}")
            time.sleep(0.1)

    def _stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log(self, name):
        return self.dir / "logs" / f"{name}.log"
