"""A reader's draft: kept, never overwritten unseen, and shown to whom the rules allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction

from diagnosis.errors import AlreadySigned, CaseHeld, DraftChanged, NotPermitted
from diagnosis.models import AuditEvent, Reading, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries import drafts as queries
from diagnosis.report import Region, Report
from diagnosis.services import claims, drafts, readings
from tests.integration.diagnosis.work import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
TEXT = Report(impression="Consolidation.", regions={Region.RIGHT_LUNG: "Opacity, lower zone."})
SIGNED = Report("NO_PNEUMONIA", "Clear.")


def save(study: Study, by: Any, report: Report = TEXT, revision: int = 0) -> Reading:
    return drafts.save(user=by, actor=Actor.of(by), study=study, report=report, revision=revision)


def discard(study: Study, by: Any, revision: int) -> None:
    drafts.discard(user=by, actor=Actor.of(by), study=study, revision=revision)


def sign(study: Study, by: Any, report: Report = SIGNED, **more: Any) -> Reading:
    return readings.sign(user=by, actor=Actor.of(by), study=study, report=report, **more)


def take(study: Study, by: Any, reason: str = "") -> None:
    claims.take(user=by, actor=Actor.of(by), study=study, reason=reason)


def told() -> list[str]:
    events = AuditEvent.objects.filter(action__startswith="DRAFT_")
    return list(events.values_list("action", flat=True))


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


class TestSave:
    def test_each_save_is_a_revision_and_the_first_an_event(
        self, study: Study, radiologist: Any
    ) -> None:
        first = save(study, radiologist)
        later = save(study, radiologist, Report(impression="Clear."), first.revision)
        assert (first.pk, first.revision, later.revision) == (later.pk, 1, 2)
        stored = Reading.objects.get()
        assert (stored.kind, stored.impression, stored.regions) == ("FIRST", "Clear.", {})
        assert stored.signed_at is None
        assert stored.saved_at > stored.created_at
        assert told() == ["DRAFT_STARTED"]
        study.refresh_from_db()
        assert study.state == "PROCESSING"

    def test_two_tabs_do_not_overwrite_each_other(self, study: Study, radiologist: Any) -> None:
        save(study, radiologist)
        with pytest.raises(DraftChanged) as refused:
            save(study, radiologist, Report(impression="Other tab."))
        assert refused.value.details == {"revision": 1}
        assert Reading.objects.get().impression == "Consolidation."

    def test_a_save_whose_answer_was_lost_may_be_repeated(
        self, study: Study, radiologist: Any
    ) -> None:
        assert [save(study, radiologist).revision for _ in range(2)] == [1, 1]

    def test_line_ends_and_blanks_around_are_no_change(
        self, study: Study, radiologist: Any
    ) -> None:
        save(study, radiologist, Report(impression="One.\nTwo."))
        assert save(study, radiologist, Report(impression=" One.\r\nTwo.\r\n")).revision == 1

    @pytest.mark.parametrize("who", ["submitter", "administrator", "auditor"])
    def test_only_radiologists(
        self, study: Study, who: str, request: pytest.FixtureRequest
    ) -> None:
        user = request.getfixturevalue(who)
        with pytest.raises(NotPermitted):
            save(study, user)
        with pytest.raises(NotPermitted):
            discard(study, user, 0)
        assert not Reading.objects.exists()

    def test_nobody_begins_one_while_a_colleague_reads_and_whoever_has_one_keeps_it(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        take(study, radiologist)
        with pytest.raises(CaseHeld):
            save(study, colleague)
        save(study, radiologist)
        take(study, colleague, "Urgent")
        assert save(study, radiologist, Report(impression="More."), 1).revision == 2

    def test_not_for_a_signed_case_nor_after_ones_own_signature(
        self, study: Study, radiologist: Any, colleague: Any
    ) -> None:
        Study.objects.update(reads_required=2)
        sign(study, radiologist)
        with pytest.raises(AlreadySigned):
            save(study, radiologist)
        assert save(study, colleague).kind == "SECOND"
        sign(study, colleague)
        with pytest.raises(AlreadySigned):
            save(study, colleague)

    @pytest.mark.django_db(transaction=True)
    def test_of_two_first_saves_at_once_one_stands(self, study: Study, radiologist: Any) -> None:
        other = Report(impression="Other tab.")
        answers = at_once(
            [lambda: save(study, radiologist), lambda: save(study, radiologist, other)]
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["DraftChanged", "Reading"]
        assert Reading.objects.get().revision == 1


class TestDiscard:
    def test_it_is_empty_afterwards_and_told_once(self, study: Study, radiologist: Any) -> None:
        save(study, radiologist)
        discard(study, radiologist, 1)
        discard(study, radiologist, 1)
        assert Report.of(Reading.objects.get()).is_blank
        assert told() == ["DRAFT_STARTED", "DRAFT_DISCARDED"]

    def test_not_what_another_tab_wrote_meanwhile(self, study: Study, radiologist: Any) -> None:
        save(study, radiologist)
        with pytest.raises(DraftChanged):
            discard(study, radiologist, 0)
        assert Reading.objects.get().impression == "Consolidation."

    def test_an_old_page_does_not_take_a_new_draft_for_its_own(
        self, study: Study, radiologist: Any
    ) -> None:
        save(study, radiologist)
        discard(study, radiologist, 1)
        save(study, radiologist, Report(impression="New."), 2)
        with pytest.raises(DraftChanged):
            save(study, radiologist, Report(impression="Of the old page."), 1)

    def test_a_first_opinion_stays(self, study: Study, radiologist: Any) -> None:
        opined(study, radiologist)
        save(study, radiologist)
        discard(study, radiologist, 1)
        assert Reading.objects.get().first_opinion == "PNEUMONIA"

    def test_nothing_to_discard_is_no_event(self, study: Study, radiologist: Any) -> None:
        discard(study, radiologist, 0)
        assert told() == []


def opined(study: Study, by: Any) -> None:
    with transaction.atomic():
        draft = drafts.of(user=by, study=study)
    Reading.objects.filter(pk=draft.pk).update(first_opinion="PNEUMONIA", opined_at=db_now())


class TestShown:
    """queries.drafts.shown_to: never a way to learn what another thinks before one's own opinion."""

    @pytest.fixture
    def taken_over(self, study: Study, radiologist: Any, colleague: Any) -> Study:
        take(study, radiologist)
        save(study, radiologist)
        take(study, colleague, "Shift change")
        return study

    def test_who_takes_the_case_over_sees_the_first_readers_draft(
        self, taken_over: Study, radiologist: Any, colleague: Any
    ) -> None:
        (shown,) = queries.shown_to(colleague, taken_over)
        assert (shown.reader, shown.impression) == (radiologist, "Consolidation.")
        assert queries.shown_to(radiologist, taken_over) == []

    def test_only_while_the_case_is_held(self, taken_over: Study, colleague: Any) -> None:
        claims.release(user=colleague, actor=Actor.of(colleague), study=taken_over)
        assert queries.shown_to(colleague, taken_over) == []

    def test_on_a_blinded_study_only_after_ones_own_opinion(
        self, taken_over: Study, colleague: Any
    ) -> None:
        taken_over.is_blinded = True
        taken_over.save(update_fields=["is_blinded"])
        assert queries.shown_to(colleague, taken_over) == []
        opined(taken_over, colleague)
        assert len(queries.shown_to(colleague, taken_over)) == 1

    def test_a_first_readers_draft_is_never_shown_to_the_second_reader(
        self, taken_over: Study, colleague: Any, make_user: Any, site: Any
    ) -> None:
        Study.objects.update(reads_required=2)
        sign(taken_over, colleague)
        taken_over.refresh_from_db()
        second = make_user("Radiologist", site, "second")
        take(taken_over, second)
        opined(taken_over, second)
        assert queries.shown_to(second, taken_over) == []

    def test_ones_own_of_an_earlier_read_is_not_lost(
        self, taken_over: Study, radiologist: Any, colleague: Any
    ) -> None:
        sign(taken_over, colleague)
        taken_over.refresh_from_db()
        (own,) = queries.shown_to(radiologist, taken_over)
        assert own.impression == "Consolidation."
        assert queries.shown_to(colleague, taken_over) == []

    def test_a_blank_one_is_none(self, taken_over: Study, radiologist: Any, colleague: Any) -> None:
        discard(taken_over, radiologist, 1)
        assert queries.shown_to(colleague, taken_over) == []


class TestPrefilled:
    def test_from_the_study_and_the_newest_earlier_one(
        self, submit: Callable[..., Study], radiologist: Any
    ) -> None:
        same = {"mrn": "MRN-1", "indication": "Cough"}
        earlier, study, _later = (submit(**same) for _ in range(3))
        study.images.update(view_position="AP")
        assert queries.prefilled(radiologist, study) == Report(
            indication="Cough",
            comparison=f"Chest radiograph of {earlier.submitted_at:%Y-%m-%d}.",
            technique="Chest radiograph, AP.",
        )
        assert queries.prefilled(radiologist, earlier).comparison == "None."

    def test_a_draft_comes_before_it(self, study: Study, radiologist: Any) -> None:
        save(study, radiologist)
        assert queries.text_for(radiologist, study) == TEXT
        discard(study, radiologist, 1)
        assert queries.text_for(radiologist, study).technique == "Chest radiograph."


class TestSign:
    def test_the_draft_becomes_the_reading(self, study: Study, radiologist: Any) -> None:
        draft = save(study, radiologist)
        text = Report("PNEUMONIA", "As seen.", regions={"HILA": "Full."}, technique="AP.")
        reading = sign(study, radiologist, text, revision=1)
        assert reading.pk == draft.pk
        assert Report.of(Reading.objects.get()) == text

    def test_not_over_another_tabs_text(self, study: Study, radiologist: Any) -> None:
        save(study, radiologist)
        with pytest.raises(DraftChanged):
            sign(study, radiologist, revision=0)
        assert Reading.objects.get().signed_at is None
        assert sign(study, radiologist, revision=1).impression == "Clear."

    def test_a_first_opinion_is_kept(self, study: Study, radiologist: Any) -> None:
        opined(study, radiologist)
        assert sign(study, radiologist).first_opinion == "PNEUMONIA"
        assert Reading.objects.get().opined_at is not None
