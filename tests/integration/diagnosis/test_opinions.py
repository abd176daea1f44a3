"""The first opinion: who may store it, once, and what it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, transaction

from diagnosis.errors import (
    AlreadySigned,
    CaseHeld,
    InvalidInput,
    NotPermitted,
    OpinionFirst,
    OpinionStored,
)
from diagnosis.models import Reading, Study
from diagnosis.permissions import Actor
from diagnosis.queries import drafts
from diagnosis.services import claims, opinions, readings

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
REPORT = readings.Report("NO_PNEUMONIA", "Clear.")


def store(study: Study, by: Any, opinion: str = "PNEUMONIA", **fields: Any) -> Reading:
    first = opinions.FirstOpinion(opinion, **fields)
    return opinions.store(user=by, actor=Actor.of(by), study=study, first=first)


def sign(study: Study, by: Any) -> Reading:
    return readings.sign(user=by, actor=Actor.of(by), study=study, report=REPORT)


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


def test_it_is_kept_beside_the_last_word(study: Study, radiologist: Any) -> None:
    film = str(study.images.get().uid)
    box = {"film": film, "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
    store(study, radiologist, confidence=70, regions=[box])
    reading = sign(study, radiologist)
    reading.refresh_from_db()
    assert (reading.first_opinion, reading.first_confidence) == ("PNEUMONIA", 70)
    assert reading.first_regions == [box]
    assert reading.opinion == "NO_PNEUMONIA"
    assert Reading.objects.count() == 1


def test_it_is_stored_once(study: Study, radiologist: Any) -> None:
    store(study, radiologist)
    with pytest.raises(OpinionStored):
        store(study, radiologist, "NO_PNEUMONIA")
    assert Reading.objects.get().first_opinion == "PNEUMONIA"


@pytest.mark.parametrize("change", [{"first_opinion": "NO_PNEUMONIA"}, {"first_confidence": 1}])
def test_the_database_too_keeps_it(study: Study, radiologist: Any, change: Any) -> None:
    reading = store(study, radiologist, confidence=70)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Reading.objects.filter(pk=reading.pk).update(**change)
    Reading.objects.filter(pk=reading.pk).update(impression="A draft goes on.")


def test_no_signature_of_a_blinded_case_before_it(study: Study, radiologist: Any) -> None:
    Study.objects.filter(pk=study.pk).update(is_blinded=True)
    with pytest.raises(OpinionFirst):
        sign(study, radiologist)
    store(study, radiologist)
    assert sign(study, radiologist).signed_at is not None


def test_not_while_a_colleague_reads_the_case(
    study: Study, radiologist: Any, colleague: Any
) -> None:
    claims.take(user=colleague, actor=Actor.of(colleague), study=study)
    with pytest.raises(CaseHeld):
        store(study, radiologist)
    assert not Reading.objects.exists()


def test_not_of_a_case_that_is_reported(study: Study, radiologist: Any, colleague: Any) -> None:
    sign(study, radiologist)
    with pytest.raises(AlreadySigned):
        store(study, colleague)


@pytest.mark.parametrize("who", ["submitter", "administrator", "auditor"])
def test_only_by_radiologists(study: Study, who: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotPermitted):
        store(study, request.getfixturevalue(who))


BOX = {"x": 0.1, "y": 0.1, "width": 0.1, "height": 0.1}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"opinion": "MAYBE"}, "opinion"),
        ({"confidence": 101}, "confidence"),
        ({"regions": [BOX]}, "regions"),
        ({"regions": [{**BOX, "film": "00000000-0000-4000-8000-000000000000"}]}, "regions"),
        ({"regions": [{**BOX, "x": 0.95, "film": ""}]}, "regions"),
        ({"regions": [{**BOX, "width": float("nan"), "film": ""}]}, "regions"),
        ({"regions": [{**BOX, "film": ""}] * 11}, "regions"),
    ],
)
def test_nonsense_is_refused(
    study: Study, radiologist: Any, fields: dict[str, Any], field: str
) -> None:
    film = str(study.images.get().uid)
    for region in fields.get("regions", []):
        if region.get("film") == "":
            region["film"] = film
    opinion = fields.pop("opinion", "PNEUMONIA")
    with pytest.raises(InvalidInput) as refusal:
        store(study, radiologist, opinion, **fields)
    assert refusal.value.details["field"] == field
    assert not Reading.objects.exists()


def test_the_report_begins_with_it_and_what_the_study_says(
    submit: Callable[..., Study], radiologist: Any
) -> None:
    study = submit(indication="Cough")
    store(study, radiologist)
    shown = drafts.text_for(radiologist, study)
    assert (shown.opinion, shown.indication) == ("PNEUMONIA", "Cough")
