"""What the sweeper does, every few seconds; any number of sweepers may run at once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from diagnosis import dispatch
from diagnosis.errors import StorageUnavailable
from diagnosis.models import Image, Job, Study
from diagnosis.services import (
    critical,
    films,
    jobs,
    lifecycle,
    mailing,
    model_versions,
    notices,
    reaping,
)
from diagnosis.states import JobCode, JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from diagnosis.permissions import Actor

_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Swept:
    reaped: int = 0
    overdue: int = 0
    queued: int = 0
    orphans: int = 0
    missing: int = 0
    escalated: int = 0
    mailed: int = 0
    pruned: int = 0

    def __bool__(self) -> bool:
        return self != Swept()


def sweep(*, actor: Actor) -> Swept:
    """The quick round: leases, turn-round targets, films that nobody queued, critical findings
    that nobody confirmed. It rings only for work
    that it made, or a queue without workers would fill the broker with messages.
    """
    swept = Swept(
        reaped=reaping.reap_expired(actor=actor),
        overdue=lifecycle.promote_overdue(actor=actor),
        queued=queue_missing(actor=actor) + model_versions.requeue_retired(actor=actor),
        escalated=critical.escalate_due(actor=actor),
    )
    if swept.queued:
        dispatch.ring()
    return swept


def queue_missing(*, actor: Actor, limit: int = 200) -> int:
    """Queue films that were accepted while no model was active."""
    model = model_versions.active()
    if model is None:
        return 0
    waiting = Study.objects.filter(to_read=True, awaits_model=True).order_by("pk")
    keys = list(waiting.values_list("pk", flat=True)[:limit])
    bare = Image.objects.filter(jobs__isnull=True, study__in=keys)
    count = 0
    for image in bare.select_related("study__site"):
        with transaction.atomic():
            lifecycle.lock(study_id=image.study_id)
            if image.jobs.exists():
                continue  # another sweeper was faster
            jobs.queue(images=[image], model_version=model, actor=actor)
            lifecycle.jobs_changed(study_ids=[image.study_id], actor=actor)
            count += 1
    return count


def sweep_notices() -> Swept:
    """The round that a mail server may keep waiting: e-mails, and notifications of long ago."""
    return Swept(mailed=mailing.send_due(), pruned=notices.prune())


def sweep_films(*, actor: Actor, older_than: timedelta | None = None) -> Swept:
    """The slow round: files without a row go once they are old; waiting jobs without a file end."""
    return Swept(
        orphans=_delete_orphans(settings.ORPHAN_AGE if older_than is None else older_than),
        missing=_end_jobs_without_film(actor),
    )


def _orphans(older_than: timedelta) -> Iterator[Path]:
    """Files without a row, older than any running upload, so that one before its commit is safe."""
    # File times are the file system's clock, like this one; the database's has no part in it.
    cutoff = time.time() - older_than.total_seconds()
    old = (path for path in films.stored() if _changed_at(path) <= cutoff)
    while chunk := list(islice(old, _ASKED_AT_ONCE)):
        names = [path.name for path in chunk]
        known = set(
            Image.objects.filter(storage_key__in=names).values_list("storage_key", flat=True)
        )
        yield from (path for path in chunk if path.name not in known)


def _changed_at(path: Path) -> float:
    """Seconds since 1970; for ever young where another sweeper was faster."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _delete_orphans(older_than: timedelta) -> int:
    count = 0
    for path in _orphans(older_than):
        path.unlink(missing_ok=True)
        count += 1
    return count


def film_breaches(*, orphan_age: timedelta) -> list[str]:
    """Where store and rows disagree: a film lost or changed, or an old file without a row."""
    breaches = [f"old file without a row: {path.name}" for path in _orphans(orphan_age)]
    for image in Image.objects.only("storage_key", "sha256").iterator():
        try:
            films.read(key=image.storage_key, sha256=image.sha256)
        except films.FilmMissing:
            breaches.append(f"film {image.pk} is missing or changed in the store")
    return breaches


def _end_jobs_without_film(actor: Actor) -> int:
    waiting = Job.objects.filter(status=JobStatus.QUEUED).select_related(
        "image__study__site", "model_version"
    )
    count = 0
    for job in waiting.iterator():
        try:
            films.read(key=job.image.storage_key, sha256=job.image.sha256)
        except films.FilmMissing:
            count += jobs.fail_queued(job=job, code=JobCode.BLOB_CORRUPT, actor=actor)
        except StorageUnavailable:
            break  # the store itself is away: no job is to blame
    return count
