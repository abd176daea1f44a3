"""What a worker process must know and refuse before it claims anything."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from celery import Celery


def worker_name() -> str:
    """One name per process life, so that two lives of one process never look alike."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


def refuse_unsafe(app: Celery) -> None:
    """Stop with a sentence where a command line has made the queue unsafe."""
    pool = str(app.conf.worker_pool)
    if "solo" not in pool:
        raise ImproperlyConfigured(
            f"The worker runs with the pool {pool}. Start it with --pool solo, one process per device."
        )
    if app.conf.task_reject_on_worker_lost:
        raise ImproperlyConfigured(
            "task_reject_on_worker_lost would run a film that kills its worker for ever; unset it."
        )
