"""The demo from start to end: prepare, start everything, submit, show, serve, stop."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import call_command

from pneumo_site import embedded
from pneumo_site.demo import accounts, films, table
from pneumo_site.demo.client import Api, Unreachable
from pneumo_site.demo.progress import Meter
from pneumo_site.demo.supervisor import Service, Supervisor
from pneumo_site.demo.visit import visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pneumo_site.demo.films import DemoFilm
    from pneumo_site.demo.visit import Row

HOST = "127.0.0.1"
QUIET_LIMIT = 180.0  # the first film also waits for the model to load


class DemoRefused(Exception):  # noqa: N818 - a refusal, told to the operator as it stands
    """The demo cannot run here and now; the message is one sentence for the operator."""


@dataclass(frozen=True)
class Options:
    """What the operator chose. `xrays`: a folder of their own films."""

    port: int
    once: bool = False
    reset: bool = False
    xrays: Path | None = None


def services(port: int) -> list[Service]:
    """Everything that runs, in the order in which it is started."""
    python, manage = sys.executable, [sys.executable, str(settings.BASE_DIR / "manage.py")]
    web = [python, "-m", "gunicorn", "pneumo_site.wsgi", "--bind", f"{HOST}:{port}"]
    web += ["--workers", "2", "--threads", "4", "--graceful-timeout", "5", "--no-control-socket"]
    found = [
        Service("web", web),
        Service("worker", [python, "-m", "celery", "-A", "pneumo_site", "worker"], patience=20),
        Service("sweeper", [*manage, "sweeper"]),
    ]
    if not settings.REDIS_URL and embedded.server_binary():
        found.insert(0, Service("broker", [*manage, "broker"]))
    return found


def check_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise DemoRefused(f"{port} is not a port. Choose one from 1 to 65535: {another_port()}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = {
                errno.EADDRINUSE: "is in use by another program. Stop that one, or choose",
                errno.EACCES: "is not open to this user, as most below 1024 are not. Choose",
            }.get(error.errno or 0, f"cannot be used ({error.strerror}). Choose")
            raise DemoRefused(f"Port {port} {why} another port: {another_port()}") from error


def another_port() -> str:
    return f"make demo PORT={free_port()}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def sole() -> Iterator[None]:
    """One demo at a time on one data folder."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(settings.DATA_DIR / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DemoRefused(
            f"A demo runs already on the data folder {settings.DATA_DIR}. Stop it with Ctrl-C, or set "
            "PNEUMO_DATA_DIR to another folder."
        ) from error
    else:
        yield
    finally:
        os.close(handle)


class Demo:
    """One run. Supervision stays in the main thread; the visitor has a thread of its own."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.console = table.console()
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.options.port}/"

    def run(self) -> int:
        """The exit status: 1 when with `once` a film got no answer, else 0."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopped.set())
        with sole():
            check_port(self.options.port)
            chosen = self.choose_films()
            if not self.stopped.is_set():
                self.prepare()
            if self.stopped.is_set():
                self.say("Stopped before anything was started.")
                return int(self.options.once)
            logs = settings.DATA_DIR / "log"
            supervisor = Supervisor(services(self.options.port), logs=logs, tell=self.warn)
            try:
                return self.serve(supervisor, chosen)
            finally:
                self.say("Stopping everything ...")
                self.stopped.set()
                supervisor.stop()
                with suppress(OSError):  # not there, or something still uses it
                    settings.EMBEDDED_SOCKET.parent.rmdir()

    def serve(
        self,
        supervisor: Supervisor,
        chosen: Sequence[DemoFilm],
    ) -> int:
        api = Api(HOST, self.options.port, accounts.submitter_token(), self.stopped)
        with ThreadPoolExecutor(1, "visitor") as pool:
            visitor = pool.submit(self.visit, api, chosen)
            # After Ctrl-C, too: the visitor then ends by itself, within one request.
            supervisor.run(until=visitor.done)
            rows = visitor.result()
        self.show(rows)
        if not self.options.once:
            supervisor.run(until=self.stopped.is_set)
            return 0
        return 0 if rows and all(row.is_settled for row in rows) else 1

    def choose_films(self) -> list[DemoFilm]:
        if self.options.xrays is None:
            return films.from_manifest(settings.BASE_DIR / "samples")
        chosen, others = films.from_folder(self.options.xrays, stopped=self.stopped.is_set)
        if others:
            self.say(f"{others} other files in the folder are left alone.")
        self.say(
            "A film that does not name its patient is given a fictional child, so the model's age "
            "rule cannot catch an adult among them."
        )
        return chosen

    def prepare(self) -> None:
        """Database, model and people; all of it safe to repeat."""
        started = time.monotonic()
        self.say("Preparing database, model and accounts ...")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("register_model", stdout=io.StringIO())
        people = accounts.ensure(reset=self.options.reset)
        self.say(f"Prepared in {time.monotonic() - started:.1f} s.")
        # At once, not after the films: what fails later must not swallow passwords shown once.
        self.console.print(table.accounts(people))
        if not any(person.password for person in people):
            self.say("Passwords were printed at the first run. New ones: make demo RESET=1")

    def visit(self, api: Api, chosen: Sequence[DemoFilm]) -> list[Row]:
        self.say("Starting broker, web, worker and sweeper ...")
        try:
            api.wait_until_up()
        except Unreachable as error:
            if self.stopped.is_set():
                return []
            logs = settings.DATA_DIR / "log"
            raise DemoRefused(f"The web process does not come up: {error}. See {logs}.") from error
        self.say(f"Serving at {self.address}")
        with Meter(self.console, len(chosen)) as meter:
            return visit(api, chosen, changed=meter.update, limit=QUIET_LIMIT)

    def show(self, rows: Sequence[Row]) -> None:
        self.console.print(table.results(rows))
        if not self.options.once:
            self.say(f"Open {self.address} - Ctrl-C stops everything.")

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)
