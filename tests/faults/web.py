"""A real web process on the test's database, broker and film folder, and a client of its API."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_site.demo.client import multipart
from tests import films
from tests.servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
STUDIES = "/api/v1/studies/"
INSTALL = ("migrate", "register_model", "add_user ward --role submitter --new-site main Main")
# As in an installation, so that no page of Django's for developers hides what users would see.
PRODUCTION = {"DEBUG": "0", "PNEUMO_HTTPS": "0", "PNEUMO_SECRET_KEY": "of-this-test-alone" * 3}
# A test must not fail because the machine's disk is full.
ANY_DISK = {"PNEUMO_DISK_MAX_PERCENT": "100", "PNEUMO_DISK_MIN_FREE_MB": "0"}


class Web(Server):
    """gunicorn with its workers, which a signal reaches all at once.

    `hold` names a function at which a request stops; see tests/faults/injected.py.
    """

    def __init__(
        self, folder: Path, env: Mapping[str, str], *, hold: str = "", **changes: str
    ) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.log = folder / f"process-web-{self.port}.log"
        self._held = folder / "held"
        self._held.unlink(missing_ok=True)
        self._env = {
            **{name: value for name, value in env.items() if name != "PNEUMO_ENGINE"},
            **PRODUCTION,
            **ANY_DISK,
            "PYTHONPATH": str(ROOT),
            **fault(folder, hold),
            **changes,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> Mapping[str, str]:
        return self._env

    def command(self) -> list[str]:
        served = [sys.executable, "-m", "gunicorn", "pneumo_site.wsgi", "--bind", self.url[7:]]
        size = ["--threads", "8", "--graceful-timeout", "1"]
        return [*served, *size, "--no-control-socket", "-c", "python:tests.faults.injected"]

    def answers(self) -> bool:
        try:
            return Client(self.port).get("/healthz").status == 200
        except OSError:
            return False

    def writes_to(self, folder: Path) -> bool:
        """Whether a file below the folder, if only a nameless one, has got bytes of a process."""
        return any(
            bytes_below(folder, link, self.pid) for link in Path("/proc").glob("[0-9]*/fd/*")
        )

    def is_held(self) -> bool:
        return self._held.exists()


def bytes_below(folder: Path, link: Path, group: int) -> int:
    """The size of an open file, if a process of the group has it open and it is below the folder."""
    try:
        if os.getpgid(int(link.parts[2])) == group and folder in link.readlink().parents:
            return link.stat().st_size
    except OSError:
        pass  # closed meanwhile
    return 0


def fault(folder: Path, hold: str = "") -> dict[str, str]:
    return {"FAULT_FOLDER": str(folder), "FAULT_HOLD": hold}


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    @property
    def coded(self) -> tuple[int, str]:
        return self.status, self.body["code"]


@dataclass(frozen=True)
class Order:
    """A study to submit: the same one again is the same request, with the same key."""

    film: bytes
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    priority: str = "ROUTINE"

    @property
    def headers(self) -> dict[str, str]:
        kind = f"multipart/form-data; boundary={self.key}"
        return {"Content-Type": kind, "Idempotency-Key": self.key}

    @property
    def body(self) -> bytes:
        form = {
            "mrn": f"MRN-{self.key}",
            "name": "Test Patient",
            "birth_date": birth_date(),
            "sex": "F",
            "priority": self.priority,
        }
        return multipart(self.key, form, self.film, "film.png")


def birth_date() -> str:
    """Of a child for whom the committed model is meant, as the fake one is."""
    return f"{time.gmtime().tm_year - 3}-01-01"


def drawn(seed: int = 1) -> bytes:
    return films.as_png8(films.chest(seed, size=(200, 180)))


def order(seed: int = 1) -> Order:
    return Order(drawn(seed))


@dataclass(frozen=True)
class Client:
    """Of the API, with a token; it waits for no answer longer than `timeout` seconds."""

    port: int
    token: str = ""
    timeout: float = 30.0

    def submit(self, sent: Order) -> Answer:
        return read(self.send(sent))

    def send(self, sent: Order) -> http.client.HTTPConnection:
        """The request alone; `read` waits for the answer."""
        return self._ask("POST", STUDIES, sent.body, sent.headers)

    def send_half(self, sent: Order) -> http.client.HTTPConnection:
        """The whole head, but not the whole body."""
        connection = self._connection()
        connection.putrequest("POST", STUDIES)
        connection.putheader("Content-Length", len(sent.body))
        for name, value in {**self._token, **sent.headers}.items():
            connection.putheader(name, value)
        connection.endheaders(sent.body[: len(sent.body) // 2])
        return connection

    def get(self, path: str, **headers: str) -> Answer:
        return read(self._ask("GET", path, None, headers))

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPConnection:
        connection = self._connection()
        connection.request(method, path, body=body, headers={**headers, **self._token})
        return connection

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    @property
    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"} if self.token else {}


def read(connection: http.client.HTTPConnection) -> Answer:
    try:
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


def manage(env: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        check=False, cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def install(env: Mapping[str, str]) -> str:
    """Tables, model and a submitter in an empty database; returns the submitter's token."""
    for command in INSTALL:
        manage(env, *command.split())
    return manage(env, "issue_token", "ward")
