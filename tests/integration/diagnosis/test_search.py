"""Searching for a patient, and paging through what is found."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps

from diagnosis.models import Patient, Study
from diagnosis.models.keys import family_key, search_key
from diagnosis.queries import looking, worklist
from diagnosis.queries.filters import Filter
from diagnosis.queries.looking import Cut
from tests.integration.diagnosis.test_filters import ALL, found

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


class TestSearch:
    @pytest.mark.parametrize(
        ("text", "is_found"),
        [
            ("ada", True),
            ("ADA SAM", True),
            ("sample", True),
            ("  samp ", True),
            ("Sample^Ada", True),
            ("sample, a", True),
            ("mrn-77", True),
            ("acc-1", True),
            ("ample", False),
            ("a%", False),
            ("ad_", False),
            ("'; --", False),
            ("", False),
            ("^", False),
        ],
    )
    def test_by_how_name_or_number_begins(
        self, submit: Callable[..., Study], radiologist: Any, text: str, *, is_found: bool
    ) -> None:
        study = submit(name="Ada Sample", mrn="MRN-77X", accession_number="Acc-1/2")
        submit(name="Zoe Other", mrn="Z", accession_number="Z")
        if not text:
            assert len(found(radiologist, ALL)) == 2
        else:
            assert found(radiologist, replace(ALL, search=text)) == [study] * is_found

    def test_letters_of_any_language_have_no_case(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        study = submit(name="Åsa Östergård")
        assert found(radiologist, replace(ALL, search="ÖSTERG")) == [study]

    def test_other_sites_are_not_searched(
        self, submit: Callable[..., Study], make_user: Any, other_site: Any
    ) -> None:
        submit(name="Ada Sample", accession_number="A1")
        reader = make_user("Radiologist", other_site)
        assert found(reader, replace(ALL, search="ada")) == []
        assert found(reader, replace(ALL, search="a1")) == []

    def test_more_patients_than_it_follows_are_told(
        self, submit: Callable[..., Study], radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_PATIENTS", 2)
        for _ in range(3):
            submit(name="Ada Sample")
        page = worklist.page(radiologist, replace(ALL, search="ada"))
        assert (len(page.studies), page.cut) == (2, Cut.MATCHES)

    def test_with_the_other_filters(self, submit: Callable[..., Study], radiologist: Any) -> None:
        stat = submit(name="Ada Sample", priority="STAT")
        submit(name="Ada Sample")
        assert found(radiologist, Filter(search="ada", priority="STAT")) == [stat]
        assert found(radiologist, Filter(search="ada", tab="reported")) == []

    @pytest.mark.parametrize(
        ("name", "key", "family"),
        [
            ("Ada  Sample", "ada sample", "sample ada"),
            ("Sample^Ada^^", "sample ada", "ada sample"),
            ("Groß", "gross", "gross"),
            ("", "", ""),
        ],
    )
    def test_keys(self, name: str, key: str, family: str) -> None:
        assert (search_key(name), family_key(name)) == (key, family)


class TestPaging:
    def test_a_look_goes_on_where_it_stopped(
        self, submit: Callable[..., Study], radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_LOOKED_AT", 3)
        made = [submit() for _ in range(8)]
        Study.objects.filter(pk=made[7].pk).update(needs_new_film=True)
        seen, after, pages = [], "", 0
        while True:
            chosen = Filter(not_assessable=True)
            page = worklist.page(radiologist, chosen, after=after)
            seen += page.studies
            pages += 1
            after = page.next_cursor
            if not after:
                break
            assert page.cut == Cut.FURTHER
        assert (seen, pages) == ([made[7]], 3)

    @pytest.mark.parametrize(
        "chosen",
        [Filter(not_assessable=True), replace(ALL, search="test"), replace(ALL, mine=True)],
    )
    def test_pages_follow_each_other_without_gap_or_repeat(
        self, submit: Callable[..., Study], submitter: Any, chosen: Filter
    ) -> None:
        made = [submit(priority=p) for p in ("ROUTINE", "STAT", "URGENT", "STAT", "ROUTINE")]
        Study.objects.update(needs_new_film=True)
        seen: list[Study] = []
        after = ""
        for _ in range(3):
            page = worklist.page(submitter, chosen, after=after, size=2)
            seen += page.studies
            after = page.next_cursor
        assert not after
        assert seen == [made[n] for n in (1, 3, 2, 0, 4)]

    def test_equal_ranks_are_cut_between(
        self, submit: Callable[..., Study], submitter: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_LOOKED_AT", 2)
        made = [submit() for _ in range(3)]
        Study.objects.update(needs_new_film=True)
        page = worklist.page(submitter, Filter(not_assessable=True))
        assert page.studies == made[:2]
        last = worklist.page(submitter, Filter(not_assessable=True), after=page.next_cursor)
        assert last.studies == made[2:]


def test_patients_known_before_are_found_after_the_migration(
    submit: Callable[..., Study], radiologist: Any
) -> None:
    study = submit(name="Ada Sample", accession_number="A-1")
    Patient.objects.update(name_key="", family_key="", mrn_key="")
    Study.objects.update(accession_key="")
    terms = ("ada", "sample", study.patient.mrn, "a-1")
    assert [found(radiologist, replace(ALL, search=term)) for term in terms] == [[]] * 4
    import_module("diagnosis.migrations.0013_saved_filters").write_keys(apps, None)
    assert [found(radiologist, replace(ALL, search=term)) for term in terms] == [[study]] * 4
