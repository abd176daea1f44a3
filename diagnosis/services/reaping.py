"""The reaper: takes films back from workers that are lost, and ends those that kill their worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from diagnosis.errors import StaleAttempt
from diagnosis.models import Job
from diagnosis.models.clock import db_now
from diagnosis.services import jobs, lifecycle
from diagnosis.states import JobCode, JobEvent, JobStatus

if TYPE_CHECKING:
    from diagnosis.permissions import Actor

MAX_LONE_CRASHES = 3


def reap_expired(*, actor: Actor, limit: int = 200) -> int:
    """Hand back every job whose lease ended. Any number of reapers may run at once."""
    expired = Job.objects.filter(status=JobStatus.RUNNING, lease_expires_at__lt=db_now())
    keys = list(expired.order_by("lease_expires_at").values_list("pk", "attempt")[:limit])
    return sum(_reap(job_id, attempt, actor) for job_id, attempt in keys)


def _reap(job_id: int, attempt: int, actor: Actor) -> bool:
    with transaction.atomic():
        try:
            job = jobs.owned(job_id=job_id, attempt=attempt)
        except StaleAttempt:
            return False  # another reaper, or its worker, got there first
        if job.lease_expires_at is None or job.lease_expires_at >= db_now():
            return False  # a heartbeat arrived in between
        crashes = job.crashes + 1
        # The first crash may be a neighbour's; only those after it were this job's alone.
        if crashes > MAX_LONE_CRASHES:
            return _end_poison(job, crashes, actor)
        return jobs.step(
            job,
            JobEvent.LOSE_LEASE,
            actor=actor,
            crashes=crashes,
            **jobs.waiting(jobs.backoff(crashes)),
        )


def _end_poison(job: Job, crashes: int, actor: Actor) -> bool:
    moved = jobs.step(
        job, JobEvent.FAIL, actor=actor, crashes=crashes, **jobs.ended(JobCode.POISON)
    )
    lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)
    return moved
