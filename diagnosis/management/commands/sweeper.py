"""The sweeper process: hands back lost jobs, promotes late cases, removes orphan files."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from diagnosis.permissions import Actor
from diagnosis.services import sweeping

FILM_ROUND = timedelta(minutes=10)


class Command(BaseCommand):
    help = "Run the sweeper until SIGTERM; any number may run. --once does both rounds and ends."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true")
        parser.add_argument(
            "--orphan-age", type=int, help="With --once: seconds after which a file is an orphan."
        )

    def handle(self, *, once: bool, orphan_age: int | None, **_options: Any) -> None:
        actor = Actor.system("sweeper")
        if once:
            age = None if orphan_age is None else timedelta(seconds=orphan_age)
            self.stdout.write(str(sweeping.sweep(actor=actor)))
            self.stdout.write(str(sweeping.sweep_films(actor=actor, older_than=age)))
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        self._run(actor, stopping)

    def _run(self, actor: Actor, stopping: threading.Event) -> None:
        next_films = time.monotonic()
        while not stopping.wait(settings.SWEEP_INTERVAL.total_seconds()):
            try:
                close_old_connections()
                if swept := sweeping.sweep(actor=actor):
                    self.stdout.write(str(swept))
                if time.monotonic() >= next_films:
                    next_films = time.monotonic() + FILM_ROUND.total_seconds()
                    sweeping.sweep_films(actor=actor)
            except DatabaseError as error:
                self.stderr.write(f"database does not answer: {type(error).__name__}")
