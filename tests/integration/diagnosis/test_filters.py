"""Each filter of the worklist finds what it names, and nothing that the reader must not know yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.timezone import get_default_timezone

from diagnosis.models import ModelVersion, Reading, Study
from diagnosis.permissions import Actor, Role
from diagnosis.queries import looking, worklist
from diagnosis.queries.filters import TABS, Band, Filter
from diagnosis.queries.looking import Cut
from diagnosis.services import accounts, claims, opinions, readings, results
from ml.contracts import GateCode
from tests.integration.diagnosis.work import claim_one, end, score

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
ALL = Filter(tab="all")


def found(user: Any, chosen: Filter) -> list[Study]:
    return worklist.page(user, chosen).studies


def opine_and_sign(study: Study, by: Any) -> None:
    first = opinions.FirstOpinion("PNEUMONIA")
    opinions.store(user=by, actor=Actor.of(by), study=study, first=first)
    sign(study, by)


def sign(study: Study, by: Any, opinion: str = "PNEUMONIA") -> None:
    report = readings.Report(opinion, "Seen.")
    readings.sign(user=by, actor=Actor.of(by), study=study, report=report)


def join(user: Any, *sites: Any) -> None:
    accounts.set_sites(by=None, actor=Actor.system("t"), target=user, sites=sites)
    del user._pneumo_sites


class TestState:
    def test_each_state_alone(
        self, submit: Callable[..., Study], radiologist: Any, colleague: Any
    ) -> None:
        second, reported, amended = submit(), submit(), submit()
        Study.objects.filter(pk=second.pk).update(reads_required=2)
        for study in (second, reported, amended):
            sign(study, radiologist)
        who = {"user": radiologist, "actor": Actor.of(radiologist), "study": amended}
        newest = Reading.objects.get(study=amended)
        report = readings.Report("PNEUMONIA", "More.")
        readings.amend(**who, report=report, reason="Missed", supersedes=newest.pk)
        waiting = submit()
        expected = {
            "PROCESSING": [waiting],
            "AWAITING_READ": [],
            "AWAITING_SECOND_READ": [second],
            "REPORTED": [reported],
            "AMENDED": [amended],
        }
        for state, studies in expected.items():
            assert found(radiologist, replace(ALL, state=state)) == studies, state
        assert found(radiologist, Filter(tab="reported", state="PROCESSING")) == []
        assert found(radiologist, Filter(tab="second-read")) == [second]
        sign(second, colleague, "NO_PNEUMONIA")
        assert found(radiologist, Filter(tab="arbitration")) == [second]


class TestSite:
    def test_one_of_mine(
        self, submit: Callable[..., Study], radiologist: Any, submitter: Any, other_site: Any
    ) -> None:
        here = submit()
        join(submitter, here.site, other_site)
        there = submit(site=other_site)
        assert found(radiologist, Filter(site="south")) == []
        join(radiologist, here.site, other_site)
        assert found(radiologist, Filter()) == [here, there]
        assert found(radiologist, Filter(site="south")) == [there]
        assert found(radiologist, Filter(site="nowhere")) == []
        assert worklist.counts(radiologist, Filter(site="south")).tabs["to-read"] == 1


class TestDays:
    @pytest.mark.parametrize("tab", ["to-read", "all"])
    def test_both_ends_are_whole_days(
        self, submit: Callable[..., Study], radiologist: Any, tab: str
    ) -> None:
        made = {}
        for text in ("2026-03-01T23:59:59", "2026-03-02T00:00:00", "2026-03-03T23:59:59"):
            at = datetime.fromisoformat(text).replace(tzinfo=get_default_timezone())
            study = submit()
            Study.objects.filter(pk=study.pk).update(submitted_at=at)
            made[text[8:10]] = study
        first, second, third = made["01"], made["02"], made["03"]
        day = date(2026, 3, 2)
        chosen = Filter(tab=tab, since=day, until=day)
        assert found(radiologist, chosen) == [second]
        assert found(radiologist, Filter(tab=tab, since=day)) == [second, third]
        assert found(radiologist, Filter(tab=tab, until=day)) == [first, second]

    def test_more_than_can_be_looked_through_is_told(
        self, submit: Callable[..., Study], radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "MOST_LOOKED_AT", 2)
        made = [submit() for _ in range(3)]
        chosen = replace(ALL, since=date(2020, 1, 1))
        page = worklist.page(radiologist, chosen)
        assert (page.studies, page.cut) == (made[1:], Cut.NEWEST)


class TestSubmitter:
    @pytest.mark.parametrize("tab", ["to-read", "all"])
    def test_by_username(
        self, submit: Callable[..., Study], radiologist: Any, submitter: Any, tab: str
    ) -> None:
        mine, other = submit(), submit()
        Study.objects.filter(pk=other.pk).update(submitted_by=radiologist)
        assert found(radiologist, Filter(tab=tab, submitter=submitter.username)) == [mine]
        assert found(radiologist, Filter(tab=tab, submitter=radiologist.username)) == [other]
        assert found(radiologist, Filter(tab=tab, submitter="nobody")) == []


class TestBand:
    @pytest.fixture
    def scored(self, submit: Callable[..., Study]) -> dict[str, Study]:
        """Decision point 0.5, rule-out point 0.3."""
        version = ModelVersion.objects.get()
        version.manifest = {
            **version.manifest,
            "operating_points": {"rule_out": {"threshold": 0.3}},
        }
        version.save()
        made = {}
        for band, probability in {
            Band.SUGGESTS: 0.5,
            Band.DOUBT: 0.3,
            Band.RULED_OUT: 0.29,
        }.items():
            made[str(band)] = submit()
            score(claim_one(), probability)
        made[str(Band.NO_SCORE)] = submit()
        return made

    @pytest.mark.parametrize("band", list(Band))
    @pytest.mark.parametrize("tab", ["to-read", "all"])
    def test_each_is_found_alone(
        self, scored: dict[str, Study], radiologist: Any, band: Band, tab: str
    ) -> None:
        assert found(radiologist, Filter(tab=tab, band=band)) == [scored[band]]

    def test_without_a_rule_out_point_nothing_is_in_doubt(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        low = submit()
        score(claim_one(), 0.4)
        assert found(radiologist, Filter(band=Band.DOUBT)) == []
        assert found(radiologist, Filter(band=Band.RULED_OUT)) == [low]

    def test_the_films_that_suggest_it_decide(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        from tests import films

        study = submit([films.as_png8(films.chest(n, size=(300, 260))) for n in (1, 2)])
        score(claim_one(), 0.1)
        score(claim_one(), 0.9)
        assert found(radiologist, Filter(band=Band.SUGGESTS)) == [study]
        assert found(radiologist, Filter(band=Band.RULED_OUT)) == []

    def test_a_word_that_is_none_finds_nothing(
        self, scored: dict[str, Study], radiologist: Any
    ) -> None:
        assert found(radiologist, Filter(band="x")) == []

    @pytest.mark.parametrize("tab", TABS)
    def test_what_is_hidden_is_not_found_until_it_is_read(
        self, scored: dict[str, Study], radiologist: Any, tab: str
    ) -> None:
        Study.objects.update(is_blinded=True)
        opine_and_sign(scored[Band.SUGGESTS], radiologist)
        for band in Band:
            read = [scored[band]] if band == Band.SUGGESTS and tab in {"reported", "all"} else []
            assert found(radiologist, Filter(tab=tab, band=band)) == read


class TestNotAssessable:
    @pytest.fixture
    def refused(self, submit: Callable[..., Study]) -> Study:
        refused, _ = submit(), submit()
        job = claim_one()
        end(results.refused(job.id, job.attempt, GateCode.TOO_SMALL))
        return refused

    @pytest.mark.parametrize("tab", ["to-read", "all"])
    def test_those_that_need_a_new_film(self, refused: Study, submitter: Any, tab: str) -> None:
        assert found(submitter, Filter(tab=tab, not_assessable=True)) == [refused]

    def test_what_is_hidden_is_not_found_until_it_is_read(
        self, refused: Study, radiologist: Any
    ) -> None:
        Study.objects.update(is_blinded=True)
        chosen = Filter(tab="all", not_assessable=True)
        assert found(radiologist, chosen) == []
        opine_and_sign(refused, radiologist)
        assert found(radiologist, chosen) == [refused]


class TestMine:
    def test_of_a_radiologist_held_or_drafted(
        self, submit: Callable[..., Study], radiologist: Any, colleague: Any
    ) -> None:
        held, drafted, theirs, signed = submit(), submit(), submit(), submit()
        claims.take(user=radiologist, actor=Actor.of(radiologist), study=held)
        claims.take(user=colleague, actor=Actor.of(colleague), study=theirs)
        Reading.objects.create(study=drafted, reader=radiologist)
        sign(signed, radiologist)
        assert found(radiologist, replace(ALL, mine=True)) == [held, drafted]
        assert found(colleague, replace(ALL, mine=True)) == [theirs]

    def test_of_a_submitter_those_submitted(
        self, submit: Callable[..., Study], submitter: Any, make_user: Any, site: Any
    ) -> None:
        mine = submit()
        assert found(submitter, Filter(mine=True)) == [mine]
        assert found(make_user(Role.SUBMITTER, site, "other"), Filter(mine=True)) == []
