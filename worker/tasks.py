"""Celery's side of the worker. A message carries nothing but "there is work"."""

from __future__ import annotations

from typing import Any

from celery import bootsteps, shared_task
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from worker.config import refuse_unsafe, silence
from worker.process import process


@shared_task(name="worker.tasks.analyse_task", ignore_result=True)
def analyse_task(**_kwargs: Any) -> int:
    """Analyse one batch of whatever waits; arguments of older or newer senders are ignored."""
    return process.answer_bell()


class _Poll(bootsteps.StartStopStep):
    """Starts the poll once Celery's handlers are set: a SIGTERM that came between the first claim
    and them would end the process with films in its hands.
    """

    def start(self, parent: Any) -> None:
        process.start()


@worker_init.connect
def _prepare(*, sender: Any, **_kwargs: Any) -> None:
    refuse_unsafe(sender)
    silence(sender)
    sender.app.steps["worker"].add(_Poll)


@worker_shutting_down.connect
def _ask(**_kwargs: Any) -> None:
    process.ask_to_stop()


@worker_shutdown.connect
def _stop(**_kwargs: Any) -> None:
    process.stop()
