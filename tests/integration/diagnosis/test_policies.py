"""What a site's policies draw, and the second reads that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import InvalidInput, NotPermitted
from diagnosis.models import AuditEvent, Site, Study
from diagnosis.permissions import Actor
from diagnosis.queries import blinding
from diagnosis.services import policies, readings
from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def change(site: Site, by: Any, **chosen: Any) -> None:
    policies.change(user=by, actor=Actor.of(by), site=site, policies=chosen)
    site.refresh_from_db()


def sign(study: Study, by: Any, opinion: str = "PNEUMONIA") -> Study:
    report = readings.Report(opinion, "Seen.")
    readings.sign(user=by, actor=Actor.of(by), study=study, report=report)
    study.refresh_from_db()
    return study


class TestChange:
    def test_it_is_audited_with_what_changed(self, site: Site, administrator: Any) -> None:
        change(site, administrator, reveal_policy="SAMPLED", reveal_percent=20)
        event = AuditEvent.objects.get(action="SITE_POLICY_SET")
        assert event.before == {"reveal_policy": "OFF", "reveal_percent": 0}
        assert event.after == {"reveal_policy": "SAMPLED", "reveal_percent": 20}

    def test_nothing_changed_is_no_event(self, site: Site, administrator: Any) -> None:
        change(site, administrator, reveal_policy="OFF")
        assert not AuditEvent.objects.filter(action="SITE_POLICY_SET").exists()

    def test_only_administrators(self, site: Site, radiologist: Any) -> None:
        with pytest.raises(NotPermitted):
            change(site, radiologist, reveal_policy="ALWAYS")

    def test_nonsense_names_its_field(self, site: Site, administrator: Any) -> None:
        with pytest.raises(InvalidInput) as refusal:
            change(site, administrator, second_read_policy="SOMETIMES")
        assert refusal.value.details["field"] == "second_read_policy"

    def test_what_was_drawn_stays(
        self, site: Site, administrator: Any, submit: Callable[..., Study]
    ) -> None:
        change(site, administrator, reveal_policy="ALWAYS")
        study = submit()
        change(site, administrator, reveal_policy="OFF")
        study.refresh_from_db()
        assert study.is_blinded
        assert not submit().is_blinded


@pytest.mark.parametrize(
    ("policy", "percent", "blinded"),
    [
        ("OFF", 100, {False}),
        ("ALWAYS", 0, {True}),
        ("SAMPLED", 0, {False}),
        ("SAMPLED", 100, {True}),
    ],
)
def test_what_hides_the_model(policy: str, percent: int, blinded: set[bool]) -> None:
    site = Site(reveal_policy=policy, reveal_percent=percent)
    assert {policies.drawn(site)["is_blinded"] for _ in range(50)} == blinded


def test_a_sample_is_of_its_share() -> None:
    site = Site(second_read_policy="SAMPLED", second_read_percent=30)
    drawn = [policies.drawn(site) for _ in range(4000)]
    twice = sum(one["reads_required"] == 2 for one in drawn)
    assert 1000 < twice < 1400  # 1,200 expected; six standard deviations are 174
    assert {one["second_read_reason"] for one in drawn} == {"SAMPLED", "NONE"}


class TestDisagreement:
    @pytest.fixture(autouse=True)
    def _policy(self, site: Site, administrator: Any, model_version: Any) -> None:
        change(site, administrator, second_read_policy="DISAGREEMENT")

    @pytest.mark.parametrize(
        ("probability", "opinion", "state"),
        [
            (0.9, "PNEUMONIA", "REPORTED"),
            (0.9, "NO_PNEUMONIA", "AWAITING_SECOND_READ"),
            (0.1, "NO_PNEUMONIA", "REPORTED"),
            (0.1, "PNEUMONIA", "AWAITING_SECOND_READ"),
            (0.9, "INDETERMINATE", "AWAITING_SECOND_READ"),
        ],
    )
    def test_of_model_and_reader_asks_for_a_second(
        self,
        submit: Callable[..., Study],
        radiologist: Any,
        probability: float,
        opinion: str,
        state: str,
    ) -> None:
        study = submit()
        analyse(probability)
        assert sign(study, radiologist, opinion).state == state

    def test_without_a_result_there_is_none(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        assert sign(submit(), radiologist).state == "REPORTED"

    def test_the_surest_come_first(self, submit: Callable[..., Study], radiologist: Any) -> None:
        studies = []
        for probability in (0.6, 0.02, 0.9):
            study = submit()
            analyse(probability)
            opinion = "NO_PNEUMONIA" if probability >= 0.5 else "PNEUMONIA"
            studies.append(sign(study, radiologist, opinion))
        barely, certainly, surely = studies
        assert list(Study.objects.order_by("worklist_rank")) == [certainly, surely, barely]

    def test_a_second_reader_sees_neither_model_nor_first_reading_nor_the_reason(
        self, submit: Callable[..., Study], radiologist: Any, colleague: Any
    ) -> None:
        study = submit()
        analyse(0.9)
        sign(study, radiologist, "NO_PNEUMONIA")
        assert blinding.hides_model(colleague, study)
        assert not blinding.readings(colleague, study).exists()
        assert blinding.readings(radiologist, study).exists()
        told = [{**e.before, **e.after} for e in blinding.history(colleague, study)]
        assert not [facts for facts in told if {"probability", "opinion"} & set(facts)]

    def test_whose_disagreement_goes_to_an_arbiter_who_sees_both(  # noqa: PLR0917 (fixtures)
        self, submit: Callable[..., Study], radiologist: Any, colleague: Any,
        make_user: Any, site: Site, submitter: Any,
    ) -> None:  # fmt: skip
        study = submit()
        analyse(0.9)
        sign(study, radiologist, "NO_PNEUMONIA")
        assert sign(study, colleague, "PNEUMONIA").state == "AWAITING_ARBITRATION"
        arbiter = make_user("Radiologist", site, "arbiter")
        assert not blinding.hides_model(arbiter, study)
        assert blinding.readings(arbiter, study).count() == 2
        assert not blinding.readings(submitter, study).exists()
        assert sign(study, arbiter).state == "REPORTED"
        assert blinding.readings(submitter, study).count() == 3
