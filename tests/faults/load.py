"""Submits studies over HTTP, as a script of a hospital would, until SIGTERM:

    LOAD_TOKEN=... python -m tests.faults.load PORT FILE

A study has an Idempotency-Key and is sent again until the server acknowledges it, and then the file
gets a line with key and uid. Now and then one is sent once more, and must be the same study.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pneumo_site.demo.client import multipart
from tests import films

CLIENTS = 4
PAUSE = 0.2  # seconds between two studies of a client, and before another try
TIMEOUT = 30.0
BOUNDARY = "storm"
PRIORITIES = ("ROUTINE", "ROUTINE", "URGENT", "STAT")
BIRTH_DATE = f"{datetime.now(UTC).year - 3}-01-02"  # noqa: TID251 (no Django in this process)
FULL_QUEUE = 429


class Load:
    def __init__(self, port: int, token: str, acknowledged: Path) -> None:
        self._port = port
        self._token = token
        self._acknowledged = acknowledged
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.ending = threading.Event()

    def run(self) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            for client in [pool.submit(self._client) for _ in range(CLIENTS)]:
                client.result()

    def _client(self) -> None:
        try:
            while not self.ending.wait(PAUSE):
                self._study(next(self._numbers))
        finally:
            self.ending.set()  # one that fails ends the others

    def _study(self, number: int) -> None:
        key = f"storm-{number}"
        form = {
            "mrn": f"MRN-{key}",
            "name": "Test Patient",
            "birth_date": BIRTH_DATE,
            "sex": "F",
            "priority": PRIORITIES[number % len(PRIORITIES)],
        }
        film = films.as_png8(films.chest(number, size=(200, 180)))
        body = multipart(BOUNDARY, form, film, "film.png")
        uid = self._sent(key, body)
        if number % 10 == 0 and self._sent(key, body) != uid:
            raise RuntimeError(f"{key} is two studies")
        with self._lock, self._acknowledged.open("a") as file:
            file.write(f"{key} {uid}\n")

    def _sent(self, key: str, body: bytes) -> str:
        while True:
            try:
                status, answer = self._once(key, body)
            except (OSError, http.client.HTTPException):
                status, answer = 503, {}
            if status in {200, 201}:
                return str(answer["uid"])
            if status < 500 and status != FULL_QUEUE:
                raise RuntimeError(f"{key} is refused: {status} {answer}")
            threading.Event().wait(PAUSE)

    def _once(self, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": f"Token {self._token}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Idempotency-Key": key,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            connection.request("POST", "/api/v1/studies/", body=body, headers=headers)
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if response.status < 500 else {}
        finally:
            connection.close()


if __name__ == "__main__":
    load = Load(int(sys.argv[1]), os.environ["LOAD_TOKEN"], Path(sys.argv[2]))
    signal.signal(signal.SIGTERM, lambda *_: load.ending.set())
    load.run()
