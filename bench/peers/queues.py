"""The contestants with a queue: Celery with one task a film, and the product itself."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from celery import Celery

from bench.peers.contestants import PYTHON, Alone, Contestant, Round
from bench.peers.processes import Group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from celery.result import AsyncResult

    from bench.peers.contestants import Surroundings

RESULT_SECONDS = 600.0
_QUIET = ("--loglevel", "WARNING")


class CeleryTasks(Contestant):
    """One task a film on a broker of its own, which keeps the results as well."""

    def __init__(self, name: str, engine: str, around: Surroundings, broker: str) -> None:
        super().__init__(name, engine, around)
        self._broker = broker
        self._client = Celery("peers-client", broker=broker, backend=broker, set_as_current=False)
        self._sent: list[AsyncResult[dict[str, float]]] = []

    def start(self) -> float:
        self.fill(1)
        app = ["celery", "-A", "bench.peers.celery_app", "worker", "--pool", "solo", *_QUIET]
        # Celery would load a Django project that the environment names, and this one has none.
        no_django = {"DJANGO_SETTINGS_MODULE": ""}
        group = self.launch([*PYTHON, *app], {"PEERS_BROKER": self._broker, **no_django})
        return group.wait_until(self._sent[0].ready)

    def fill(self, count: int) -> None:
        self._sent = [self._send(number) for number in range(count)]

    def rate(self, count: int) -> Round:
        """From the first task's begin to the last task's end, as the worker has them."""
        answers = [sent.get(timeout=RESULT_SECONDS) for sent in self._sent]
        ended = [sent.date_done.timestamp() for sent in self._sent if sent.date_done]
        return Round(count / (max(ended) - min(answer["begun"] for answer in answers)))

    def alone(self, count: int) -> Alone:
        each = []
        for number in range(count):
            begun = time.perf_counter()
            self._send(number).get(timeout=RESULT_SECONDS)
            each.append((time.perf_counter() - begun) * 1000)
        return Alone(each)

    def _send(self, number: int) -> AsyncResult[dict[str, float]]:
        films = self.around.films
        return self._client.send_task("score_film", [str(films[number % len(films)])])


class Ours(Contestant):
    """A real worker of the product; studies are submitted through its services."""

    def __init__(
        self, name: str, around: Surroundings, *, broker: str, database: str | None
    ) -> None:
        super().__init__(name, "openvino", around)
        self._env = _settings(around, f"{name.replace(' ', '-')}-data", broker, database)
        self._driver: Group | None = None

    @property
    def driver(self) -> Group:
        assert self._driver is not None
        return self._driver

    def start(self) -> float:
        around = self.around
        self._driver = Group(
            [*PYTHON, "bench.peers.ours_driver", *map(str, around.films)],
            self._env,
            log=around.folder / f"{self.name.replace(' ', '-')}-driver.log",
            guardian=around.guardian,
            talks=True,
        )
        self._driver.answer()
        self.fill(1)
        group = self.launch([*PYTHON, "celery", "-A", "pneumo_site", "worker", *_QUIET], self._env)
        self._driver.ask("drained")
        return time.monotonic() - group.started

    def fill(self, count: int) -> None:
        self.driver.ask(f"fill {count}")

    def rate(self, count: int) -> Round:
        """From the first claim to the last result, as the database has them."""
        return Round(count / float(self.driver.ask("drained")["seconds"]))

    def alone(self, count: int) -> Alone:
        found: dict[str, Sequence[float]] = self.driver.ask(f"alone {count}")
        return Alone(found["called_ms"], {"accepted_ms": found["accepted_ms"]})

    def freeze(self) -> None:
        """Between its transactions: one that stands open would keep the driver from writing."""
        super().freeze()
        while not self.driver.ask("idle"):
            self.thaw()
            time.sleep(0.05)
            super().freeze()

    def end(self) -> None:
        super().end()
        if self._driver is not None:
            self._driver.end()


def _settings(
    around: Surroundings, folder: str, broker: str, database: str | None
) -> Mapping[str, str]:
    """An installation's own, with the exports that the others use as well."""
    data = around.folder / folder
    data.mkdir()
    (data / "engines").symlink_to(around.setup.cache, target_is_directory=True)
    env: dict[str, Any] = {
        "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
        "DEBUG": "0",
        "PNEUMO_SECRET_KEY": secrets.token_urlsafe(60),
        "PNEUMO_DATA_DIR": str(data),
        "PNEUMO_MODEL_DIR": str(around.setup.bundle.parent),
        "PNEUMO_ENGINE": "openvino",
        "REDIS_URL": broker,
        "DATABASE_URL": database or f"sqlite:///{data / 'pneumo.sqlite3'}",
    }
    return env
