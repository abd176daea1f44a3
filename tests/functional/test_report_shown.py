"""Who is shown another's draft, and what a printed page has of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import Reading, Study
from diagnosis.permissions import Actor
from diagnosis.report import Report
from diagnosis.services import claims, drafts, readings
from tests.functional.report_page import field, saved

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEXT = "Right lower zone."


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit(indication="Fever")


class TestTakeOver:
    @pytest.fixture
    def after(self, staff: Any, study: Study, radiologist: Any, colleague: Any) -> Staff:
        """A colleague who has taken the case over from somebody with a draft."""
        drafts.save(
            user=radiologist,
            actor=Actor.of(radiologist),
            study=study,
            report=Report(impression=TEXT, regions={"HILA": "Full.\nLeft more."}),
            revision=0,
        )
        claims.take(user=colleague, actor=Actor.of(colleague), study=study)
        after = staff(colleague)
        after.go("study", study.uid)
        return after

    def test_the_first_readers_draft_can_be_copied(self, after: Staff, radiologist: Any) -> None:
        field(after.page, "Impression").fill("Seen again.")
        after.page.get_by_text(f"Draft by {radiologist.username}").click()
        after.page.get_by_role("button", name="Copy into my report").click()
        assert field(after.page, "Impression").input_value() == f"Seen again.\n{TEXT}"
        assert field(after.page, "Hila").input_value() == "Full.\nLeft more."
        saved(after.page)
        assert Reading.objects.count() == 2

    def test_not_on_a_blinded_study(self, after: Staff, study: Study, radiologist: Any) -> None:
        Study.objects.update(is_blinded=True)
        after.page.reload()
        after.page.get_by_role("button", name="Store opinion").wait_for()
        assert TEXT not in after.page.content()
        assert not after.page.get_by_text("Draft by").is_visible()


class TestPrint:
    def test_paper_has_the_signed_report_alone(
        self, staff: Any, radiologist: Any, study: Study
    ) -> None:
        readings.sign(
            user=radiologist,
            actor=Actor.of(radiologist),
            study=study,
            report=Report("PNEUMONIA", TEXT),
        )
        page = self.on_paper(staff, radiologist, study)
        assert page.locator("article.report").is_visible()
        assert page.get_by_role("heading", name=study.patient.name).is_visible()
        assert page.get_by_text("Research use only").locator("visible=true").count()
        for hidden in (".viewer", ".records", "#results", "summary", ".top"):
            assert not page.locator(hidden).first.is_visible(), hidden

    def test_a_draft_is_not_printed(self, staff: Any, radiologist: Any, study: Study) -> None:
        who = {"user": radiologist, "actor": Actor.of(radiologist), "study": study}
        claims.take(**who)
        drafts.save(**who, report=Report(impression=TEXT), revision=0)
        page = self.on_paper(staff, radiologist, study)
        assert page.get_by_text("There is no signed report").is_visible()
        assert not field(page, "Impression").is_visible()

    @staticmethod
    def on_paper(staff: Any, user: Any, study: Study) -> Any:
        someone = staff(user)
        someone.go("study", study.uid)
        someone.page.emulate_media(media="print")
        return someone.page
