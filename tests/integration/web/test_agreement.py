"""Agreement: which readings are counted, who may see it, and the file."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.urls import reverse

from diagnosis.models import Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.queries import agreement
from diagnosis.queries.agreement import LABELS, OPINIONS
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import claim_one, refuse, score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = pytest.mark.django_db
YES, NO, UNSURE = OPINIONS


@pytest.fixture
def second(make_user: Any, site: Any) -> Any:
    return make_user("Radiologist", site, "another")


@pytest.fixture
def read(submit: Callable[..., Study], radiologist: Any, second: Any) -> Callable[..., Study]:
    """read(first, second?, probability=None) -> a study with these signed opinions."""

    def make(*opinions: str, probability: float | None = None) -> Study:
        study = submit()
        if probability is not None:
            score(claim_one(), probability)
        Study.objects.filter(pk=study.pk).update(reads_required=len(opinions) or 1)
        for reader, opinion in zip((radiologist, second), opinions, strict=False):
            sign(study, reader, opinion)
        return study

    return make


def filled(pair: agreement.Pair) -> dict[tuple[str, str], int]:
    return {
        (one, other): n
        for one, row in zip(pair.categories, pair.table, strict=True)
        for other, n in zip(pair.categories, row, strict=True)
        if n
    }


def with_model(site: Any, user: Any) -> Sequence[agreement.Pair]:
    return agreement.with_model(user, site=site, since=None)


def of_readers(site: Any, user: Any) -> Sequence[agreement.Pair]:
    return agreement.of_readers(user, site=site, since=None)


class TestReaders:
    def test_pairs_are_counted_opinion_by_opinion(
        self, read: Any, site: Any, radiologist: Any, second: Any, make_user: Any
    ) -> None:
        for opinions in ((YES, YES), (YES, YES), (NO, NO), (UNSURE, UNSURE)):
            read(*opinions)
        disputed = read(YES, NO)
        (pair,) = of_readers(site, radiologist)
        assert (pair.one, pair.other) == ("another", radiologist.username)
        agreed = {(YES, YES): 2, (NO, NO): 1, (UNSURE, UNSURE): 1}
        assert filled(pair) == agreed, "what still waits for an arbiter is not told"
        sign(disputed, make_user("Radiologist", site, "arbiter"), NO)
        (pair,) = of_readers(site, radiologist)
        assert filled(pair) == {**agreed, (NO, YES): 1}

    def test_who_read_first_makes_no_other_pair(
        self, read: Any, submit: Any, site: Any, radiologist: Any, second: Any
    ) -> None:
        read(YES, YES)
        study = submit()
        Study.objects.filter(pk=study.pk).update(reads_required=2)
        sign(study, second, NO)
        sign(study, radiologist, NO)
        (pair,) = of_readers(site, radiologist)
        assert filled(pair) == {(YES, YES): 1, (NO, NO): 1}

    def test_one_read_alone_is_no_pair(self, read: Any, site: Any, radiologist: Any) -> None:
        read(YES)
        assert of_readers(site, radiologist) == []


class TestModel:
    def test_the_first_opinion_counts_where_there_is_one(
        self, read: Any, site: Any, radiologist: Any
    ) -> None:
        read(YES, probability=0.9)
        read(NO, probability=0.1)
        read(YES, probability=0.2)
        read(UNSURE, probability=0.9)
        opined = {"first_opinion": NO, "opined_at": db_now(), "impression": "x"}
        Reading.objects.create(
            study=read(probability=0.9), reader=radiologist, opinion=YES, signed_at=db_now(),
            **opined,
        )  # fmt: skip
        Study.objects.filter(state="AWAITING_READ").update(state="REPORTED")
        (pair,) = with_model(site, radiologist)
        assert (pair.categories, pair.left_out, pair.unaware) == (LABELS, 1, 1)
        assert filled(pair) == {(YES, YES): 1, (NO, NO): 1, (YES, NO): 1, (NO, YES): 1}

    def test_a_study_without_a_result_or_with_a_late_one_is_left_out(
        self, read: Any, submit: Any, site: Any, radiologist: Any
    ) -> None:
        study = submit()
        refuse()
        sign(study, radiologist)
        read(YES)
        score(claim_one(), 0.9)  # after the signature
        assert with_model(site, radiologist) == []

    def test_one_film_at_its_threshold_is_enough(
        self, submit: Any, site: Any, radiologist: Any
    ) -> None:
        from tests.integration.diagnosis.work import film

        study = submit([film(1), film(2)])
        score(claim_one(), 0.9)
        score(claim_one(), 0.1)
        sign(study, radiologist, YES)
        (pair,) = with_model(site, radiologist)
        assert filled(pair) == {(YES, YES): 1}

    def test_a_case_that_waits_for_its_second_read_is_not_told(
        self, submit: Any, site: Any, radiologist: Any
    ) -> None:
        study = submit()
        score(claim_one(), 0.9)
        Study.objects.filter(pk=study.pk).update(reads_required=2)
        sign(study, radiologist)
        assert with_model(site, radiologist) == []


def test_the_period_is_that_of_the_signature(read: Any, site: Any, radiologist: Any) -> None:
    read(YES, YES, probability=0.9)
    for since, count in ((db_now() - timedelta(days=1), 1), (db_now() + timedelta(days=1), 0)):
        assert len(agreement.of_readers(radiologist, site=site, since=since)) == count
        assert bool(agreement.with_model(radiologist, site=site, since=since)) is bool(count)


def test_another_sites_readings_are_not_seen(
    read: Any, site: Any, foreign_radiologist: Any
) -> None:
    read(YES, YES, probability=0.9)
    assert of_readers(site, foreign_radiologist) == []
    assert with_model(site, foreign_radiologist) == []


class TestPage:
    def test_numbers_and_plot(
        self, read: Any, as_user: Any, radiologist: Any, administrator: Any
    ) -> None:
        for _ in range(2):
            read(YES, YES, probability=0.9)
            read(NO, NO, probability=0.1)
        for user in (radiologist, administrator):
            page = as_user(user).get(reverse("agreement")).content.decode()
            assert "<b>1.00</b>" in page
            assert page.count('class="kappa"') == 3
            assert "<style" not in page
            assert "style=" not in page

    def test_nothing_yet_says_what_it_takes(self, as_user: Any, radiologist: Any) -> None:
        page = as_user(radiologist).get(reverse("agreement"), {"days": "odd", "site": "odd"})
        assert page.content.decode().count("Nothing to compare in this period.") == 2

    def test_one_category_has_no_kappa(self, read: Any, as_user: Any, radiologist: Any) -> None:
        read(YES, YES)
        page = as_user(radiologist).get(reverse("agreement")).content.decode()
        assert "one category only" in page

    def test_the_file_has_the_same_numbers(
        self, read: Any, as_user: Any, radiologist: Any, second: Any
    ) -> None:
        second.username = "@nother"
        second.save()
        read(YES, YES, probability=0.9)
        read(NO, NO, probability=0.1)
        answer = as_user(radiologist).get(reverse("agreement-csv"), {"days": ""})
        assert answer["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(answer.content.decode().splitlines()))
        assert [(row["one"], row["other"]) for row in rows] == [
            ("'@nother", radiologist.username),
            ("'@nother", "model"),
            (radiologist.username, "model"),
        ]
        assert {row["kappa"] for row in rows} == {"1.0000"}
        assert {row["PNEUMONIA/PNEUMONIA"] for row in rows} == {"1"}


def test_a_period_is_asked_of_an_index() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    recent = Reading.objects.filter(kind="SECOND", signed_at__gte=db_now()).order_by()
    assert "reading_signed" in recent.explain()
