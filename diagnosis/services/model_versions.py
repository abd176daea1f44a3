"""Registered bundles: which exist, and which one is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from diagnosis.models import Job, ModelVersion
from diagnosis.models.model_version import Stage
from diagnosis.services import audit, jobs, lifecycle
from diagnosis.states import JobStatus

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
        waiting = Job.objects.filter(status=JobStatus.QUEUED).exclude(model_version=version)
        for job in waiting.select_related("image__study__site", "model_version"):
            jobs.cancel(job=job, actor=actor, reason="another model version was activated")
            jobs.queue(image=job.image, model_version=version, actor=actor, supersedes=job)
            lifecycle.jobs_changed(study_id=job.image.study_id, actor=actor)


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
