"""Rows as the product would have written them over two years, fast.

Higher ids are newer: the newest studies wait for a reader, the rest are reported. Each has a patient,
a film and a job. Audited are the submission, the job's end and each signature.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction

from bench import scale_world
from bench.loading import load, settle
from diagnosis.models import (
    AuditEvent,
    Image,
    Job,
    Patient,
    Reading,
    Result,
    Study,
)
from diagnosis.models.keys import family_key, search_key
from diagnosis.states import (
    PRIORITY_ORDER,
    TURN_ROUND_MINUTES,
    JobCode,
    JobEvent,
    JobStatus,
    Opinion,
    Priority,
    ReadingKind,
    StudyState,
    worklist_rank,
)
from ml.contracts import GateCode
from ml.contracts.fake import FAKE_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bench.scale_world import Shape, World

    Rows = Iterator[tuple[type[models.Model], dict[str, Any]]]

_YEARS = timedelta(days=730)
_AT_ONCE = 5_000  # studies a transaction
_PRIORITIES = {Priority.STAT: 10, Priority.URGENT: 20, Priority.ROUTINE: 70}  # per cent
_ENDS = {
    (JobStatus.SUCCEEDED, "", JobEvent.SUCCEED): 94,
    (JobStatus.NOT_ASSESSABLE, GateCode.LATERAL_OR_ROTATED, JobEvent.REFUSE): 3,
    (JobStatus.FAILED, JobCode.ERROR, JobEvent.FAIL): 2,
    (JobStatus.CANCELED, "", JobEvent.CANCEL): 1,
}  # per cent
# Signed so far, how many reads the case needs, the state that both imply.
_READ = {
    ((ReadingKind.FIRST,), 1, StudyState.REPORTED): 98,
    ((ReadingKind.FIRST, ReadingKind.ADDENDUM), 1, StudyState.AMENDED): 2,
}  # per cent
_OPEN = {
    ((), 1, StudyState.AWAITING_READ): 95,
    ((ReadingKind.FIRST,), 2, StudyState.AWAITING_SECOND_READ): 5,
}  # per cent
_TABLES = (Patient, Study, Image, Job, Result, Reading, AuditEvent)


def film_bytes(key: str) -> bytes:
    """The film of which the row with this storage key tells the digest. It is no picture."""
    return key.encode() * 10


def generate(shape: Shape) -> World:
    """Fill an empty, migrated database."""
    world = scale_world.make(shape)
    total = shape.studies + shape.waiting
    signed = 0
    for first in range(1, total + 1, _AT_ONCE):
        rows: dict[type[models.Model], list[dict[str, Any]]] = {model: [] for model in _TABLES}
        for number in range(first, min(first + _AT_ONCE, total + 1)):
            for model, row in Case(world, number).rows(signed):
                rows[model].append(row)
                signed += model is Reading
        with transaction.atomic():
            for model in _TABLES:
                load(model, rows[model])
    settle(_TABLES)
    return world


def write_films() -> None:
    """The file of each film, without the store's care for a power cut."""
    for key in Image.objects.values_list("storage_key", flat=True).iterator():
        path = settings.FILM_DIR / key[:2] / key
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(film_bytes(key))


class Case:
    """One study with all that belongs to it; its number is the id of its patient, film and job, too."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number, chance = world, number, world.chance
        shape = world.shape
        self.waits = number > shape.studies
        is_open = number > shape.studies * (1 - shape.to_read)
        self.uid, self.film_uid = (uuid.UUID(int=chance.getrandbits(128)) for _ in range(2))
        self.key = f"{chance.getrandbits(128):032x}"
        self.film = film_bytes(self.key)
        self.sha256 = hashlib.sha256(self.film).hexdigest()
        self.site = chance.choices(world.sites, range(1, len(world.sites) + 1))[0]
        self.priority = Priority(world.one_of(_PRIORITIES))
        self.kinds, self.reads_required, self.state = world.one_of(_OPEN if is_open else _READ)
        self.status, self.code, self.event = world.one_of(_ENDS)
        if self.waits:
            self.kinds, self.reads_required, self.state = (), 1, StudyState.PROCESSING
            self.status, self.code = JobStatus.QUEUED, ""
        self.probability = chance.random() if self.status == JobStatus.SUCCEEDED else None
        self.is_overdue = not self.waits and chance.random() < 0.2
        self.at = world.now - self._age(is_open=is_open)

    def _age(self, *, is_open: bool) -> timedelta:
        """An open case in time is far from its target, so that none passes it while one measures."""
        target = timedelta(minutes=TURN_ROUND_MINUTES[self.priority])
        if is_open:
            return target * 1.5 if self.is_overdue else target / 5 * self.world.chance.random()
        return _YEARS - (_YEARS - timedelta(days=3)) * (self.number / self.world.shape.studies)

    def rows(self, signed: int) -> Rows:
        """`signed`: the highest id of a reading so far."""
        yield Patient, self._patient()
        yield Study, self._study()
        yield Image, self._image()
        yield Job, self._job()
        yield AuditEvent, self._event("STUDY_SUBMITTED", "study", self.uid, self.at)
        if not self.waits:
            ended = self.at + timedelta(seconds=9)
            yield AuditEvent, self._event(f"JOB_{self.event}", "job", self.number, ended)
        if self.probability is not None:
            yield Result, self._result()
        for place, kind in enumerate(self.kinds, start=1):
            yield Reading, self._reading(signed + place, kind)
            action = f"READING_{'AMENDED' if kind == ReadingKind.ADDENDUM else 'SIGNED'}"
            at = self.at + timedelta(minutes=5)
            yield AuditEvent, self._event(action, "reading", signed + place, at)

    def _patient(self) -> dict[str, Any]:
        born = date(2020, 1, 1) + timedelta(days=self.number % 1000)
        return {
            "id": self.number,
            "site_id": self.site.pk,
            "mrn": f"MRN-{self.number}",
            "name": f"Patient {self.number}",
            "name_key": search_key(f"Patient {self.number}"),
            "family_key": family_key(f"Patient {self.number}"),
            "mrn_key": search_key(f"MRN-{self.number}"),
            "birth_date": born,
            "sex": "FM"[self.number % 2],
            "created_at": self.at,
        }

    def _study(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "uid": self.uid,
            "site_id": self.site.pk,
            "patient_id": self.number,
            "accession_number": f"ACC-{self.number}",
            "accession_key": search_key(f"ACC-{self.number}"),
            "indication": "Fever and cough for three days, crackles on the right side.",
            "priority": self.priority,
            "submitted_by_id": self.world.submitter.pk,
            "submitted_at": self.at,
            "due_at": self.at + timedelta(minutes=TURN_ROUND_MINUTES[self.priority]),
            "state": self.state,
            "ai_unavailable": self.status in {JobStatus.FAILED, JobStatus.CANCELED},
            "needs_new_film": self.status == JobStatus.NOT_ASSESSABLE,
            "is_overdue": self.is_overdue,
            "reads_required": self.reads_required,
            "worklist_rank": worklist_rank(
                priority=self.priority, pressing=self.probability, overdue=self.is_overdue
            ),
            "request_digest": self.sha256,
        }

    def _image(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "uid": self.film_uid,
            "study_id": self.number,
            "position": 1,
            "storage_key": self.key,
            "sha256": self.sha256,
            "size_bytes": len(self.film),
            "format": "PNG",
            "width": 300,
            "height": 260,
            "bits": 8,
            "created_at": self.at,
        }

    def _job(self) -> dict[str, Any]:
        ended = None if self.waits else self.at + timedelta(seconds=9)
        return {
            "id": self.number,
            "image_id": self.number,
            "model_version_id": self.world.version.pk,
            "status": self.status,
            "code": self.code,
            "priority_order": PRIORITY_ORDER[self.priority],
            "attempt": 0 if self.waits else 1,
            "worker": "" if self.waits else "worker-1",
            "created_at": self.at,
            "not_before": self.at,
            "started_at": None if self.waits else self.at + timedelta(seconds=8),
            "finished_at": ended,
        }

    def _result(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "job_id": self.number,
            "probability": self.probability,
            "threshold": 0.5,
            "film_sha256": self.sha256,
            "model_digest": FAKE_DIGEST,
            "preprocessing_id": "square-gray-1",
            "engine": "fake",
            "created_at": self.at + timedelta(seconds=9),
        }

    def _reading(self, key: int, kind: ReadingKind) -> dict[str, Any]:
        return {
            "id": key,
            "study_id": self.number,
            "reader_id": self.world.reader.pk,
            "kind": kind,
            "opinion": Opinion.NO_PNEUMONIA,
            "impression": "No consolidation.",
            "supersedes_id": key - 1 if kind == ReadingKind.ADDENDUM else None,
            "created_at": self.at + timedelta(minutes=5),
            "signed_at": self.at + timedelta(minutes=5),
        }

    def _event(self, action: str, kind: str, key: object, at: datetime) -> dict[str, Any]:
        return {
            "at": at,
            "actor_id": "",
            "actor_name": "generator",
            "actor_role": "system",
            "site": self.site.code,
            "action": action,
            "object_type": kind,
            "object_id": str(key),
            "study": str(self.uid),
        }
