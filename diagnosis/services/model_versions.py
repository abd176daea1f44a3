"""Registered bundles: which exist, which one is active, and what it analyses again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from diagnosis import dispatch
from diagnosis.errors import TransitionRefused
from diagnosis.models import Job, ModelVersion
from diagnosis.models.model_version import Stage
from diagnosis.services import audit, jobs, lifecycle
from diagnosis.states import TERMINAL_JOB, JobEvent, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diagnosis.permissions import Actor


def active() -> ModelVersion | None:
    # The manifest is long, and few ask for it.
    return ModelVersion.objects.filter(stage=Stage.ACTIVE).defer("manifest").first()


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
    """Make this version the one that analyses from now on.

    Films that wait for the former one are queued for it: some at once, many by the sweeper.
    """
    with transaction.atomic():
        # Every row, in one order, so that two activations take turns.
        rows = {row.pk: row for row in ModelVersion.objects.select_for_update().order_by("pk")}
        chosen = rows[version.pk]
        if chosen.stage == Stage.ACTIVE:
            return
        for row in rows.values():
            if row.stage == Stage.ACTIVE:
                _set_stage(row, Stage.RETIRED, actor, reason)
        _set_stage(chosen, Stage.ACTIVE, actor, reason)
    version.stage = chosen.stage
    requeue_retired(actor=actor)


def requeue_retired(*, actor: Actor, limit: int = 200) -> int:
    """Queue for the active version what waits for a retired one, which no worker claims any more.

    That is what waited when the version was changed, and the few that came back to the queue
    later: lost or handed back by a worker, or submitted in that very moment. Each film in a
    transaction of its own, so that a long queue keeps nobody waiting.
    """
    version = active()
    if version is None:
        return 0
    stranded = Job.objects.filter(status=JobStatus.QUEUED, model_version__stage=Stage.RETIRED)
    reason = "another model version is active"
    return sum(
        _move(job, version, actor, reason)
        for job in stranded.select_related("image__study__site", "model_version")[:limit]
    )


def _move(job: Job, version: ModelVersion, actor: Actor, reason: str) -> bool:
    """Queue a waiting film for another model version instead; False when a worker was faster.

    One change of the study, not two: it waits for its analysis before and after.
    """
    with transaction.atomic():
        if not jobs.step(job, JobEvent.CANCEL, actor=actor, reason=reason, **jobs.ended("")):
            return False
        jobs.queue(images=[job.image], model_version=version, actor=actor, supersedes=job)
        lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)
        return True


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
        (successor,) = jobs.queue(
            images=[job.image], model_version=version, actor=actor, supersedes=job, reason=reason
        )
        lifecycle.jobs_changed(study_ids=[job.image.study_id], actor=actor)
        dispatch.ring_on_commit()
        return successor


def _set_stage(version: ModelVersion, stage: Stage, actor: Actor, reason: str) -> None:
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
