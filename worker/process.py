"""One worker process: the bell's task and a slow poll call the same `run_batch()` under one lock.

While the bell works, the poll finds nothing; when the broker is dead or deaf, at start or later,
the poll drains the queue alone.
"""

from __future__ import annotations

import faulthandler
import logging
import threading

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from diagnosis import dispatch
from diagnosis.errors import StorageUnavailable
from diagnosis.services import workers
from worker.config import worker_name
from worker.pipeline import run_batch
from worker.runtime import Runtime

logger = logging.getLogger(__name__)
_AWAY = (DatabaseError, StorageUnavailable)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0  # seconds


def pause_after(faults: int) -> float:
    """Seconds to leave database or store alone after so many faults in a row."""
    return min(_SHORTEST_PAUSE * 2.0 ** (faults - 1), _LONGEST_PAUSE)


class WorkerProcess:
    """Owns the warm model, the lock that serialises batches, and the poll thread."""

    def __init__(self) -> None:
        self.name = worker_name()
        self._runtime = Runtime()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._poll, name="poll", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish or hand back what is running, then leave; called on SIGTERM."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def answer_bell(self) -> int:
        """One batch for one message; when more is waiting, ring again."""
        try:
            with self._lock:
                count = self._batch()
        except _AWAY as error:
            logger.warning("does not answer: %s", type(error).__name__)
            return 0  # the poll asks again
        if count:
            dispatch.ring()
        return count

    def _poll(self) -> None:
        faults = 0
        while not self._stopping.is_set():
            try:
                close_old_connections()
                pause = 0.0 if self._drain_if_free() else settings.POLL_INTERVAL.total_seconds()
                faults = 0
            except Exception as error:
                faults += 1
                pause = pause_after(faults)
                if isinstance(error, _AWAY):
                    logger.warning("does not answer: %s", type(error).__name__)
                    connection.close()
                else:
                    logger.exception("unexpected error in the poll")
            self._stopping.wait(pause)
        connection.close()

    def _drain_if_free(self) -> bool:
        """One batch, unless the bell's task is at it; whether there may be more."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._batch() > 0
        finally:
            self._lock.release()

    def _batch(self) -> int:
        if self._stopping.is_set():
            return 0
        # A model that never finishes loading must not keep the process for ever; a batch then
        # sets its own, shorter limit.
        faulthandler.dump_traceback_later(settings.LOAD_LIMIT.total_seconds(), exit=True)
        try:
            classifier = self._runtime.classifier()
            if classifier is None:
                return 0
            count = run_batch(
                classifier=classifier, worker=self.name, stopping=self._stopping.is_set
            )
        finally:
            faulthandler.cancel_dump_traceback_later()
        workers.seen(name=self.name, model=classifier.info, films=count)
        return count


process = WorkerProcess()
