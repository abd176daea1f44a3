"""The bell. After a commit one empty message says "there is work"; losing it costs seconds.

A dead or frozen broker never fails or delays a request by more than the short time-outs here, and
after a failure the breaker leaves it alone for a while: the workers poll anyway.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from functools import cache

from celery import Celery
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)
TASK_NAME = "worker.tasks.analyse_task"
_QUEUE = "inference"
_BREAKER_SECONDS = 10.0


class _Breaker:
    """Open for some seconds after a failure, so that a frozen broker is asked only now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_again_at = 0.0

    def allows(self) -> bool:
        with self._lock:
            return time.monotonic() >= self._closed_again_at

    def trip(self) -> None:
        with self._lock:
            self._closed_again_at = time.monotonic() + _BREAKER_SECONDS

    def reset(self) -> None:
        with self._lock:
            self._closed_again_at = 0.0


breaker = _Breaker()


@cache
def _bell() -> Celery:
    """A producer of its own, with time-outs that suit a web request."""
    app = Celery("pneumo-bell", set_as_current=False)
    timeout = settings.BROKER_TIMEOUT_SECONDS
    app.conf.update(
        broker_url=settings.BROKER_URL,
        broker_connection_timeout=timeout,
        broker_transport_options={
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry_on_timeout": False,
            "max_retries": 0,
        },
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": 0},
        task_default_queue=_QUEUE,
        task_serializer="json",
        task_ignore_result=True,
    )
    return app


def ring_on_commit() -> None:
    """Ring when the present transaction commits; whatever happens then, the commit stands."""
    transaction.on_commit(ring, robust=True)


def answers() -> bool:
    """Whether the broker answers now, whatever the breaker says; within some of its time-outs."""
    try:
        with _bell().connection_for_write() as connection, connection.channel() as channel:
            channel.client.ping()  # type: ignore[attr-defined]  # kombu types the base class alone
    except Exception as error:
        logger.warning("broker does not answer (%s)", type(error).__name__)
        return False
    return True


def unheard_for() -> float:
    """Seconds since the oldest ring that no worker has heard; 0 where each was, or nobody can say."""
    try:
        with _bell().connection_for_write() as connection, connection.channel() as channel:
            oldest = channel.client.lindex(_QUEUE, -1)  # type: ignore[attr-defined]
        return time.time() - float(json.loads(oldest)["headers"]["rung_at"]) if oldest else 0.0
    except Exception as error:
        logger.warning("broker cannot be asked for its messages (%s)", type(error).__name__)
        return 0.0


def ring() -> bool:
    """Send one message, if the broker answers in time. Returns whether it was sent."""
    if not breaker.allows():
        return False
    try:
        _bell().signature(TASK_NAME).apply_async(headers={"rung_at": str(time.time())})
    except Exception as error:
        breaker.trip()
        logger.warning(
            "broker does not answer (%s); workers will find the work", type(error).__name__
        )
        return False
    breaker.reset()
    return True
