"""Registered bundles: which exist, which one is active, and what it analyses again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from diagnosis import dispatch
from diagnosis.errors import TransitionRefused
from diagnosis.models import Job, ModelVersion
from diagnosis.models.model_version import Stage
from diagnosis.services import audit, jobs, lifecycle
from diagnosis.states import TERMINAL_JOB, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diagnosis.permissions import Actor


def active() -> ModelVersion | None:
    return ModelVersion.objects.filter(stage=Stage.ACTIVE).first()


def register(
    *, actor: Actor, manifest: Mapping[str, Any], digest: str, folder: str
) -> tuple[ModelVersion, bool]:
    """Make a verified bundle known, in shadow; the same digest again changes nothing."""
    with transaction.atomic():
        version, created = ModelVersion.objects.get_or_create(
            digest=digest,
            defaults={
                "name": manifest["name"],
                "version": str(manifest["version"]),
                "manifest": dict(manifest),
                "folder": folder,
            },
        )
        if created:
            audit.record(
                actor=actor, action="MODEL_REGISTERED", target=version, model_digest=digest
            )
        return version, created


def activate(*, actor: Actor, version: ModelVersion, reason: str = "") -> None:
    """Make this version the one that analyses; films still waiting are queued for it instead."""
    with transaction.atomic():
        if version.stage == Stage.ACTIVE:
            return
        _set_stage(active(), Stage.RETIRED, actor, reason)
        _set_stage(version, Stage.ACTIVE, actor, reason)
        requeue_retired(actor=actor)


def requeue_retired(*, actor: Actor) -> int:
    """Queue for the active version what waits for a retired one, which no worker claims any more.

    Most move when the version is activated; the sweeper finds the few that came back to the queue
    after it: lost or handed back by a worker, or submitted in that very moment.
    """
    stranded = Job.objects.filter(status=JobStatus.QUEUED, model_version__stage=Stage.RETIRED)
    version = active()
    if version is None or not stranded.exists():
        return 0  # the usual round takes no lock
    with transaction.atomic():
        stranded = stranded.select_related("image__study__site", "model_version")
        # Locked, so that no worker claims one between this look and its cancellation.
        found = list(stranded.select_for_update(of=("self",)))
        for job in found:
            jobs.cancel(job=job, actor=actor, reason="another model version is active")
            jobs.queue(image=job.image, model_version=version, actor=actor, supersedes=job)
            lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)
        return len(found)


def resubmit(*, job: Job, actor: Actor, reason: str = "") -> Job:
    """Queue a new job, for the active model, that supersedes an ended one.

    The old row and its result stay as they are. Raises TransitionRefused for a job that has not
    ended or is superseded already.
    """
    with transaction.atomic():
        lifecycle.lock(study_id=job.image.study_id)  # a twin of this request waits here
        job = Job.objects.select_related("image__study__site", "model_version").get(pk=job.pk)
        if JobStatus(job.status) not in TERMINAL_JOB or hasattr(job, "superseded_by"):
            raise TransitionRefused
        version = active() or job.model_version
        successor = jobs.queue(
            image=job.image, model_version=version, actor=actor, supersedes=job, reason=reason
        )
        lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)
        dispatch.ring_on_commit()
        return successor


def _set_stage(version: ModelVersion | None, stage: Stage, actor: Actor, reason: str) -> None:
    if version is None:
        return
    before = version.stage
    version.stage = stage
    version.save(update_fields=["stage"])
    audit.record(
        actor=actor,
        action=f"MODEL_{stage}",
        target=version,
        before={"stage": before},
        after={"stage": stage},
        reason=reason,
        model_digest=version.digest,
    )
