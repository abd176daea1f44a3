"""Keeps the leases of a running batch alive, from a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connection

from diagnosis.services import jobs

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)
Pair = tuple[int, int]  # (job, attempt)


class Leases:
    """Extends every lease each quarter of its time, and forgets those that are no longer ours.

    It ends at the hard time limit: a hung inference must lose its lease.
    """

    def __init__(self, owned: Iterable[Pair]) -> None:
        self._owned = frozenset(owned)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)

    def __enter__(self) -> Leases:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        deadline = time.monotonic() + settings.HARD_LIMIT.total_seconds()
        try:
            while not self._done.wait(settings.LEASE.total_seconds() / 4):
                if time.monotonic() >= deadline:
                    return
                self._extend()
        finally:
            connection.close()

    def _extend(self) -> None:
        try:
            self._owned = frozenset(jobs.heartbeat(owned=sorted(self._owned)))
        except DatabaseError as error:
            # The next beat tries again; if the database stays away, the reaper takes over.
            logger.warning("lease heartbeat failed: %s", type(error).__name__)
            connection.close()
