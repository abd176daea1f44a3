"""The sweeper process: hands back lost jobs, promotes late cases, removes orphan files."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection

from diagnosis.permissions import Actor
from diagnosis.services import sweeping

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.services.sweeping import Swept

FILM_ROUND = timedelta(minutes=10)
NOTICE_ROUND = timedelta(seconds=15)
JOIN_SECONDS = 5.0


class Command(BaseCommand):
    help = "Run the sweeper until SIGTERM; any number may run. --once does each round and ends."

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
            self.stdout.write(str(sweeping.sweep_notices()))
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        self.run(actor, stopping)

    def run(self, actor: Actor, stopping: threading.Event) -> None:
        """Each round until `stopping`, in a thread of its own: neither a slow film store nor a dead
        mail server must keep lost films from being handed back.
        """
        rounds = [
            (settings.SWEEP_INTERVAL, lambda: sweeping.sweep(actor=actor)),
            (FILM_ROUND, lambda: sweeping.sweep_films(actor=actor)),
            (NOTICE_ROUND, sweeping.sweep_notices),
        ]
        threads = [
            # Daemons: a round that hangs in the store does not keep the process from ending.
            threading.Thread(target=self._repeat, args=(*each, stopping), daemon=True)
            for each in rounds
        ]
        for thread in threads:
            thread.start()
        stopping.wait()
        for thread in threads:
            thread.join(JOIN_SECONDS)

    def _repeat(
        self, pause: timedelta, work: Callable[[], Swept], stopping: threading.Event
    ) -> None:
        try:
            while not stopping.is_set():
                try:
                    close_old_connections()
                    if swept := work():
                        self.stdout.write(str(swept))
                except (DatabaseError, OSError) as error:
                    self.stderr.write(f"does not answer: {type(error).__name__}")
                stopping.wait(pause.total_seconds())
        finally:
            connection.close()
