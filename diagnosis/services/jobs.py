"""The queue: claim, keep, finish, hand back. The only writer of a job's status.

Every step is a conditional UPDATE on (status, attempt) and its row count: "somebody got there
first" is a normal branch. Only the database's clock decides about leases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

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
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from diagnosis.models import AuditEvent

MAX_ERRORS = 3
_BACKOFF = timedelta(seconds=2)
_BACKOFF_CAP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """All that a worker needs of a job; the pair (id, attempt) is its proof of ownership."""

    id: int
    attempt: int
    storage_key: str
    sha256: str
    age_months: int
    age_range: tuple[float, float] | None
    is_stat: bool

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


def queue(  # noqa: PLR0913 (all that a job is made of)
    *,
    images: Iterable[Image],
    model_version: ModelVersion,
    actor: Actor,
    now: datetime | None = None,
    supersedes: Job | None = None,
    reason: str = "",
) -> list[Job]:
    """Queue films; runs inside the caller's transaction, which also settles the study."""
    now = now or db_now()
    new = Job.objects.bulk_create(
        Job(
            image=image,
            model_version=model_version,
            supersedes=supersedes,
            priority_order=PRIORITY_ORDER[Priority(image.study.priority)],
            created_at=now,
            not_before=now,
        )
        for image in images
    )
    audit.record_all(
        _told(
            job,
            "QUEUED",
            actor=actor,
            after={"status": JobStatus.QUEUED, "supersedes": job.supersedes_id},
            reason=reason,
            at=now,
        )
        for job in new
    )
    return new


def claim(*, worker: str, model_digest: str, limit: int) -> list[ClaimedJob]:
    """Take up to `limit` eligible jobs, STAT first, then age, in one short transaction.

    A job that has crashed before is taken alone, so that it cannot condemn a neighbour.
    """
    with transaction.atomic():
        now = db_now()
        batch = _eligible(now=now, model_digest=model_digest, limit=limit)
        if not batch:
            return []
        step_all(
            batch,
            JobEvent.CLAIM,
            actor=Actor.system(worker),
            worker=worker,
            started_at=now,
            lease_expires_at=now + settings.LEASE,
        )
        return [_claimed(job) for job in batch]


def _eligible(*, now: datetime, model_digest: str, limit: int) -> Sequence[Job]:
    # The version as one value, not a join: so the index gives the jobs in their order, and its long
    # manifest is read once.
    version = ModelVersion.objects.filter(digest=model_digest).first()
    if version is None:
        return []
    rows = Job.objects.filter(
        status=JobStatus.QUEUED, not_before__lte=now, model_version=version
    ).select_related("image__study__site", "image__study__patient")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    batch = list(rows[:limit])
    for job in batch:
        job.model_version = version
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
        is_stat=job.priority_order == PRIORITY_ORDER[Priority.STAT],
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
    found = owned_all(pairs=[(job_id, attempt)])
    if not found:
        raise StaleAttempt
    return found[0]


def owned_all(*, pairs: Collection[tuple[int, int]]) -> list[Job]:
    """Those of the (job, attempt) that still hold their job, locked in one order."""
    rows = Job.objects.select_for_update(of=("self",)).filter(pk__in=[key for key, _ in pairs])
    rows = rows.select_related("image__study__site", "model_version").defer(
        "model_version__manifest"
    )
    return [
        job
        for job in rows.order_by("pk")
        if job.status == JobStatus.RUNNING and (job.pk, job.attempt) in pairs
    ]


def release(*, job_id: int, attempt: int, actor: Actor, delay: timedelta = timedelta(0)) -> bool:
    """Hand a job back unharmed: shutdown, or a fault of the infrastructure. Costs no budget."""
    with transaction.atomic():
        found = owned_all(pairs=[(job_id, attempt)])
        return bool(found) and step(found[0], JobEvent.RELEASE, actor=actor, **waiting(delay))


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
        lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)
        return moved


def cancel(*, job: Job, actor: Actor, reason: str = "") -> None:
    """End a job that has not ended; its worker's late result will be refused by the fence."""
    with transaction.atomic():
        if not step(job, JobEvent.CANCEL, actor=actor, reason=reason, **ended("")):
            raise TransitionRefused
        lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)


def fail_queued(*, job: Job, code: str, actor: Actor) -> bool:
    """End a waiting job that can never run: its film is gone from the store."""
    with transaction.atomic():
        moved = step(job, JobEvent.FAIL, actor=actor, **ended(code))
        if moved:
            lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)
        return moved


def ended(code: str) -> dict[str, Any]:
    return {"code": code, "finished_at": db_now(), "lease_expires_at": None}


def waiting(delay: timedelta) -> dict[str, Any]:
    return {"not_before": db_now() + delay, "lease_expires_at": None, "worker": ""}


def step(job: Job, event: JobEvent, *, actor: Actor, reason: str = "", **changes: Any) -> bool:
    """One transition with its audit event; False when another process was faster.

    For the services of the queue alone: every change of a status is made here.
    """
    try:
        step_all([job], event, actor=actor, reason=reason, **changes)
    except StaleAttempt:
        return False
    return True


def step_all(
    moving: Sequence[Job],
    event: JobEvent,
    *,
    actor: Actor,
    reason: str = "",
    told: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
    **changes: Any,
) -> None:
    """The same transition for jobs of one status, in one write, with an audit event for each.

    told: further fields of a job's event, by its id. Raises StaleAttempt when another process was
    faster with any of them; of several, the transaction must then be undone.
    """
    (before,) = {JobStatus(job.status) for job in moving}
    after = JOB_TRANSITIONS.get((before, event))
    if after is None:
        raise TransitionRefused
    raised = 1 if event is JobEvent.CLAIM else 0
    mine = reduce(or_, (Q(pk=job.pk, attempt=job.attempt) for job in moving))
    rows = Job.objects.filter(mine, status=before)
    if rows.update(status=after, attempt=F("attempt") + raised, **changes) != len(moving):
        raise StaleAttempt
    named = {k: v for k, v in changes.items() if k in {"code", "crashes", "errors", "worker"}}
    at, events = db_now(), []
    for job in moving:
        earlier = {"status": before, "attempt": job.attempt}
        for name, value in {"status": after, "attempt": job.attempt + raised, **changes}.items():
            setattr(job, name, value)
        later = {"status": after, "attempt": job.attempt, **named, **told.get(job.pk, {})}
        facts = {"actor": actor, "reason": reason, "at": at}
        events.append(_told(job, event, before=earlier, after=later, **facts))
    audit.record_all(events)


def _told(job: Job, event: str, **facts: Any) -> AuditEvent:
    return audit.event(
        action=f"JOB_{event}",
        target=job,
        study=job.image.study,
        model_digest=job.model_version.digest,
        **facts,
    )
