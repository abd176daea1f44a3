"""The study's state, flags and rank: the only writer of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from diagnosis.errors import TransitionRefused
from diagnosis.models import Image, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.services import audit, notices
from diagnosis.states import (
    ACTIVE_JOB,
    STUDY_TRANSITIONS,
    TO_READ,
    TURN_ROUND_MINUTES,
    JobCode,
    JobStatus,
    Priority,
    StudyEvent,
    StudyState,
    certainty,
    implied_state,
    worklist_rank,
)
from ml.contracts import GateCode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from diagnosis.models import AuditEvent
    from diagnosis.permissions import Actor

# Codes of films that are not assessable whatever is sent instead: no reason for a new exposure.
_BEYOND_THE_MODEL = frozenset({JobCode.AGE_OUT_OF_RANGE, GateCode.OUT_OF_DISTRIBUTION})
_DISCORDANT = frozenset({StudyState.AWAITING_SECOND_READ, StudyState.AWAITING_ARBITRATION})
_SUMMARY = ["awaits_model", "ai_unavailable", "needs_new_film", "worklist_rank"]
# The steps that a study takes because of its jobs: (state, what its rows imply) -> event.
_BY_JOBS = {
    (StudyState.PROCESSING, StudyState.AWAITING_READ): StudyEvent.ANALYSED,
    (StudyState.AWAITING_READ, StudyState.PROCESSING): StudyEvent.REANALYSE,
}


def first(*, submitted_at: datetime, priority: str, queued: bool) -> dict[str, Any]:
    """A new study's times, state, flags and rank; `queued`: its films wait for a model.

    Without one no analysis is pending, and the case waits for its reader at once.
    """
    return {
        "submitted_at": submitted_at,
        "due_at": submitted_at + timedelta(minutes=TURN_ROUND_MINUTES[Priority(priority)]),
        "state": StudyState.PROCESSING if queued else StudyState.AWAITING_READ,
        "awaits_model": not queued,
        "ai_unavailable": not queued,
        "worklist_rank": worklist_rank(priority=priority, pressing=None, overdue=False),
    }


_Score = tuple[float, float]  # probability, threshold


@dataclass(slots=True)
class _Facts:
    """What a study's rows say; its state, flags and rank follow from them."""

    active: int = 0
    no_model: bool = False  # a film has no score, and another one would have none either
    # When the last film came in that is to be taken again, and the last that is not.
    wanted_at: datetime | None = None
    answered_at: datetime | None = None
    top: float | None = None
    certainty: float | None = None  # of the film of which the model is surest
    unqueued: bool = False
    signed: list[tuple[str, str]] = field(default_factory=list)  # (kind, opinion)

    def add(self, status: str | None, code: str, score: _Score | None, came_at: datetime) -> None:
        """Take in a film's current job and its score; no status: it has none."""
        if status is None:
            self.unqueued = True
        else:
            self.no_model = self.no_model or _without_model(status, code)
        if status == JobStatus.NOT_ASSESSABLE and code not in _BEYOND_THE_MODEL:
            self.wanted_at = _later(self.wanted_at, came_at)
        else:
            self.answered_at = _later(self.answered_at, came_at)
        if score is not None:
            self.top = max(self.top or 0.0, score[0])
            self.certainty = max(self.certainty or 0.0, certainty(*score))

    def implied(self, study: Study) -> StudyState:
        return implied_state(
            active_jobs=self.active, signed=self.signed, reads_required=study.reads_required
        )

    def summarise(self, study: Study) -> None:
        study.awaits_model = self.unqueued
        study.ai_unavailable = self.unqueued or self.no_model
        # Films sent together do not answer each other; one that is sent later does.
        study.needs_new_film = self.wanted_at is not None and (
            self.answered_at is None or self.wanted_at >= self.answered_at
        )
        study.worklist_rank = worklist_rank(
            priority=study.priority, pressing=self._pressing(study), overdue=study.is_overdue
        )

    def _pressing(self, study: Study) -> float | None:
        """A place on the list must not tell what the policy hides."""
        if study.is_blinded:
            return None
        return self.certainty if study.state in _DISCORDANT else self.top


def _facts(study_ids: Collection[int]) -> dict[int, _Facts]:
    """Results marked late are left out: they change nothing."""
    found = {key: _Facts() for key in study_ids}
    films = Image.objects.filter(study__in=study_ids).values_list(
        "study", "jobs__status", "jobs__code", "jobs__result__probability",
        "jobs__result__threshold", "jobs__result__is_late", "created_at", "jobs__superseded_by",
    )  # fmt: skip
    for key, status, code, probability, threshold, is_late, came_at, successor in films:
        counted = None if is_late or probability is None else (probability, threshold)
        found[key].active += status in ACTIVE_JOB
        if successor is None:
            found[key].add(status, code, counted, came_at)
    signed = Reading.objects.filter(study__in=study_ids, signed_at__isnull=False)
    for key, kind, opinion in signed.order_by("id").values_list("study", "kind", "opinion"):
        found[key].signed.append((kind, opinion))
    return found


def lock(*, study_id: int, waiting: bool = True) -> Study:
    """The study's row, locked until the transaction ends, so that its summary cannot be stale.

    Not waiting: raises Study.DoesNotExist for a row that somebody else has locked.
    """
    skip = not waiting and connection.features.has_select_for_update_skip_locked
    rows = Study.objects.select_for_update(of=("self",), skip_locked=skip)
    return rows.select_related("site").get(pk=study_id)


def lock_all(*, study_ids: Collection[int]) -> list[Study]:
    """The same for several, in one order, so that two who want the same ones take turns."""
    rows = Study.objects.select_for_update(of=("self",)).select_related("site")
    return list(rows.filter(pk__in=study_ids).order_by("pk"))


def implied(study: Study) -> StudyState:
    return _facts([study.pk])[study.pk].implied(study)


def advance(*, study: Study, event: StudyEvent, actor: Actor, reason: str = "") -> None:
    """Take one step of the state machine; the rows that imply it are written already.

    Raises TransitionRefused when there is no such step.
    """
    facts = _facts([study.pk])[study.pk]
    told = _step(study, event, facts.implied(study), actor=actor, reason=reason)
    facts.summarise(study)
    study.save(update_fields=["state", *_SUMMARY])
    audit.record_all([told])
    notices.step_taken(study=study, event=event, actor=actor)


def _step(study: Study, event: StudyEvent, implied: StudyState, **facts: Any) -> AuditEvent:
    before = StudyState(study.state)
    after = STUDY_TRANSITIONS.get((before, event))
    if after is None or after != implied:
        raise TransitionRefused
    study.state = after
    return audit.event(
        action=f"STUDY_{event}",
        target=study,
        study=study,
        before={"state": before},
        after={"state": after},
        **facts,
    )


def jobs_changed(*, study_ids: Collection[int], actor: Actor) -> None:
    """Bring studies in line with their jobs, after some of those were queued or ended."""
    settle(studies=lock_all(study_ids=study_ids), actor=actor)


def settle(*, studies: Sequence[Study], actor: Actor) -> None:
    """The same for studies that the caller has locked."""
    facts = _facts([study.pk for study in studies])
    at, told, in_want = db_now(), [], []
    for study in studies:
        implied = facts[study.pk].implied(study)
        if event := _BY_JOBS.get((StudyState(study.state), implied)):
            told.append(_step(study, event, implied, actor=actor, at=at))
        had_films = not study.needs_new_film
        facts[study.pk].summarise(study)
        if had_films and study.needs_new_film:
            in_want.append(study)
    Study.objects.bulk_update(studies, ["state", *_SUMMARY])
    audit.record_all(told)
    notices.new_films_needed(studies=in_want)


def refresh(*, study: Study) -> None:
    """Recompute flags and rank from the rows."""
    _facts([study.pk])[study.pk].summarise(study)
    study.save(update_fields=_SUMMARY)


def _without_model(status: str, code: str) -> bool:
    """The film has no score, and another film of this patient would have none either."""
    return status in {JobStatus.FAILED, JobStatus.CANCELED} or code in _BEYOND_THE_MODEL


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def promote_overdue(*, actor: Actor, limit: int = 500) -> int:
    """Move cases past their turn-round target to the front of their priority."""
    now = db_now()
    late = Study.objects.filter(to_read=True, is_overdue=False, due_at__lte=now)
    keys = list(late.order_by("due_at").values_list("pk", flat=True)[:limit])
    return sum(_promote(key, actor) for key in keys)


def _promote(study_id: int, actor: Actor) -> bool:
    with transaction.atomic():
        study = lock(study_id=study_id)
        if study.is_overdue or study.state not in TO_READ:
            return False  # another sweeper was faster, or its reader
        study.is_overdue = True
        study.save(update_fields=["is_overdue"])
        refresh(study=study)
        audit.record(
            actor=actor,
            action="STUDY_OVERDUE",
            target=study,
            study=study,
            after={"is_overdue": True},
        )
        return True
