"""The queue: claim, keep, finish, hand back. The only writer of a job's status.

Every step is a conditional UPDATE on (status, attempt) and its row count: "somebody got there
first" is a normal branch. Only the database's clock decides about leases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from django.conf import settings
from django.db import connection, transaction

from diagnosis.errors import StaleAttempt, TransitionRefused
from diagnosis.models import Image, Job, ModelVersion
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import audit, lifecycle
from diagnosis.states import (
    JOB_TRANSITIONS,
    PRIORITY_ORDER,
    JobCode,
    JobEvent,
    JobStatus,
    Priority,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MAX_ERRORS = 3
_BACKOFF = timedelta(seconds=2)
_BACKOFF_CAP = timedelta(minutes=5)


class Hold(TypedDict):
    """A worker's proof of ownership, as the functions that end or hand back a job take it."""

    job_id: int
    attempt: int
    actor: Actor


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """All that a worker needs of a job; the pair (id, attempt) is its proof of ownership."""

    id: int
    attempt: int
    storage_key: str
    sha256: str
    age_months: int
    age_range: tuple[float, float] | None

    @property
    def age_is_covered(self) -> bool:
        """Whether the patient's age lies in the model's range of full years, both ends included."""
        if self.age_range is None:
            return True
        low, high = self.age_range
        return low * 12 <= self.age_months < (high + 1) * 12


def backoff(tries: int) -> timedelta:
    longer: timedelta = _BACKOFF * (4 ** max(tries - 1, 0))
    return min(longer, _BACKOFF_CAP)


def queue(
    *,
    image: Image,
    model_version: ModelVersion,
    actor: Actor,
    supersedes: Job | None = None,
    reason: str = "",
) -> Job:
    """Queue a film; runs inside the caller's transaction, which also settles the study."""
    job = Job.objects.create(
        image=image,
        model_version=model_version,
        supersedes=supersedes,
        priority_order=PRIORITY_ORDER[Priority(image.study.priority)],
    )
    audit.record(
        actor=actor,
        action="JOB_QUEUED",
        target=job,
        study=image.study,
        after={"status": JobStatus.QUEUED, "supersedes": supersedes.pk if supersedes else None},
        reason=reason,
        model_digest=model_version.digest,
    )
    return job


def claim(*, worker: str, model_digest: str, limit: int) -> list[ClaimedJob]:
    """Take up to `limit` eligible jobs, STAT first, then age, in one short transaction.

    A job that has crashed before is taken alone, so that it cannot condemn a neighbour.
    """
    actor = Actor.system(worker)
    with transaction.atomic():
        now = db_now()
        return [
            _claimed(job)
            for job in _eligible(now=now, model_digest=model_digest, limit=limit)
            if step(
                job,
                JobEvent.CLAIM,
                actor=actor,
                attempt=job.attempt + 1,
                worker=worker,
                started_at=now,
                lease_expires_at=now + settings.LEASE,
            )
        ]


def _eligible(*, now: datetime, model_digest: str, limit: int) -> Sequence[Job]:
    rows = Job.objects.filter(
        status=JobStatus.QUEUED, not_before__lte=now, model_version__digest=model_digest
    ).select_related("image__study__site", "image__study__patient", "model_version")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    batch = list(rows[:limit])
    if batch and batch[0].crashes:
        return batch[:1]
    return [job for job in batch if not job.crashes]


def _claimed(job: Job) -> ClaimedJob:
    study = job.image.study
    return ClaimedJob(
        id=job.pk,
        attempt=job.attempt,
        storage_key=job.image.storage_key,
        sha256=job.image.sha256,
        age_months=study.patient.months_old(study.submitted_at.date()),
        age_range=job.model_version.age_range,
    )


def heartbeat(*, owned: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Extend the leases of (job, attempt) pairs; returns those that are still mine."""
    with transaction.atomic():
        until = db_now() + settings.LEASE
        return [
            (job_id, attempt)
            for job_id, attempt in owned
            if Job.objects.filter(pk=job_id, status=JobStatus.RUNNING, attempt=attempt).update(
                lease_expires_at=until
            )
        ]


def owned(*, job_id: int, attempt: int) -> Job:
    """The job, locked, if (job, attempt) still holds it. Raises StaleAttempt otherwise."""
    job = (
        Job.objects.select_for_update(of=("self",))
        .select_related("image__study__site", "model_version")
        .get(pk=job_id)
    )
    if job.status != JobStatus.RUNNING or job.attempt != attempt:
        raise StaleAttempt
    return job


def finish(*, job: Job, event: JobEvent, actor: Actor, code: str = "", **after: Any) -> None:
    """End a job that the caller owns; the fence is checked again by the UPDATE itself."""
    if not step(job, event, actor=actor, audit_after=after, **ended(code)):
        raise StaleAttempt
    lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)


def release(*, job_id: int, attempt: int, actor: Actor) -> bool:
    """Hand a job back unharmed: shutdown, or a fault of the infrastructure. Costs no budget."""
    return postpone(job_id=job_id, attempt=attempt, actor=actor, delay=timedelta(0))


def retry(*, job_id: int, attempt: int, actor: Actor) -> bool:
    """Hand a job back after an exception; the third one ends it with FAILED(ERROR)."""
    with transaction.atomic():
        try:
            job = owned(job_id=job_id, attempt=attempt)
        except StaleAttempt:
            return False
        errors = job.errors + 1
        if errors >= MAX_ERRORS:
            changes = {"errors": errors, **ended(JobCode.ERROR)}
            moved = step(job, JobEvent.FAIL, actor=actor, **changes)
        else:
            moved = step(
                job, JobEvent.RETRY, actor=actor, errors=errors, **waiting(backoff(errors))
            )
        lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)
        return moved


def postpone(*, job_id: int, attempt: int, actor: Actor, delay: timedelta) -> bool:
    """Hand a job back because storage or database failed: waits, but costs no budget."""
    with transaction.atomic():
        try:
            job = owned(job_id=job_id, attempt=attempt)
        except StaleAttempt:
            return False
        return step(job, JobEvent.RELEASE, actor=actor, **waiting(delay))


def cancel(*, job: Job, actor: Actor, reason: str = "") -> None:
    """End a job that has not ended; its worker's late result will be refused by the fence."""
    with transaction.atomic():
        if not step(job, JobEvent.CANCEL, actor=actor, reason=reason, **ended("")):
            raise TransitionRefused
        lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)


def move(*, job: Job, model_version: ModelVersion, actor: Actor, reason: str) -> Job | None:
    """Queue a waiting film for another model version instead; None when a worker was faster.

    One change of the study, not two: it waits for its analysis before and after.
    """
    with transaction.atomic():
        if not step(job, JobEvent.CANCEL, actor=actor, reason=reason, **ended("")):
            return None
        successor = queue(image=job.image, model_version=model_version, actor=actor, supersedes=job)
        lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)
        return successor


def fail_queued(*, job: Job, code: str, actor: Actor) -> bool:
    """End a waiting job that can never run: its film is gone from the store."""
    with transaction.atomic():
        moved = step(job, JobEvent.FAIL, actor=actor, **ended(code))
        if moved:
            lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)
        return moved


def ended(code: str) -> dict[str, Any]:
    return {"code": code, "finished_at": db_now(), "lease_expires_at": None}


def waiting(delay: timedelta) -> dict[str, Any]:
    return {"not_before": db_now() + delay, "lease_expires_at": None, "worker": ""}


def step(
    job: Job,
    event: JobEvent,
    *,
    actor: Actor,
    reason: str = "",
    audit_after: dict[str, Any] | None = None,
    **changes: Any,
) -> bool:
    """One transition with its audit event; False when another process was faster.

    For the services of the queue alone: every change of a status is made here.
    """
    before = JobStatus(job.status)
    after = JOB_TRANSITIONS.get((before, event))
    if after is None:
        raise TransitionRefused
    mine = Job.objects.filter(pk=job.pk, status=before, attempt=job.attempt)
    if mine.update(status=after, **changes) != 1:
        return False
    old_attempt = job.attempt
    for name, value in {"status": after, **changes}.items():
        setattr(job, name, value)
    told = {k: v for k, v in changes.items() if k in {"code", "crashes", "errors", "worker"}}
    audit.record(
        actor=actor,
        action=f"JOB_{event}",
        target=job,
        study=job.image.study,
        before={"status": before, "attempt": old_attempt},
        after={"status": after, "attempt": job.attempt, **told, **(audit_after or {})},
        reason=reason,
        model_digest=job.model_version.digest,
    )
    return True
