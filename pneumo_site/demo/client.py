"""A plain HTTP client of Pneumo's own API, as a script of a hospital would be one."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT = 30.0
RETRY_SECONDS = 0.5
FULL_QUEUE = 429  # passes by itself
FULL_STORE = 507  # does not


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The API said no, with its stable code and a sentence."""

    def __init__(self, code: str, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.body = body


class Unreachable(Exception):  # noqa: N818 - a state of the web process
    """No answer within the time that was granted."""


@dataclass(frozen=True)
class Api:
    """`patience`: seconds for which a request is repeated while the web process does not answer
    or the queue is full.

    Repeating a submission is safe, because it carries an Idempotency-Key.
    """

    host: str
    port: int
    token: str
    stopped: threading.Event
    patience: float = 60.0

    def submit(self, *, form: Mapping[str, str], film: Path) -> dict[str, Any]:
        """POST one study with one film. The file's own name stays here: it may name a patient."""
        boundary = uuid.uuid4().hex
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        body = multipart(boundary, form, film.read_bytes(), f"film{film.suffix.lower()}")
        return self._ask("POST", "/api/v1/studies/", headers, body)

    def study(self, uid: str) -> dict[str, Any]:
        return self._ask("GET", f"/api/v1/studies/{uid}/", {}, None)

    def wait_until_up(self) -> None:
        self._ask("GET", "/healthz", {}, None)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, Any]:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                status, answer = self._once(method, path, headers, body)
            except (OSError, http.client.HTTPException):
                status, answer = 503, {}
            if status < 400:
                return answer
            if status == FULL_STORE or (status < 500 and status != FULL_QUEUE):
                raise Refused(answer.get("code", str(status)), answer.get("message", ""), answer)
            if time.monotonic() > deadline:
                raise Unreachable(f"{path} gave no answer for {self.patience:.0f} s")
            if self.stopped.wait(RETRY_SECONDS):
                raise Unreachable("stopped")

    def _once(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            token = {"Authorization": f"Token {self.token}", "Accept": "application/json"}
            connection.request(method, path, body=body, headers=headers | token)
            response = connection.getresponse()
            return response.status, _json(response.read())
        finally:
            connection.close()


def _json(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def multipart(boundary: str, form: Mapping[str, str], film: bytes, name: str) -> bytes:
    """The body of multipart/form-data (RFC 7578) with the form's fields and one film."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in form.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="films"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), film, f"\r\n--{boundary}--\r\n".encode()])
