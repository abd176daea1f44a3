"""Whether this installation can do its work: one check a thing it needs, in words for anybody.

No detail names a host, a path, a user or a patient: load balancers read this without a log-in.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from diagnosis import dispatch
from diagnosis.errors import StorageUnavailable
from diagnosis.models import WorkerHeartbeat
from diagnosis.models.clock import db_now
from diagnosis.queries import queue, schema
from diagnosis.services import films, model_versions
from diagnosis.services.probes import Probe
from diagnosis.states import Priority

if TYPE_CHECKING:
    from concurrent.futures import Future

    from diagnosis.queries.queue import Queue

logger = logging.getLogger(__name__)
ANSWER_SECONDS = 2.0
BROKER_SECONDS = 0.5
_BUSY_MILLISECONDS = 1000
_POLLS = 5  # so long an idle worker may leave a message alone


class Health(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    status: Health
    detail: str


Checks = Mapping[str, Check]


def _ok(detail: str) -> Check:
    return Check(Health.OK, detail)


def _degraded(detail: str) -> Check:
    return Check(Health.DEGRADED, detail)


def _failed(detail: str) -> Check:
    return Check(Health.FAILED, detail)


_AWAY = _failed("It does not answer.")
_BROKER_AWAY = _degraded("It does not answer. Workers find the films by asking the database.")
_DEAF = _degraded(
    "It answers, but no worker hears it: they find the films by asking the database. Restart them."
)
_DATABASE_AWAY = {
    "database": _AWAY,
    **dict.fromkeys(
        ("migrations", "workers", "model", "queue"), _degraded("Not known without the database.")
    ),
}


def report() -> dict[str, Check]:
    """Every check, within ANSWER_SECONDS: all are asked at once."""
    start = time.monotonic()
    database, storage, broker = _database.start(), _storage.start(), _broker.start()
    return {
        **_answer(database, start + ANSWER_SECONDS, _DATABASE_AWAY),
        **_answer(storage, start + ANSWER_SECONDS, {"storage": _AWAY}),
        **_answer(broker, start + BROKER_SECONDS, {"broker": _BROKER_AWAY}),
    }


def worst(checks: Checks) -> Health:
    found = {check.status for check in checks.values()}
    return next(status for status in (Health.FAILED, Health.DEGRADED, Health.OK) if status in found)


def alarms() -> dict[str, str]:
    """The detail of each check that is not well."""
    return {name: each.detail for name, each in report().items() if each.status != Health.OK}


def _answer(running: Future[Checks], until: float, silent: Checks) -> Checks:
    try:
        return running.result(max(until - time.monotonic(), 0))
    except Exception as error:
        logger.warning("%s: no answer (%s)", next(iter(silent)), type(error).__name__)
        return silent


def _ask_database() -> Checks:
    try:
        _be_brief()
        migrations = _migrations()
        if migrations.status == Health.FAILED:
            return {**_DATABASE_AWAY, "database": _ok("It answers."), "migrations": migrations}
        return {"database": _writable(), "migrations": migrations, **_machinery()}
    finally:
        connection.close()


def _be_brief() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        else:
            cursor.execute(f"SET statement_timeout = {_BUSY_MILLISECONDS}")


def _migrations() -> Check:
    missing = schema.known_migrations() - schema.applied_migrations()
    if missing:
        return _failed(f"{len(missing)} not applied. Run: manage.py migrate")
    return _ok("All are applied.")


def _writable() -> Check:
    """An update of no row asks for all that a write needs."""
    try:
        with transaction.atomic():
            WorkerHeartbeat.objects.filter(pk=0).update(films_done=0)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return _degraded("It is busy: another process has been writing for a second.")
        return _failed("It accepts no write.")
    return _ok("It accepts writes.")


def _machinery() -> Checks:
    state = queue.state()
    return {"workers": _workers(state), "model": _model(), "queue": _queue(state)}


def _workers(state: Queue) -> Check:
    newest = WorkerHeartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
    if newest is None:
        return _degraded("No worker has given a sign of life yet.")
    age = max(int((db_now() - newest).total_seconds()), 0)
    told = f"{state.workers} alive; the newest sign of life is {age} s old."
    return _ok(told) if state.workers else _degraded(told)


def _model() -> Check:
    model = model_versions.active()
    if model is None:
        return _degraded("No model version is active. Run: manage.py register_model")
    alive = WorkerHeartbeat.objects.filter(name__in=queue.alive(), model_digest=model.digest)
    count = alive.count()
    told = f"{model.digest} is active; {count} of the workers alive loaded it."
    return _ok(told) if count else _degraded(told)


def _queue(state: Queue) -> Check:
    if state.late:
        late = ", ".join(priority for priority in Priority if priority in state.late)
        return _degraded(f"Films wait for longer than their priority allows: {late}.")
    if state.depth and not state.workers:
        return _degraded("Films wait, and no worker is running.")
    return _ok("No film waits too long.")


def _ask_storage() -> Checks:
    try:
        films.prove_writable()
        has_room = films.has_room()
    except StorageUnavailable:
        return {"storage": _failed("It accepts no film.")}
    finally:
        connection.close()
    if not has_room:
        return {"storage": _degraded("It is almost full: submissions are refused.")}
    return {"storage": _ok("It accepts films.")}


def _ask_broker() -> Checks:
    if not dispatch.answers():
        return {"broker": _BROKER_AWAY}
    if dispatch.unheard_for() > _POLLS * settings.POLL_INTERVAL.total_seconds() and _are_idle():
        return {"broker": _DEAF}
    return {"broker": _ok("It answers.")}


def _are_idle() -> bool:
    """Workers live and have nothing to do: then each would take a message at once."""
    try:
        _be_brief()
        state = queue.state()
    except DatabaseError:
        return False  # nobody knows, and its own check says so
    finally:
        connection.close()
    return bool(state.workers and not state.depth and not state.running)


_database, _storage, _broker = Probe(_ask_database), Probe(_ask_storage), Probe(_ask_broker)
