"""Each constraint of the database, by its name, refuses what it is there to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint

from diagnosis.models import (
    AuditEvent,
    CriticalFinding,
    FilmAddition,
    Image,
    Job,
    Membership,
    ModelVersion,
    Notification,
    Reading,
    ReportPhrase,
    Result,
    SavedFilter,
    Study,
)
from diagnosis.models.clock import db_now
from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


@dataclass
class Rows:
    """One of each, to copy and to spoil."""

    study: Study
    image: Image
    job: Job  # queued
    result: Result  # of another job
    draft: Reading
    reader: Any


@pytest.fixture
def rows(submit: Callable[..., Study], radiologist: Any) -> Rows:
    submit()
    analyse()
    study = submit()
    image = study.images.get()
    draft = Reading.objects.create(
        study=study, reader=radiologist, opinion="PNEUMONIA", impression="x"
    )
    return Rows(study, image, image.jobs.get(), Result.objects.get(), draft, radiologist)


def copy(row: Any, **changes: Any) -> None:
    """Insert the row once more, but for `changes`."""
    values = {
        f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if not f.primary_key
    }
    type(row).objects.create(**{**values, **changes})


def spoil(row: Any, **changes: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(**changes)


def new_uid() -> Any:
    import uuid

    return uuid.uuid4()


def signed(rows: Rows, **changes: Any) -> Reading:
    values = {"opinion": "PNEUMONIA", "impression": "x", "signed_at": db_now(), **changes}
    return Reading.objects.create(study=rows.study, reader=rows.reader, **values)


def _two_signed(r: Rows) -> None:
    signed(r)
    signed(r)


def _same_key(r: Rows) -> None:
    spoil(r.study, idempotency_key="k")
    r.study.refresh_from_db()
    copy(r.study, uid=new_uid())


def _two_active(r: Rows) -> None:
    version = ModelVersion.objects.get()
    copy(version, digest="c" * 64)


def _film(r: Rows, **changes: Any) -> None:
    fresh = {"uid": new_uid(), "storage_key": "other", "sha256": "o" * 64, "position": 9}
    copy(r.image, **{**fresh, **changes})


def _another_job(r: Rows, **changes: Any) -> None:
    copy(r.job, **changes)


def _result(r: Rows, **changes: Any) -> None:
    copy(r.result, **{"job_id": r.job.pk, **changes})


def _event(r: Rows, **changes: Any) -> None:
    copy(AuditEvent.objects.first(), **changes)


def _two_additions(r: Rows) -> None:
    who = {"study": r.study, "added_by": r.reader, "idempotency_key": "k"}
    copy(FilmAddition.objects.create(**who))


def _finding(r: Rows, **changes: Any) -> None:
    """A critical finding that is sound but for the changes."""
    fields = {"study": r.study, "kind": "FREE_AIR", "marked_by": r.reader, "recipient": r.reader}
    CriticalFinding.objects.create(acknowledge_by=db_now(), **{**fields, **changes})


def _two_summaries(r: Rows) -> None:
    copy(Notification.objects.create(user=r.reader, kind="READ_WAITS"))


def _phrase(**changes: Any) -> None:
    ReportPhrase.objects.create(**{"key": "k", "text": "t", **changes})


def _twice(**owner: Any) -> None:
    _phrase(**owner)
    _phrase(**owner)


def _two_filters(r: Rows, **changes: Any) -> None:
    for name in ("mine", changes.pop("name", "other")):
        SavedFilter.objects.create(user=r.reader, name=name, query="tab=all", **changes)


BREAKERS: dict[str, Callable[[Rows], None]] = {
    "membership_once": lambda r: copy(Membership.objects.first()),
    "patient_mrn_once_per_site": lambda r: copy(r.study.patient),
    "patient_mrn_not_empty": lambda r: spoil(r.study.patient, mrn=""),
    "patient_sex_known": lambda r: spoil(r.study.patient, sex="X"),
    "study_idempotency_key_once_per_user": _same_key,
    "study_one_or_two_reads": lambda r: spoil(r.study, reads_required=3),
    "study_second_read_reason_known": lambda r: spoil(r.study, second_read_reason="LUCK"),
    "site_reveal_policy_known": lambda r: spoil(r.study.site, reveal_policy="NEVER"),
    "site_second_read_policy_known": lambda r: spoil(r.study.site, second_read_policy="SOME"),
    "site_shares_up_to_100": lambda r: spoil(r.study.site, reveal_percent=101),
    "study_state_known": lambda r: spoil(r.study, state="DONE"),
    "study_priority_known": lambda r: spoil(r.study, priority="NOW"),
    "image_once_per_study": lambda r: _film(r, sha256=r.image.sha256),
    "image_position_once": lambda r: _film(r, position=r.image.position),
    "image_has_size": lambda r: _film(r, width=0),
    "job_one_original": lambda r: _another_job(r, status="CANCELED", finished_at=db_now()),
    "job_one_active": lambda r: _another_job(r, supersedes_id=r.result.job_id),
    "job_finished_when_terminal": lambda r: spoil(r.job, status="SUCCEEDED"),
    "job_leased_while_running": lambda r: spoil(r.job, status="RUNNING"),
    "job_failure_has_code": lambda r: spoil(r.job, status="FAILED", finished_at=db_now()),
    "job_status_known": lambda r: spoil(r.job, status="LOST"),
    "model_version_one_active": _two_active,
    "model_version_stage_known": lambda r: spoil(ModelVersion.objects.get(), stage="BEST"),
    "reading_one_signed_per_kind": _two_signed,
    "reading_one_draft_per_reader": lambda r: copy(r.draft),
    "reading_signed_has_opinion_and_impression": lambda r: signed(r, impression=""),
    "reading_first_opinion_has_its_time": lambda r: spoil(r.draft, first_opinion="PNEUMONIA"),
    "reading_first_opinion_known": lambda r: spoil(
        r.draft, first_opinion="MAYBE", opined_at=db_now()
    ),
    "phrase_of_reader_or_site": lambda r: _phrase(owner=r.reader, site=r.study.site),
    "phrase_section_known": lambda r: _phrase(owner=r.reader, section="SPLEEN"),
    "phrase_has_key_and_text": lambda r: _phrase(owner=r.reader, text=""),
    "phrase_once_per_reader": lambda r: _twice(owner=r.reader),
    "phrase_once_per_site": lambda r: _twice(site=r.study.site),
    "reading_confidence_up_to_100": lambda r: spoil(r.draft, first_confidence=101),
    "reading_addendum_supersedes": lambda r: signed(r, kind="ADDENDUM"),
    "reading_kind_known": lambda r: spoil(r.draft, kind="THIRD"),
    "reading_opinion_known": lambda r: spoil(r.draft, opinion="MAYBE"),
    "result_probability_between_0_and_1": lambda r: _result(r, probability=1.5),
    "result_threshold_between_0_and_1": lambda r: _result(r, threshold=-0.1),
    "addition_idempotency_key_once_per_user": _two_additions,
    "critical_one_recipient": lambda r: _finding(r, outside="Somebody"),
    "critical_other_has_text": lambda r: _finding(r, kind="OTHER"),
    "critical_told_is_whole": lambda r: _finding(r, told_at=db_now(), means="PHONE"),
    "critical_received_is_whole": lambda r: _finding(r, received_at=db_now(), received_by="A"),
    "critical_acknowledged_is_whole": lambda r: _finding(r, acknowledged_at=db_now()),
    "critical_withdrawn_is_whole": lambda r: _finding(r, withdrawn_at=db_now()),
    "critical_kind_known": lambda r: _finding(r, kind="HICCUPS"),
    "critical_means_known": lambda r: _finding(
        r, told_at=db_now(), told_by=r.reader, means="PIGEON"
    ),
    "notification_kind_known": lambda r: Notification.objects.create(user=r.reader, kind="FUN"),
    "notification_one_summary": _two_summaries,
    "saved_filter_name_once": lambda r: _two_filters(r, name="mine"),
    "saved_filter_one_default": lambda r: _two_filters(r, is_default=True),
    "saved_filter_has_name": lambda r: _two_filters(r, name=""),
    "audit_outcome_known": lambda r: _event(r, outcome="PERHAPS"),
}
# An unknown status is neither active nor terminal, which is found first.
SHADOWED = {"job_status_known": "job_finished_when_terminal"}
CHECKS = {
    constraint.name
    for model in apps.get_app_config("diagnosis").get_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, CheckConstraint)
}


def test_every_constraint_has_a_test_that_breaks_it() -> None:
    named = {
        constraint.name
        for model in apps.get_app_config("diagnosis").get_models()
        for constraint in model._meta.constraints
    }
    assert named == set(BREAKERS)


@pytest.mark.parametrize("name", sorted(BREAKERS))
def test_a_constraint_refuses(rows: Rows, name: str) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        BREAKERS[name](rows)
    # SQLite names the columns of a unique index, and its own trigger guards signed readings.
    if connection.vendor == "postgresql" or name in CHECKS:
        assert SHADOWED.get(name, name) in str(refusal.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None])
def test_no_result_without_a_number(rows: Rows, number: float | None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        _result(rows, probability=number)


def test_one_result_per_job_and_one_successor(rows: Rows) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        copy(rows.result)
    ended = {"status": "CANCELED", "finished_at": db_now(), "supersedes_id": rows.result.job_id}
    copy(rows.job, **ended)
    with pytest.raises(IntegrityError), transaction.atomic():
        copy(rows.job, **ended)


@pytest.mark.parametrize("row", ["study", "image", "job"])
def test_what_carries_facts_cannot_be_deleted(rows: Rows, row: str) -> None:
    from django.db.models import ProtectedError

    facts = {"study": rows.study, "image": rows.image, "job": rows.result.job}
    with pytest.raises(ProtectedError):
        facts[row].delete()
