"""The study's state, flags and rank: the only writer of all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max

from diagnosis.errors import TransitionRefused
from diagnosis.models import Job, Result, Study
from diagnosis.models.clock import db_now
from diagnosis.services import audit
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
    implied_state,
    worklist_rank,
)
from ml.contracts import GateCode

if TYPE_CHECKING:
    from datetime import datetime

    from diagnosis.permissions import Actor

# Codes of films that are not assessable whatever is sent instead: no reason for a new exposure.
_BEYOND_THE_MODEL = frozenset({JobCode.AGE_OUT_OF_RANGE, GateCode.OUT_OF_DISTRIBUTION})


def due_at(*, submitted_at: datetime, priority: str) -> datetime:
    return submitted_at + timedelta(minutes=TURN_ROUND_MINUTES[Priority(priority)])


def lock(*, study_id: int) -> Study:
    """The study's row, locked until the transaction ends, so that its summary cannot be stale."""
    return Study.objects.select_for_update(of=("self",)).select_related("site").get(pk=study_id)


def implied(study: Study) -> StudyState:
    return implied_state(
        active_jobs=Job.objects.filter(image__study=study, status__in=ACTIVE_JOB).count(),
        signed=study.readings.filter(signed_at__isnull=False).values_list("kind", "opinion"),
        reads_required=study.reads_required,
    )


def current_jobs(study: Study) -> Any:
    """The jobs that nothing supersedes: what the study's films have to say now."""
    return Job.objects.filter(image__study=study, superseded_by__isnull=True)


def advance(*, study: Study, event: StudyEvent, actor: Actor, reason: str = "") -> None:
    """Take one step of the state machine; the rows that imply it are written already.

    Raises TransitionRefused when there is no such step.
    """
    before = StudyState(study.state)
    after = STUDY_TRANSITIONS.get((before, event))
    if after is None or after != implied(study):
        raise TransitionRefused
    study.state = after
    study.save(update_fields=["state"])
    audit.record(
        actor=actor,
        action=f"STUDY_{event}",
        target=study,
        study=study,
        before={"state": before},
        after={"state": after},
        reason=reason,
    )


def jobs_changed(*, study_id: int, actor: Actor) -> None:
    """Bring a study in line with its jobs, after one of them was queued or ended."""
    study = lock(study_id=study_id)
    state = implied(study)
    if study.state == StudyState.PROCESSING and state == StudyState.AWAITING_READ:
        advance(study=study, event=StudyEvent.ANALYSED, actor=actor)
    elif study.state == StudyState.AWAITING_READ and state == StudyState.PROCESSING:
        advance(study=study, event=StudyEvent.REANALYSE, actor=actor)
    refresh(study=study)


def refresh(*, study: Study) -> None:
    """Recompute flags and rank from the rows. Results marked late change nothing."""
    jobs = current_jobs(study)
    ends = set(jobs.values_list("status", "code"))
    top = Result.objects.filter(job__in=jobs, is_late=False).aggregate(top=Max("probability"))[
        "top"
    ]
    unqueued = study.images.filter(jobs__isnull=True).exists()
    study.ai_unavailable = unqueued or any(_without_model(*end) for end in ends)
    study.needs_new_film = any(
        status == JobStatus.NOT_ASSESSABLE and not _without_model(status, code)
        for status, code in ends
    )
    study.worklist_rank = worklist_rank(
        priority=study.priority, probability=top, overdue=study.is_overdue
    )
    study.save(update_fields=["ai_unavailable", "needs_new_film", "worklist_rank"])


def _without_model(status: str, code: str) -> bool:
    """The film has no score, and another film of this patient would have none either."""
    return status in {JobStatus.FAILED, JobStatus.CANCELED} or code in _BEYOND_THE_MODEL


def promote_overdue(*, actor: Actor, limit: int = 500) -> int:
    """Move cases past their turn-round target to the front of their priority."""
    now = db_now()
    late = Study.objects.filter(is_overdue=False, due_at__lte=now, state__in=sorted(TO_READ))
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
