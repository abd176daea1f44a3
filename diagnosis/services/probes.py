"""Questions with a deadline: what hangs is told as silent, and is not asked twice at once."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Probe(Generic[T]):
    """Runs `work` in a thread of its own. Whoever asks while it runs shares that run's answer, so
    that a frozen server costs one thread, however many ask.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    def start(self) -> Future[T]:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # A daemon: a question that hangs must not keep the process from ending.
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._work())
        except BaseException as error:
            answer.set_exception(error)
