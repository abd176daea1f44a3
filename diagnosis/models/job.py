"""Analysis jobs: the queue itself."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.image import Image
from diagnosis.models.model_version import ModelVersion
from diagnosis.states import ACTIVE_JOB, TERMINAL_JOB, JobStatus


def _in(statuses: frozenset[JobStatus]) -> Q:
    return Q(status__in=sorted(statuses))


class Job(models.Model):
    """One film to be analysed by one model version. `status` is written by services/jobs.py alone.

    attempt: the fence, raised by each claim. crashes: leases lost. errors: exceptions.
    """

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="jobs")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="jobs")
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    status = models.CharField(max_length=16, choices=choices(JobStatus), default=JobStatus.QUEUED)
    code = models.CharField(max_length=32, blank=True)
    priority_order = models.PositiveSmallIntegerField()
    attempt = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    errors = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=db_now)
    not_before = models.DateTimeField(default=db_now)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["priority_order", "created_at", "id"]
        indexes = [
            models.Index(
                fields=["model_version", "priority_order", "created_at", "id"],
                name="job_queue",
                condition=Q(status=JobStatus.QUEUED),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="job_leases",
                condition=Q(status=JobStatus.RUNNING),
            ),
            models.Index(
                fields=["finished_at"],
                name="job_ended",
                condition=Q(finished_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["image", "model_version"],
                condition=Q(supersedes__isnull=True),
                name="job_one_original",
            ),
            models.UniqueConstraint(
                fields=["image", "model_version"],
                condition=_in(ACTIVE_JOB),
                name="job_one_active",
            ),
            models.CheckConstraint(
                condition=_in(TERMINAL_JOB) & Q(finished_at__isnull=False)
                | _in(ACTIVE_JOB) & Q(finished_at__isnull=True),
                name="job_finished_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(status=JobStatus.RUNNING) & Q(lease_expires_at__isnull=False)
                | ~Q(status=JobStatus.RUNNING) & Q(lease_expires_at__isnull=True),
                name="job_leased_while_running",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[JobStatus.FAILED, JobStatus.NOT_ASSESSABLE]) | ~Q(code=""),
                name="job_failure_has_code",
            ),
            one_of("status", JobStatus, "job_status_known"),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"
