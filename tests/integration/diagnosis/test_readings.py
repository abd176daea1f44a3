"""Signing: who may, what it is, and that it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.errors import (
    AlreadySigned,
    CaseHeld,
    InvalidInput,
    NotPermitted,
    ReportAmended,
    TransitionRefused,
)
from diagnosis.models import AuditEvent, CaseClaim, Reading, Study
from diagnosis.permissions import Actor
from diagnosis.services import claims, readings
from tests.integration.diagnosis.work import at_once, newest_text

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
REPORT = readings.Report("PNEUMONIA", "Consolidation.", "Right lower lobe.")


def sign(study: Study, by: Any, report: readings.Report = REPORT) -> Reading:
    return readings.sign(user=by, actor=Actor.of(by), study=study, report=report)


def amend(
    study: Study, by: Any, reason: str = "Prior films", supersedes: int | None = None
) -> Reading:
    return readings.amend(
        user=by,
        actor=Actor.of(by),
        study=study,
        report=REPORT,
        reason=reason,
        supersedes=supersedes or newest_text(study),
    )


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


class TestSign:
    def test_a_signature_settles_the_case(self, study: Study, radiologist: Any) -> None:
        reading = sign(study, radiologist)
        assert (reading.kind, reading.opinion, reading.reader) == (
            "FIRST",
            "PNEUMONIA",
            radiologist,
        )
        assert reading.signed_at is not None
        study.refresh_from_db()
        assert study.state == "REPORTED"
        event = AuditEvent.objects.get(action="READING_SIGNED")
        assert event.after == {"kind": "FIRST", "opinion": "PNEUMONIA"}

    @pytest.mark.parametrize("who", ["submitter", "administrator", "auditor"])
    def test_only_radiologists(
        self, study: Study, who: str, request: pytest.FixtureRequest
    ) -> None:
        with pytest.raises(NotPermitted):
            sign(study, request.getfixturevalue(who))
        assert not Reading.objects.exists()

    @pytest.mark.parametrize(
        "report", [readings.Report("MAYBE", "x"), readings.Report("PNEUMONIA", " \n")]
    )
    def test_a_report_is_complete(
        self, study: Study, radiologist: Any, report: readings.Report
    ) -> None:
        with pytest.raises(InvalidInput):
            sign(study, radiologist, report)
        assert not Reading.objects.exists()

    def test_once(self, study: Study, radiologist: Any, colleague: Any) -> None:
        sign(study, radiologist)
        for reader in (radiologist, colleague):
            with pytest.raises(AlreadySigned):
                sign(study, reader)
        assert Reading.objects.count() == 1

    def test_not_while_a_colleague_reads(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        claims.take(user=colleague, actor=Actor.of(colleague), study=study)
        with pytest.raises(CaseHeld):
            sign(study, radiologist)
        sign(study, colleague)
        assert not CaseClaim.objects.exists()

    def test_the_second_read_is_somebody_elses(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        Study.objects.update(reads_required=2)
        sign(study, radiologist)
        with pytest.raises(AlreadySigned):
            sign(study, radiologist)
        assert sign(study, colleague).kind == "SECOND"
        study.refresh_from_db()
        assert study.state == "REPORTED"

    def test_readers_who_differ_go_to_an_arbiter_who_is_neither(
        self, study: Study, radiologist: Any, colleague: Any, make_user: Any, site: Any
    ) -> None:
        Study.objects.update(reads_required=2)
        sign(study, radiologist)
        sign(study, colleague, readings.Report("NO_PNEUMONIA", "Clear."))
        study.refresh_from_db()
        assert study.state == "AWAITING_ARBITRATION"
        for reader in (radiologist, colleague):
            with pytest.raises(AlreadySigned):
                sign(study, reader)
        assert sign(study, make_user("Radiologist", site, "arbiter")).kind == "ARBITRATION"
        study.refresh_from_db()
        assert study.state == "REPORTED"

    @pytest.mark.django_db(transaction=True)
    def test_of_two_signatures_at_once_one_stands(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        answers = at_once([lambda: sign(study, radiologist), lambda: sign(study, colleague)])
        assert sorted(type(answer).__name__ for answer in answers) == ["AlreadySigned", "Reading"]
        assert Reading.objects.count() == 1


class TestAmend:
    def test_addenda_form_a_chain_and_nothing_is_lost(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        first = sign(study, radiologist)
        second, third = amend(study, colleague), amend(study, radiologist, "Lab result")
        assert (second.supersedes, third.supersedes) == (first, second)
        study.refresh_from_db()
        assert study.state == "AMENDED"
        assert Reading.objects.count() == 3
        reasons = AuditEvent.objects.filter(action="READING_AMENDED").values_list(
            "reason", flat=True
        )
        assert list(reasons) == ["Prior films", "Lab result"]

    def test_only_the_newest_text(self, study: Study, radiologist: Any, colleague: Any) -> None:
        first = sign(study, radiologist)
        amend(study, colleague, supersedes=first.pk)
        for unseen in (first.pk, first.pk + 1000):
            with pytest.raises(ReportAmended):
                amend(study, radiologist, supersedes=unseen)
        assert Reading.objects.count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_of_the_same_addendum_twice_at_once_one_stands(
        self, study: Study, radiologist: Any
    ) -> None:
        first = sign(study, radiologist)
        answers = at_once([lambda: amend(study, radiologist, supersedes=first.pk)] * 2)
        assert sorted(type(answer).__name__ for answer in answers) == ["Reading", "ReportAmended"]
        assert Reading.objects.count() == 2

    def test_only_what_is_signed(self, study: Study, radiologist: Any) -> None:
        with pytest.raises(TransitionRefused):
            amend(study, radiologist)

    def test_only_with_a_reason(self, study: Study, radiologist: Any) -> None:
        sign(study, radiologist)
        with pytest.raises(InvalidInput):
            amend(study, radiologist, "  ")

    def test_only_radiologists(self, study: Study, radiologist: Any, submitter: Any) -> None:
        sign(study, radiologist)
        with pytest.raises(NotPermitted):
            amend(study, submitter)
