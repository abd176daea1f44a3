# ruff: noqa: S608 (the tables are our own)
"""The trail: written with the change, never changed after it, and free of patient data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from diagnosis import triggers
from diagnosis.models import AuditEvent, Reading, Result, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import audit, claims, jobs, lifecycle, model_versions, readings, reaping
from tests import films
from tests.integration.diagnosis.work import (
    WORKER,
    analyse,
    claim_one,
    lose_lease,
    newest_text,
    score,
    skip_waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
ON_SQLITE = connection.vendor == "sqlite"


@pytest.fixture
def frozen(submit: Callable[..., Study], radiologist: Any) -> Study:
    """A study with a result, a signed reading and their events."""
    study = submit()
    analyse()
    report = readings.Report("PNEUMONIA", "As seen.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=study, report=report)
    return study


def content() -> dict[str, list[Any]]:
    with connection.cursor() as cursor:
        rows = {}
        for table in triggers.FROZEN:
            cursor.execute(f"SELECT * FROM {table} ORDER BY id")
            rows[table] = cursor.fetchall()
    return rows


def refused(statement: str) -> bool:
    """Whether the database itself refuses it, and says why."""
    connection.check_constraints()  # PostgreSQL does not truncate with foreign keys unchecked
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


@pytest.mark.parametrize("table", sorted(triggers.FROZEN))
class TestTriggers:
    def test_no_update(self, frozen: Study, table: str) -> None:
        before = content()
        assert refused(f"UPDATE {table} SET id = id")
        assert content() == before

    def test_no_delete(self, frozen: Study, table: str) -> None:
        before = content()
        assert refused(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")
        assert content() == before

    def test_no_replacement(self, frozen: Study, table: str) -> None:
        before = content()
        columns = ", ".join(column.column for column in _model(table)._meta.concrete_fields)
        every = f"INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE true"
        if ON_SQLITE:
            assert refused(f"INSERT OR REPLACE {every}")
            assert refused(f"REPLACE {every}")
        else:
            assert refused(f"INSERT {every} ON CONFLICT (id) DO UPDATE SET id = excluded.id")
        assert content() == before

    def test_no_emptying(self, frozen: Study, table: str) -> None:
        before = content()
        assert refused(f"DELETE FROM {table}" if ON_SQLITE else f"TRUNCATE {table} CASCADE")
        assert content() == before


def _model(table: str) -> Any:
    return next(m for m in (AuditEvent, Result, Reading) if m._meta.db_table == table)


if ON_SQLITE:  # only its REPLACE deletes whatever is in the way

    class TestReplacementByAnotherKey:
        """The row in the way has another id; only its unique columns collide."""

        def copied(self, table: str, verb: str = "INSERT OR REPLACE") -> str:
            columns = [column.column for column in _model(table)._meta.concrete_fields]
            others = ", ".join(columns[1:])
            return f"{verb} INTO {table} (id, {others}) SELECT id + 1000, {others} FROM {table}"

        @pytest.mark.parametrize("table", ["diagnosis_result", "diagnosis_reading"])
        def test_an_insert(self, frozen: Study, table: str) -> None:
            before = content()
            assert refused(self.copied(table))
            assert content() == before

        def test_an_addendum(self, frozen: Study, radiologist: Any) -> None:
            report = readings.Report("PNEUMONIA", "More.")
            who = {"user": radiologist, "actor": Actor.of(radiologist), "study": frozen}
            readings.amend(**who, report=report, reason="Lab", supersedes=newest_text(frozen))
            before = content()
            assert refused(self.copied("diagnosis_reading") + " WHERE kind = 'ADDENDUM'")
            assert content() == before

        def test_a_draft_that_becomes_a_twin(self, frozen: Study, radiologist: Any) -> None:
            Reading.objects.create(
                study=frozen, reader=radiologist, opinion="PNEUMONIA", impression="x"
            )
            before = content()
            sign = "UPDATE OR REPLACE diagnosis_reading SET signed_at = '2026-01-01'"
            assert refused(f"{sign} WHERE signed_at IS NULL")
            assert content() == before


def test_a_draft_may_still_change_and_be_signed(
    submit: Callable[..., Study], radiologist: Any
) -> None:
    draft = Reading.objects.create(
        study=submit(), reader=radiologist, opinion="PNEUMONIA", impression="x"
    )
    drafts = Reading.objects.filter(pk=draft.pk)
    assert drafts.update(opinion="INDETERMINATE", signed_at=db_now()) == 1
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        drafts.update(opinion="NO_PNEUMONIA")


class TestWriting:
    def test_a_field_that_is_not_allowed_is_refused(self, frozen: Study) -> None:
        for side in ("before", "after"):
            with pytest.raises(KeyError, match="allow-list"):
                audit.record(actor=WORKER, action="X", target=frozen, **{side: {"name": "Doe"}})

    def test_an_event_falls_with_its_change(self, submit: Callable[..., Study]) -> None:
        study = submit()
        count = AuditEvent.objects.count()
        with transaction.atomic():
            audit.record(actor=WORKER, action="X", target=study, study=study)
            transaction.set_rollback(True)
        assert AuditEvent.objects.count() == count

    def test_it_names_who_where_and_when(
        self, submit: Callable[..., Study], submitter: Any
    ) -> None:
        before = db_now()
        study = submit()
        actor = Actor.of(submitter, address="192.0.2.1", request_id="request-1")
        event = audit.record(actor=actor, action="X", target=study, study=study)
        assert (event.actor_id, event.actor_name, event.actor_role) == (
            str(submitter.pk),
            submitter.username,
            "Submitter",
        )
        assert (event.site, event.address, event.request_id) == ("north", "192.0.2.1", "request-1")
        assert before <= event.at <= db_now()


def test_no_event_holds_anything_of_the_patient(
    submitter: Any, radiologist: Any, administrator: Any, site: Any, model_version: Any
) -> None:
    """Everything that writes events is done once, with words that must not be found in them."""
    secrets = {
        "mrn": "SECRETMRN",
        "name": "Secretname Person",
        "indication": "SECRETINDICATION",
        "accession_number": "SECRETACCESSION",
    }
    web = Client()
    web.force_login(submitter)
    film = films.as_dicom(films.chest(1, size=(300, 260)), patient_id="SECRETOTHER")
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = web.post(
        "/api/v1/studies/",
        {
            **secrets,
            "birth_date": "2021-03-04",
            "sex": "F",
            "confirm_mismatch": "true",
            "films": [SimpleUploadedFile("SECRETFILE.dcm", film)],
        },
    )
    study = Study.objects.get(uid=answer.json()["uid"])
    _everything(study, radiologist, administrator, web)
    events = json.dumps(list(AuditEvent.objects.values()), default=str)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert len(actions) >= 16, sorted(actions)
    for word in ("SECRET", "Secretname", "2021-03-04", "SECRETFILE"):
        assert word not in events


def _everything(study: Study, radiologist: Any, administrator: Any, web: Client) -> None:
    who = {"user": radiologist, "actor": Actor.of(radiologist), "study": study}
    film = study.images.get()
    lose_lease(claim_one())
    reaping.reap_expired(actor=WORKER)
    skip_waiting()
    held = claim_one()
    jobs.release(job_id=held.id, attempt=held.attempt, actor=WORKER)
    skip_waiting()
    late = claim_one()
    score(late, 0.4)
    score(late, 0.6)
    claims.take(**who)
    claims.release(**who)
    report = readings.Report("PNEUMONIA", "SECRETIMPRESSION", "SECRETFINDINGS")
    readings.sign(**who, report=report)
    readings.amend(**who, report=report, reason="Lab", supersedes=newest_text(study))
    job = model_versions.resubmit(job=film.jobs.get(), actor=WORKER)
    jobs.cancel(job=job, actor=WORKER)
    for path in ("image.png", "heat-map.png"):
        web.get(f"/api/v1/films/{film.uid}/{path}")
    web.get(f"/api/v1/studies/{study.uid}/")
    admin = Client()
    admin.force_login(administrator)
    for model, key in (("study", study.pk), ("patient", study.patient_id)):
        admin.get(f"/admin/diagnosis/{model}/{key}/change/")
    Study.objects.filter(pk=study.pk).update(state="AWAITING_READ", due_at=db_now())
    lifecycle.promote_overdue(actor=WORKER)
