"""The queue as a whole: how deep, how late, how fast. Counts of all sites, and no patient's row, so
no user is asked for.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Min

from diagnosis.models import Job, WorkerHeartbeat
from diagnosis.models.clock import db_now
from diagnosis.states import PENDING_ALARM_MINUTES, PRIORITY_ORDER, JobStatus, Priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

# Many polls long, so that a busy machine does not make a worker look dead.
SIGN_OF_LIFE = timedelta(seconds=30)
_LATELY = timedelta(minutes=10)
_SAMPLE = 200
_BY_ORDER = {order: priority for priority, order in PRIORITY_ORDER.items()}


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for an analysis, and what is known of the workers."""

    waiting: Mapping[Priority, int]
    late: frozenset[Priority]  # those whose oldest film waits past the alarm
    running: int
    workers: int  # those alive
    seconds_per_film: float | None  # of one busy worker; None: nothing was analysed lately

    @property
    def depth(self) -> int:
        return sum(self.waiting.values())

    def expected_wait(self, priority: str) -> timedelta | None:
        """Until what waits now, up to this priority, is analysed; None: `unknown_because`."""
        if self.unknown_because or self.seconds_per_film is None:
            return None
        last = PRIORITY_ORDER[Priority(priority)]
        ahead = sum(n for word, n in self.waiting.items() if PRIORITY_ORDER[word] <= last)
        return timedelta(seconds=(ahead + self.running) * self.seconds_per_film / self.workers)

    @property
    def unknown_because(self) -> str:
        """Why no wait can be told, in words; empty where one can."""
        if not self.workers:
            return "No worker is running."
        if self.seconds_per_film is None:
            return "No film was analysed in the last minutes."
        return ""


class _Pace(NamedTuple):
    running: int
    workers: int
    seconds_per_film: float | None


def state() -> Queue:
    now = db_now()
    return _state(now, _pace(now))


def state_lately() -> Queue:
    """The state as each of many submissions is told it: what waits is counted, and how fast it goes
    was looked up within the last second.
    """
    return _state(db_now(), _pace_in(int(time.monotonic())))


def _state(now: datetime, pace: _Pace) -> Queue:
    lanes = (
        Job.objects.filter(status=JobStatus.QUEUED)
        .values_list("priority_order")
        .annotate(n=Count("id"), oldest=Min("created_at"))
        .order_by()
    )
    waiting = dict.fromkeys(Priority, 0)
    late = set()
    for order, count, oldest in lanes:
        priority = _BY_ORDER[order]
        waiting[priority] = count
        if now - oldest > timedelta(minutes=PENDING_ALARM_MINUTES[priority]):
            late.add(priority)
    return Queue(waiting, frozenset(late), *pace)


def _pace(now: datetime) -> _Pace:
    at_work = list(_held(now).values_list("worker", flat=True))
    return _Pace(len(at_work), len({*_seen(now), *at_work}), _seconds_per_film(now))


@lru_cache(maxsize=1)
def _pace_in(_second: int) -> _Pace:
    return _pace(db_now())


def _held(now: datetime) -> QuerySet[Job]:
    return Job.objects.filter(status=JobStatus.RUNNING, lease_expires_at__gt=now)


def alive() -> set[str]:
    """The workers' names. One gives no sign of life during a batch, but it keeps its leases."""
    now = db_now()
    return {*_seen(now), *_held(now).values_list("worker", flat=True)}


def _seen(now: datetime) -> QuerySet[WorkerHeartbeat, str]:
    beats = WorkerHeartbeat.objects.filter(seen_at__gt=now - SIGN_OF_LIFE)
    return beats.values_list("name", flat=True)


def _seconds_per_film(now: datetime) -> float | None:
    """Over the time in which workers were busy: an idle hour says nothing of their speed."""
    ended = (
        Job.objects.filter(finished_at__gt=now - _LATELY, started_at__isnull=False)
        .exclude(status=JobStatus.CANCELED)
        .order_by("-finished_at")
        .values_list("worker", "started_at", "finished_at")[:_SAMPLE]
    )
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for worker, start, end in ended:
        if start and end:
            spans[worker].append((start, end))
    films = sum(map(len, spans.values()))
    return sum(_covered(sorted(each)) for each in spans.values()) / films if films else None


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds inside any of the spans, which come in the order of their start: films of one batch
    share its time.
    """
    total, until = timedelta(0), None
    for start, end in spans:
        begin = start if until is None else max(start, until)
        total += max(end - begin, timedelta(0))
        until = end if until is None else max(end, until)
    return total.total_seconds()
