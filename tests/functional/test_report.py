"""Writing a report in a real browser: sections, drafts, two tabs, and the signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from diagnosis.models import AuditEvent, Reading, Study
from diagnosis.permissions import Actor
from diagnosis.report import Report
from diagnosis.services import readings
from tests.functional.report_page import KEPT, field, saved
from tests.functional.staff import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEXT = "Right lower zone."


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit(indication="Fever")


@pytest.fixture
def reader(staff: Callable[[Any], Staff], radiologist: Any, study: Study) -> Staff:
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_role("button", name="Start reading").click()
    reader.page.get_by_text("You are reading this case").wait_for()
    return reader


def confirm(page: Any, what: str = "Sign report") -> None:
    page.get_by_role("button", name=what).click()
    page.get_by_role("dialog").get_by_role("button", name=what).click()


class TestSections:
    def test_a_report_begins_with_what_is_known(self, reader: Staff) -> None:
        assert field(reader.page, "Indication").input_value() == "Fever"
        assert field(reader.page, "Comparison").input_value() == "None."
        assert field(reader.page, "Technique").input_value() == "Chest radiograph."

    def test_normal_regions_are_a_click_and_what_is_typed_stays(self, reader: Staff) -> None:
        field(reader.page, "Right lung").fill(TEXT)
        assert not reader.page.get_by_label("Right lung normal").is_visible()
        reader.page.get_by_label("Left lung normal").click()
        assert field(reader.page, "Left lung").input_value() == "Clear."
        reader.page.get_by_role("button", name="rest normal").click()
        assert field(reader.page, "Right lung").input_value() == TEXT
        assert field(reader.page, "Hila").input_value() == "Normal."
        field(reader.page, "Left lung").focus()
        reader.page.keyboard.press("ControlOrMeta+z")
        assert field(reader.page, "Devices, lines").input_value() == ""

    def test_the_form_fits_beside_the_film(self, reader: Staff) -> None:
        reader.page.get_by_role("button", name="rest normal").click()
        box = reader.page.locator("#report-form").bounding_box()
        assert box
        assert box["height"] < 768

    def test_what_is_signed_is_shown_by_its_sections(self, reader: Staff, study: Study) -> None:
        field(reader.page, "Right lung").fill("Opacity, lower zone.")
        field(reader.page, "Impression").fill(TEXT)
        reader.page.get_by_label("Pneumonia", exact=True).check()
        field(reader.page, "Impression").press("ControlOrMeta+Enter")
        reader.page.get_by_role("dialog").get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("Report signed.").wait_for()
        signed = Reading.objects.get()
        assert (signed.indication, signed.regions) == (
            "Fever",
            {"RIGHT_LUNG": "Opacity, lower zone."},
        )
        shown = reader.page.locator("article.report").inner_text()
        assert "Opacity, lower zone." in shown
        assert "Hila" not in shown
        assert reader.complaints == []


class TestDraft:
    def test_a_pause_saves_and_a_reload_brings_it_back(self, reader: Staff) -> None:
        field(reader.page, "Impression").type(TEXT)
        saved(reader.page)
        reader.page.get_by_label("Indeterminate").check()
        field(reader.page, "Hila").focus()
        reader.page.reload()
        assert field(reader.page, "Impression").input_value() == TEXT
        assert reader.page.get_by_label("Indeterminate").is_checked()
        assert reader.page.evaluate(KEPT) == 0
        assert AuditEvent.objects.filter(action="DRAFT_STARTED").count() == 1
        assert reader.complaints == []

    def test_leaving_at_once_loses_nothing(self, reader: Staff, study: Study) -> None:
        field(reader.page, "Impression").type(TEXT)
        reader.page.get_by_role("link", name="Worklist").click()
        reader.page.wait_for_url("**/worklist/")
        reader.go("study", study.uid)
        assert field(reader.page, "Impression").input_value() == TEXT

    def test_without_an_answer_it_is_kept_here_and_sent_later(
        self, reader: Staff, study: Study
    ) -> None:
        reader.page.route("**/draft/", lambda route: route.abort())
        field(reader.page, "Impression").type(TEXT)
        reader.page.get_by_text("Not saved: no answer, kept in this browser").wait_for()
        assert reader.page.evaluate(KEPT) == 1
        assert not Reading.objects.exists()
        reader.page.unroute("**/draft/")
        saved(reader.page)
        assert Reading.objects.get().impression == TEXT

    def test_an_answer_lost_on_the_way_is_no_conflict(self, reader: Staff) -> None:
        def lose(route: Any) -> None:
            route.fetch()
            route.abort()

        reader.page.route("**/draft/", lose, times=1)
        field(reader.page, "Impression").type(TEXT)
        reader.page.get_by_text("Not saved: no answer").wait_for()
        assert Reading.objects.get().impression == TEXT
        field(reader.page, "Impression").type(" And more.")
        saved(reader.page)
        assert Reading.objects.get().impression == f"{TEXT} And more."
        assert not reader.page.get_by_text("changed in another tab").is_visible()

    def test_what_is_not_saved_goes_from_the_browser_at_log_out(self, reader: Staff) -> None:
        reader.page.route("**/draft/", lambda route: route.abort())
        field(reader.page, "Impression").type(TEXT)
        reader.page.get_by_text("Not saved: no answer").wait_for()
        reader.page.on("dialog", lambda dialog: dialog.accept())
        reader.page.get_by_role("button", name="Log out").click()
        reader.page.wait_for_url("**/login/")
        assert reader.page.evaluate(KEPT) == 0

    def test_it_is_discarded_after_a_question(self, reader: Staff) -> None:
        field(reader.page, "Impression").type(TEXT)
        saved(reader.page)
        reader.page.get_by_role("button", name="Discard draft").click()
        reader.page.get_by_role("dialog").get_by_role("button", name="Go back").click()
        assert Reading.objects.get().impression == TEXT
        reader.page.get_by_role("button", name="Discard draft").click()
        with reader.page.expect_navigation():
            reader.page.get_by_role("dialog").get_by_role("button", name="Discard draft").click()
        expect(field(reader.page, "Impression")).to_have_value("")
        expect(field(reader.page, "Indication")).to_have_value("Fever")
        assert Report.of(Reading.objects.get()).is_blank


class TestTwoTabs:
    @pytest.fixture
    def other(self, reader: Staff, study: Study) -> Any:
        """A second tab of the same reader, both open before anything was typed."""
        tab = reader.page.context.new_page()
        tab.goto(reader.page.url)
        field(reader.page, "Impression").type("Of the first tab.")
        saved(reader.page)
        field(tab, "Impression").type("Of the second tab.")
        tab.get_by_text("changed in another tab").wait_for()
        return tab

    def test_both_texts_are_shown_and_none_is_overwritten(self, other: Any) -> None:
        row = other.locator("[data-conflict-rows] tr")
        assert row.all_inner_texts() == ["Impression\tOf the second tab.\tOf the first tab."]
        assert Reading.objects.get().impression == "Of the first tab."

    def test_ones_own_may_be_kept(self, other: Any) -> None:
        other.get_by_role("button", name="Keep what is here").click()
        saved(other)
        assert Reading.objects.get().impression == "Of the second tab."

    def test_the_others_may_be_taken_and_that_undone(self, other: Any) -> None:
        other.get_by_role("button", name="Take what was saved there").click()
        expect(field(other, "Impression")).to_have_value("Of the first tab.")
        field(other, "Impression").focus()
        other.keyboard.press("ControlOrMeta+z")
        expect(field(other, "Impression")).to_have_value("Of the second tab.")

    def test_nothing_is_signed_unseen(self, other: Any) -> None:
        other.get_by_label("Pneumonia", exact=True).check()
        other.get_by_role("button", name="Sign report").click()
        expect(other.get_by_role("dialog")).not_to_be_visible()
        assert Reading.objects.get().signed_at is None


class TestSign:
    @pytest.fixture
    def strict(self, reader: Staff, study: Study) -> Staff:
        """A complete report at a site that asks for the password."""
        study.site.signs_with_password = True
        study.site.save()
        reader.page.reload()
        field(reader.page, "Impression").fill(TEXT)
        reader.page.get_by_label("Pneumonia", exact=True).check()
        return reader

    def test_the_password_is_asked_for_and_asked_again(self, strict: Staff) -> None:
        field(strict.page, "Impression").press("ControlOrMeta+Enter")
        strict.page.keyboard.type("a-long-wrong-password")  # not waiting for the server either
        strict.page.keyboard.press("Enter")
        strict.page.get_by_text("The password is not yours.").wait_for()
        dialog = strict.page.get_by_role("dialog")
        assert dialog.is_visible()
        assert Reading.objects.get().signed_at is None
        assert AuditEvent.objects.filter(action="SIGNATURE_REFUSED").count() == 1
        assert strict.page.get_by_label("Your password").input_value() == ""
        strict.page.get_by_label("Your password").type(PASSWORD)
        strict.page.keyboard.press("Enter")
        strict.page.get_by_text("Report signed.").wait_for()
        assert Reading.objects.get().impression == TEXT
        assert strict.page.evaluate(KEPT) == 0

    def test_an_addendum_has_the_sections_and_survives_a_reload(
        self, staff: Any, radiologist: Any, study: Study
    ) -> None:
        readings.sign(
            user=radiologist,
            actor=Actor.of(radiologist),
            study=study,
            report=Report("NO_PNEUMONIA", "Clear.", regions={"HILA": "Normal."}),
        )
        amender = staff(radiologist)
        amender.go("study", study.uid)
        amender.page.get_by_text("Add an addendum").click()
        field(amender.page, "Left lung").fill("Opacity.")
        field(amender.page, "Impression").fill(TEXT)
        field(amender.page, "Reason for the addendum").fill("Prior films")
        amender.page.on("dialog", lambda dialog: dialog.accept())
        amender.page.reload()
        assert field(amender.page, "Left lung").input_value() == "Opacity."
        amender.page.get_by_label("Pneumonia", exact=True).check()
        confirm(amender.page, "Sign addendum")
        amender.page.get_by_text("Addendum signed.").wait_for()
        addendum = Reading.objects.latest("id")
        assert (addendum.kind, addendum.regions) == ("ADDENDUM", {"LEFT_LUNG": "Opacity."})
        shown = amender.page.locator("#reading").inner_text()
        assert "Clear." in shown
        assert "Opacity." in shown
        amender.page.reload()
        assert not field(amender.page, "Left lung").is_visible(), "nothing of it is left"
