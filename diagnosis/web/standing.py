"""Where a study stands, in the words of who sent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from diagnosis.models.clock import db_now
from diagnosis.states import TO_READ, StudyState
from diagnosis.web import present, words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.utils.functional import Promise

    from diagnosis.queries.queue import Queue
    from diagnosis.queries.submissions import Submitted


@dataclass(frozen=True, slots=True)
class Standing:
    """One of my studies: where it stands, what to expect, and what I can do."""

    row: Submitted
    kind: str  # for the eye: analysis, waiting, reading, done or act
    text: str | Promise
    wait: str  # what to expect; "" where there is nothing to wait for
    is_late: bool
    reasons: list[tuple[str, str]]  # of films that got no score: what happened, and what to do
    age: str
    priority: str

    @property
    def is_reported(self) -> bool:
        return self.kind == "done"


def standings(rows: Iterable[Submitted], queue: Queue) -> list[Standing]:
    now = db_now()
    return [_standing(row, queue, now) for row in rows]


def _standing(row: Submitted, queue: Queue, now: datetime) -> Standing:
    study = row.study
    kind, text = _where(row)
    to_read = study.state in TO_READ
    return Standing(
        row=row,
        kind=kind,
        text=text,
        wait=_wait(row, queue, now) if to_read else "",
        is_late=to_read and study.due_at <= now,
        reasons=[words.no_score(code) for code in row.codes] if to_read else [],
        age=present.age(study.patient.months_old(study.submitted_at.date())),
        priority=words.PRIORITIES[study.priority],
    )


def _where(row: Submitted) -> tuple[str, str]:
    waiting = {
        StudyState.REPORTED: ("done", _("Reported")),
        StudyState.AMENDED: ("done", _("Reported, with an addendum")),
        StudyState.PROCESSING: ("analysis", _("Waiting for analysis")),
        StudyState.AWAITING_READ: ("waiting", _("Waiting for a reader")),
        StudyState.AWAITING_SECOND_READ: ("waiting", _("Waiting for a second reader")),
        StudyState.AWAITING_ARBITRATION: ("waiting", _("Waiting for a third reader")),
    }
    if row.study.state in TO_READ:
        if row.needs_new_film:
            return "act", _("Needs a new film")
        if row.held_by:
            return "reading", _("Being read")
    return waiting[StudyState(row.study.state)]


def _wait(row: Submitted, queue: Queue, now: datetime) -> str:
    """Until the report; while it is analysed, until the analysis ends, too."""
    left = (row.study.due_at - now).total_seconds()
    spoken = present.duration(left)
    report = (
        _("report due in %(time)s") % {"time": spoken}
        if left > 0
        else _("report overdue by %(time)s") % {"time": spoken}
    )
    if row.study.state != StudyState.PROCESSING:
        return report
    wait = queue.expected_wait(row.study.priority)
    if wait is None:
        return f"{queue.unknown_because} {report[0].upper()}{report[1:]}"
    analysed = _("analysed in %(time)s") % {"time": present.at_most(wait)}
    return f"{analysed}, {report}"
