"""The report as PDF: what it says, on every page, and who may have it."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from diagnosis.errors import NotFound
from diagnosis.models import AuditEvent, Patient, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.report import Report
from diagnosis.services import drafts, printing, readings, viewing
from tests.integration.api.client import client_of
from tests.integration.diagnosis.work import INFO, analyse, newest_text

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
RESEARCH_USE = "Research use only, not a diagnosis."
TEXT = Report(
    "PNEUMONIA",
    "Consolidation.\nFollow-up advised.",
    technique="AP.",
    regions={"RIGHT_LUNG": "Opacity in the lower zone."},
)


def printed(study: Study, by: Any) -> list[str]:
    """The text of each page."""
    data = viewing.report_pdf(user=by, actor=Actor.of(by), uid=study.uid)
    assert data.startswith(b"%PDF-")
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def sign(study: Study, by: Any, text: Report = TEXT) -> Reading:
    return readings.sign(user=by, actor=Actor.of(by), study=study, report=text)


def amend(study: Study, by: Any, text: Report) -> Reading:
    return readings.amend(
        user=by,
        actor=Actor.of(by),
        study=study,
        report=text,
        reason="Lab",
        supersedes=newest_text(study),
    )


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit(accession_number="ACC-7", indication="Fever")


def test_it_tells_patient_study_sections_signature_and_model(
    study: Study, radiologist: Any, submitter: Any
) -> None:
    analyse(0.8)
    sign(study, radiologist)
    (page,) = printed(study, submitter)
    for told in (
        study.patient.name,
        study.patient.mrn,
        f"{study.patient.birth_date:%Y-%m-%d}, Female",
        "ACC-7",
        str(study.uid),
        "First read: Pneumonia",
        "Opacity in the lower zone.",
        "Follow-up advised.",
        radiologist.username,
        "80.00 %, decision point 50.00 %",
        "fake 1",
        INFO.digest,
        RESEARCH_USE,
    ):
        assert told in page
    assert "Hila" not in page
    assert "First opinion" not in page


def test_both_opinions_and_the_time_between(study: Study, radiologist: Any) -> None:
    with transaction.atomic():
        draft = drafts.of(user=radiologist, study=study)
    at = db_now() - timedelta(seconds=90)
    opinion = {"first_opinion": "NO_PNEUMONIA", "first_confidence": 70, "opined_at": at}
    Reading.objects.filter(pk=draft.pk).update(**opinion)
    sign(study, radiologist)
    (page,) = printed(study, radiologist)
    assert f"No pneumonia, 70 % sure, {at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "seconds later" in page
    assert "90 seconds later" in page or "91 seconds later" in page


def test_addenda_come_first_and_earlier_texts_stay(study: Study, radiologist: Any) -> None:
    sign(study, radiologist)
    amend(study, radiologist, Report("NO_PNEUMONIA", "Atelectasis instead."))
    (page,) = printed(study, radiologist)
    assert page.index("Addendum: No pneumonia") < page.index("First read: Pneumonia")
    assert page.count("Superseded by an addendum") == 1
    assert page.count("Signed by") == 2


def test_every_page_names_the_patient_and_the_use(study: Study, radiologist: Any) -> None:
    sign(study, radiologist, Report("PNEUMONIA", "A line.\n" * 150, findings="Long. " * 300))
    pages = printed(study, radiologist)
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert RESEARCH_USE in page
        assert study.patient.mrn in page
        assert f"{number} / {len(pages)}" in page


def test_the_same_report_gives_the_same_bytes(study: Study, radiologist: Any) -> None:
    signed = [sign(study, radiologist)]
    assert printing.pdf(study, signed) == printing.pdf(study, signed)


@pytest.mark.parametrize("name", ["Žofie Ångström", "Ελένη Παππά", "Ольга Иванова", "निशा शर्मा"])
def test_names_of_four_scripts(study: Study, radiologist: Any, name: str) -> None:
    Patient.objects.update(name=name)
    sign(study, radiologist)
    (page,) = printed(study, radiologist)
    # Marks that are shaped together with a letter come out with control characters between them.
    letters = "".join(c for c in page if c.isprintable() and not c.isspace())
    assert "".join(name.split()) in letters


def test_a_draft_is_never_printed(study: Study, radiologist: Any) -> None:
    drafts.save(user=radiologist, actor=Actor.of(radiologist), study=study, report=TEXT, revision=0)
    with pytest.raises(NotFound):
        printed(study, radiologist)
    with pytest.raises(ValueError, match="draft"):
        printing.pdf(study, list(Reading.objects.select_related("reader")))


def test_nor_a_report_whose_second_read_is_open(study: Study, radiologist: Any) -> None:
    Study.objects.update(reads_required=2)
    sign(study, radiologist)
    with pytest.raises(NotFound) as refused:
        printed(study, radiologist)
    assert refused.value.code == "NOT_REPORTED"
    assert not AuditEvent.objects.filter(action="REPORT_VIEWED").exists()


def test_each_look_is_told_and_the_file_names_no_patient(
    study: Study, radiologist: Any, submitter: Any
) -> None:
    sign(study, radiologist)
    browser = Client()
    browser.force_login(submitter)
    answer = browser.get(reverse("report-pdf", args=[study.uid]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'inline; filename="report-{str(study.uid)[:8]}.pdf"'
    assert answer["Cache-Control"] == "private, no-store"
    by_api = client_of(submitter).get(f"/api/v1/studies/{study.uid}/report.pdf")
    assert by_api.content == answer.content
    told = AuditEvent.objects.filter(action="REPORT_VIEWED", study=str(study.uid))
    assert list(told.values_list("actor_name", flat=True)) == [submitter.username] * 2


def test_foreign_and_unsigned_reports_are_not_found(
    study: Study, radiologist: Any, make_user: Any, other_site: Any
) -> None:
    address = f"/api/v1/studies/{study.uid}/report.pdf"
    answer = client_of(radiologist).get(address)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_REPORTED")
    sign(study, radiologist)
    foreign = client_of(make_user("Radiologist", other_site)).get(address)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND")
