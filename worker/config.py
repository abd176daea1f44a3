"""What a worker process must know and refuse before it claims anything."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING, Any

from celery.concurrency import get_implementation
from celery.concurrency.solo import TaskPool as SoloPool
from django.core import checks

if TYPE_CHECKING:
    from collections.abc import Iterator


def worker_name() -> str:
    """One name per process life, so that two lives of one process never look alike."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


def refuse_unsafe(worker: Any) -> None:
    """End a Celery worker that was started unsafely, with a sentence for each reason.

    SystemExit, because Celery logs whatever else a signal's receiver raises, and goes on.
    """
    if complaints := list(_complaints(worker)):
        raise SystemExit("\n".join(["The worker does not start:", *complaints]))


def silence(worker: Any) -> None:
    """Have no talk among Celery's workers. Liveness is a row of the database here, and a heartbeat
    that is sent again and again to a dead broker would keep the process from ending.
    """
    worker.options.update(without_heartbeat=True, without_gossip=True, without_mingle=True)


def _complaints(worker: Any) -> Iterator[str]:
    pool = get_implementation(worker.pool_cls)
    if not issubclass(pool, SoloPool):
        yield (
            f"It was given the pool {pool.__module__}. Leave --pool out: one solo process a device."
        )
    if worker.app.conf.task_reject_on_worker_lost:
        yield "task_reject_on_worker_lost would run a film that kills its worker for ever; unset it."
    for message in checks.run_checks():
        if message.is_serious():
            yield f"{message.id}: {message.msg} {message.hint or ''}".rstrip()
