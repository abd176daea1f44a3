"""Rows of the database as the pages show them. Plain values, so that templates only lay out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnosis.models.clock import db_now
from diagnosis.queries.worklist import MOST_COUNTED
from diagnosis.states import PENDING_ALARM_MINUTES, TERMINAL_JOB, TO_READ, JobStatus, Priority
from diagnosis.web import words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from diagnosis.models import AuditEvent, Image, Job, Result, Study
    from diagnosis.queries.queue import Queue

_WAITING = {JobStatus.QUEUED: "Waiting for a worker", JobStatus.RUNNING: "Being analysed"}


@dataclass(frozen=True, slots=True)
class Score:
    """A model's number beside its decision point; both in 0..1."""

    probability: float
    threshold: float

    @property
    def suggests(self) -> bool:
        return self.probability >= self.threshold

    @property
    def label(self) -> str:
        return words.SUGGESTS[self.suggests]

    @property
    def text(self) -> str:
        return percent(self.probability)

    @property
    def threshold_text(self) -> str:
        return percent(self.threshold)

    @property
    def bar(self) -> str:
        """Length of the bar on a scale of 100, as SVG wants it."""
        return f"{self.probability * 100:.1f}"

    @property
    def tick(self) -> str:
        return f"{self.threshold * 100:.1f}"


def percent(share: float) -> str:
    """One decimal, and never a certainty that the model did not state."""
    if share > 0.999:
        return "> 99.9 %"
    if share < 0.001:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


def count(number: int) -> str:
    """A count of the worklist, which is exact up to a limit."""
    return f"{MOST_COUNTED:,}+" if number > MOST_COUNTED else f"{number:,}"


def age(months: int) -> str:
    """Age in full years; in months below two years."""
    return f"{months} mo" if months < 24 else f"{months // 12} y"


def duration(seconds: float) -> str:
    minutes = int(abs(seconds) // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if hours < 10 else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the worklist. `study` carries the query's annotations."""

    study: Any
    score: Score | None
    age: str
    priority: str
    state: str
    due: str
    overdue: bool
    clock: str  # of its turn-round time: "on-time", "half" or "over"; "" once it is read
    pending: bool
    delayed: bool  # the analysis takes longer than its priority allows

    @classmethod
    def of(cls, study: Any, now: datetime) -> Row:
        pending = study.pending_count > 0
        to_read = study.state in TO_READ
        overdue = to_read and (study.is_overdue or study.due_at <= now)
        return cls(
            study=study,
            score=_top_score(study),
            age=age(study.patient.months_old(study.submitted_at.date())),
            priority=words.PRIORITIES[study.priority],
            state=words.STATES[study.state],
            due=_due(study.due_at, now) if to_read else "",
            overdue=overdue,
            clock=_clock(study, now, overdue=overdue) if to_read else "",
            pending=pending,
            delayed=pending and _waits_too_long(study, now),
        )


def rows(studies: Iterable[Study]) -> list[Row]:
    now = db_now()
    return [Row.of(study, now) for study in studies]


def _top_score(study: Any) -> Score | None:
    if study.top_probability is None:
        return None
    return Score(study.top_probability, study.top_threshold)


def _due(due_at: datetime, now: datetime) -> str:
    left = (due_at - now).total_seconds()
    return f"due in {duration(left)}" if left > 0 else f"overdue {duration(left)}"


def _clock(study: Study, now: datetime, *, overdue: bool) -> str:
    if overdue:
        return "over"
    is_half_gone = now - study.submitted_at >= (study.due_at - study.submitted_at) / 2
    return "half" if is_half_gone else "on-time"


def _waits_too_long(study: Study, now: datetime) -> bool:
    waited = (now - study.submitted_at).total_seconds()
    return waited > PENDING_ALARM_MINUTES[Priority(study.priority)] * 60


@dataclass(frozen=True, slots=True)
class Film:
    """One film with what became of its analysis."""

    image: Image
    job: Job | None
    result: Result | None
    score: Score | None
    status: str  # pending, scored, not-assessable, failed, canceled, hidden or none
    title: str
    advice: str

    @classmethod
    def of(cls, image: Any, *, hidden: bool) -> Film:
        """`hidden`: whether the reader may not see yet what the model said."""
        job = image.current_jobs[0] if image.current_jobs else None
        if hidden and job is not None and job.status in TERMINAL_JOB:
            return cls(image, None, None, None, "hidden", *words.HIDDEN)
        result = getattr(job, "result", None)
        score = Score(result.probability, result.threshold) if result else None
        status, title, advice = _outcome(job, score)
        return cls(image, job, result, score, status, title, advice)

    @property
    def has_heat_map(self) -> bool:
        return self.result is not None and self.result.activation_map is not None


def _outcome(job: Job | None, score: Score | None) -> tuple[str, str, str]:
    if job is None:
        return "none", "Not analysed: no model is active", "Read it without the model."
    if job.status in _WAITING:
        return "pending", _WAITING[JobStatus(job.status)], "The result appears here by itself."
    if job.status == JobStatus.CANCELED:
        return "canceled", "Analysis canceled", "Read it without the model."
    if score is not None:
        return "scored", score.label, ""
    title, advice = words.no_score(job.code)
    return ("failed" if job.status == JobStatus.FAILED else "not-assessable"), title, advice


def still_pending(films: Iterable[Film]) -> bool:
    return any(film.status == "pending" for film in films)


@dataclass(frozen=True, slots=True)
class Event:
    """An audit event in words."""

    row: AuditEvent
    words: str
    detail: str

    @classmethod
    def of(cls, row: AuditEvent) -> Event:
        return cls(row, words.event(row.action), _detail(row))


def _detail(row: AuditEvent) -> str:
    after = row.after
    parts = []
    if "probability" in after:
        parts.append(percent(float(after["probability"])))
    if opinion := words.OPINIONS.get(after.get("opinion", "")):
        parts.append(str(opinion))
    if code := after.get("code"):
        parts.append(str(code))
    if row.action in {"STUDY_SUBMITTED", "STUDY_FILM_ADDED"}:
        parts.append(f"{after.get('films', 0)} accepted, {len(after.get('refused', []))} refused")
    if after.get("is_late"):
        parts.append("late")
    return " · ".join(parts)


def queue_told(queue: Queue) -> str:
    """How deep the queue is, and how long a new film is expected to wait."""
    count = queue.depth
    few = {0: "No film is waiting.", 1: "1 film is waiting."}
    waiting = few.get(count, f"{count} films are waiting.")
    told = {
        words.PRIORITIES[priority]: at_most(wait)
        for priority in Priority
        if (wait := queue.expected_wait(priority)) is not None
    }
    if not told:
        return f"{waiting} {queue.unknown_because} How long an analysis will take is not known."
    spans = set(told.values())
    if len(spans) > 1:
        spans = {", ".join(f"{priority} {span}" for priority, span in told.items())}
    return f"{waiting} Expected until a new film is analysed: {spans.pop()}."


def at_most(wait: timedelta) -> str:
    minutes = math.ceil(wait.total_seconds() / 60)
    return "less than 1 min" if minutes <= 1 else duration(minutes * 60)


@dataclass(frozen=True, slots=True)
class Look:
    """How often somebody looked at what."""

    actor: str
    words: str
    count: int
    last: datetime


def history(events: Iterable[AuditEvent]) -> tuple[list[Event], list[Look]]:
    """What was done, newest first, and apart from it who looked how often."""
    done: list[Event] = []
    counts: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], datetime] = {}
    for row in events:
        if row.action not in words.LOOKS:
            done.append(Event.of(row))
            continue
        key = (row.actor_name, words.event(row.action))
        counts[key] += 1
        last[key] = row.at
    looks = [Look(actor, what, n, last[actor, what]) for (actor, what), n in counts.items()]
    return done[::-1], sorted(looks, key=lambda look: look.last, reverse=True)
