"""Submits studies over HTTP, as a script of a hospital would, until SIGTERM:

    LOAD_TOKEN=... python -m tests.faults.load PORT FILE

A study has an Idempotency-Key and is sent again until the server acknowledges it, and then the file
gets a line with key and uid. Now and then one is sent once more, and must be the same study.
"""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.web import Answer, Client, Order, drawn

CLIENTS = 4
PAUSE = 0.2  # seconds between two studies of a client, and before another try
PRIORITIES = ("ROUTINE", "ROUTINE", "URGENT", "STAT")
FULL_QUEUE = 429


class Load:
    def __init__(self, client: Client, acknowledged: Path) -> None:
        self._server = client
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
        sent = Order(drawn(number), f"storm-{number}", PRIORITIES[number % len(PRIORITIES)])
        uid = self._sent(sent)
        if number % 10 == 0 and self._sent(sent) != uid:
            raise RuntimeError(f"{sent.key} is two studies")
        with self._lock, self._acknowledged.open("a") as file:
            file.write(f"{sent.key} {uid}\n")

    def _sent(self, sent: Order) -> str:
        while True:
            try:
                answer = self._server.submit(sent)
            except (OSError, http.client.HTTPException):
                answer = Answer(503, "")
            if answer.status in {200, 201}:
                return str(answer.body["uid"])
            if answer.status < 500 and answer.status != FULL_QUEUE:
                raise RuntimeError(f"{sent.key} is refused: {answer.status} {answer.text}")
            threading.Event().wait(PAUSE)


if __name__ == "__main__":
    load = Load(Client(int(sys.argv[1]), os.environ["LOAD_TOKEN"]), Path(sys.argv[2]))
    signal.signal(signal.SIGTERM, lambda *_: load.ending.set())
    load.run()
