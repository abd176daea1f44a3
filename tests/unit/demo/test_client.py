"""The demo's HTTP client, against a small real server."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pneumo_site.demo.client import Api, Refused, Unreachable
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Web:
    """Answers with the given statuses in turn, and keeps what it was asked."""

    port: int
    answers: list[tuple[int, dict[str, object]]]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    state = Web(0, [])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append((self.command, self.path, dict(self.headers), body))
            status, answer = state.answers.pop(0)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def api(port: int, patience: float = 10) -> Api:
    return Api("127.0.0.1", port, "secret-token", threading.Event(), patience)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Real Name 1970.JPG"
    path.write_bytes(b"\xff\xd8bytes\r\n--")
    return path


def test_submits_form_and_film_without_the_files_name(web: Web, film: Path) -> None:
    web.answers = [(201, {"uid": "u-1"})]
    assert api(web.port).submit(form={"name": "Ada Sämple"}, film=film) == {"uid": "u-1"}
    ((method, path, headers, body),) = web.asked
    assert (method, path) == ("POST", "/api/v1/studies/")
    assert headers["Authorization"] == "Token secret-token"
    assert headers["Idempotency-Key"]
    assert "Ada Sämple".encode() in body
    assert film.read_bytes() in body
    assert b"Real Name" not in body
    assert b'filename="film.jpg"' in body


@pytest.mark.parametrize("status", [422, 507])
def test_a_refusal_carries_its_code(web: Web, film: Path, status: int) -> None:
    web.answers = [(status, {"code": "NO_USABLE_FILM", "message": "None.", "films": []})]
    with pytest.raises(Refused, match="NO_USABLE_FILM: None") as caught:
        api(web.port).submit(form={}, film=film)
    assert caught.value.code == "NO_USABLE_FILM"
    assert len(web.asked) == 1, "what will not pass by itself is never sent again"


def test_repeats_a_submission_with_the_same_key_while_the_server_ails(web: Web, film: Path) -> None:
    web.answers = [(500, {}), (503, {}), (429, {}), (201, {"uid": "u-1"})]
    assert api(web.port).submit(form={}, film=film)["uid"] == "u-1"
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in web.asked}) == 1


def test_gives_up_on_a_server_that_is_not_there() -> None:
    with pytest.raises(Unreachable, match="no answer"):
        api(free_port(), patience=0).study("u-1")


def test_a_stop_ends_the_waiting() -> None:
    waiting = api(free_port(), patience=1000)
    waiting.stopped.set()
    with pytest.raises(Unreachable, match="stopped"):
        waiting.wait_until_up()
