"""The worklist under a radiologist's hands, and the way from case to case."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent, CaseClaim, Reading, SavedFilter, Study
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.queries.next_case import free
from diagnosis.services import claims, readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_case(page: Any, study: Study) -> None:
    page.wait_for_url(f"**{reverse('study', args=[study.uid])}")
    page.get_by_text("You are reading this case").wait_for()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it never came true"


def ready(page: Any) -> None:
    """The page's script listens."""
    page.get_by_text("Live, ").wait_for()


def place_of(page: Any, study: Study) -> float:
    return float(page.locator(f"[data-row='{study.uid}']").bounding_box()["y"])


class TestKeyboard:
    def test_from_the_search_to_the_next_case(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        ada = submit(name="Ada Sample", mrn="M-77")
        first = submit(name="Zoe Other", priority="STAT")
        reader = staff(radiologist)
        page = reader.page
        ready(page)
        page.keyboard.press("/")
        page.keyboard.type("ada")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Search: ada").wait_for()
        ready(page)
        assert page.locator("[data-row]").count() == 1
        assert "ada" not in page.url
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{reverse('study', args=[ada.uid])}")
        page.go_back()
        page.get_by_role("button", name="Search: ada").wait_for()
        ready(page)
        page.keyboard.press("x")
        page.get_by_role("link", name="Zoe Other").wait_for()
        ready(page)
        page.keyboard.press("?")
        page.get_by_role("dialog").get_by_text("Search for a patient").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert page.locator("tr.chosen").get_attribute("data-row") == str(ada.uid)
        page.keyboard.press("k")
        page.keyboard.press("Escape")
        assert page.locator("tr.chosen").count() == 0
        page.keyboard.press("n")
        open_case(page, first)
        assert reader.complaints == []

    def test_what_is_typed_is_no_command(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        submit()
        page = staff(radiologist).page
        ready(page)
        page.keyboard.press("/")
        page.keyboard.type("njx?")
        assert page.locator("#term").input_value() == "njx?"
        assert not CaseClaim.objects.exists()
        assert page.locator("tr.chosen").count() == 0


class TestFilters:
    def test_filtered_kept_and_chosen_again(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        submit(name="Ada Sample")
        reader = staff(radiologist)
        page = reader.page
        page.locator("summary", has_text="Filters").first.click()
        page.get_by_label("Submitted to").fill("2020-01-01")
        page.get_by_role("button", name="Apply").click()
        page.get_by_text("No study matches these filters.").wait_for()
        page.locator("summary", has_text="Saved filters").click()
        page.get_by_label("Name of the new filter").fill("Long ago")
        page.get_by_role("button", name="Save", exact=True).click()
        chip = page.get_by_role("navigation", name="Saved filters").get_by_text("Long ago")
        chip.wait_for()
        page.get_by_role("link", name="To: 2020-01-01").click()
        page.get_by_role("link", name="Ada Sample").wait_for()
        chip.click()
        page.get_by_text("No study matches these filters.").wait_for()
        page.locator("summary", has_text="Saved filters").click()
        page.get_by_role("button", name="Make default").click()
        page.get_by_role("link", name="Worklist").click()
        page.wait_for_url("**/worklist/?**until=2020-01-01")
        assert SavedFilter.objects.get().is_default
        assert reader.complaints == []


class TestRefresh:
    def test_it_moves_no_row_of_a_reader_who_chose_one(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        submit(name="First Case")
        chosen = submit(name="Second Case")
        reader = staff(radiologist)
        page = reader.page
        ready(page)
        page.keyboard.press("j")
        page.keyboard.press("j")
        before = place_of(page, chosen)
        submit(name="Stat Case", priority="STAT")
        news = page.get_by_role("button", name="1 new study, 1 STAT")
        news.wait_for()
        assert page.get_by_role("link", name="Stat Case").count() == 0
        assert place_of(page, chosen) == before
        assert page.evaluate("document.activeElement.id") == f"open-{chosen.uid}"
        news.click()
        page.get_by_role("link", name="Stat Case").wait_for()
        assert page.locator("tr.chosen").get_attribute("data-row") == str(chosen.uid)
        assert reader.complaints == []

    def test_it_renews_rows_where_they_stand_and_marks_those_that_left(
        self,
        staff: Callable[[Any], Staff],
        radiologist: Any,
        colleague: Any,
        submit: Callable[..., Study],
    ) -> None:
        first, second = submit(name="First Case"), submit(name="Second Case")
        reader = staff(radiologist)
        page = reader.page
        ready(page)
        page.keyboard.press("j")
        before = place_of(page, second)
        claims.take(user=colleague, actor=Actor.of(colleague), study=second)
        page.locator(f"[data-row='{second.uid}']").get_by_text("colleague").wait_for()
        report = readings.Report("PNEUMONIA", "Seen.")
        readings.sign(user=colleague, actor=Actor.of(colleague), study=first, report=report)
        page.locator(f"[data-row='{first.uid}']").get_by_text("No longer in this list").wait_for()
        assert place_of(page, second) == before
        page.keyboard.press("Escape")
        page.locator(f"[data-row='{first.uid}']").wait_for(state="detached")
        assert reader.complaints == []

    def test_it_leaves_an_open_panel_and_typed_text_alone(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        reader = staff(radiologist)
        page = reader.page
        page.locator("#term").fill("half a na")
        page.locator("summary", has_text="Filters").first.click()
        page.get_by_label("Submitted by").fill("war")
        submit(name="Late Case")
        page.get_by_role("link", name="Late Case").wait_for()
        assert page.get_by_label("Submitted by").input_value() == "war"
        assert page.get_by_label("Submitted by").is_visible()
        assert page.locator("#term").input_value() == "half a na"
        assert reader.complaints == []


class TestNextCase:
    def test_signing_and_releasing_lead_on_to_the_end(
        self, staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]
    ) -> None:
        first, second = submit(), submit()
        reader = staff(radiologist)
        page = reader.page
        page.get_by_role("button", name="Next case").click()
        open_case(page, first)
        page.get_by_role("button", name="Release and next").click()
        open_case(page, second)
        page.get_by_label("Pneumonia", exact=True).check()
        page.get_by_label("Impression").fill("Right lower zone.")
        page.get_by_label("Go on to the next case").check()
        page.get_by_role("button", name="Sign report").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign report").click()
        open_case(page, first)
        page.get_by_text("Report signed.").wait_for()
        assert Reading.objects.get().study == second
        assert page.get_by_label("Go on to the next case").is_checked()
        page.get_by_role("button", name="Release", exact=True).click()
        page.get_by_role("button", name="Start reading").wait_for()
        assert reader.complaints == []

    def test_nothing_to_read(self, staff: Callable[[Any], Staff], radiologist: Any) -> None:
        page = staff(radiologist).page
        page.get_by_role("button", name="Next case").click()
        page.get_by_text("Nothing to read").wait_for()

    def test_a_colleague_takes_it_over_with_a_reason(
        self,
        staff: Callable[[Any], Staff],
        radiologist: Any,
        colleague: Any,
        submit: Callable[..., Study],
    ) -> None:
        case = submit()
        claims.take(user=radiologist, actor=Actor.of(radiologist), study=case)
        Reading.objects.create(study=case, reader=radiologist, impression="Half")
        other = staff(colleague)
        other.page.locator(f"[data-row='{case.uid}'] .held").wait_for()
        other.go("study", case.uid)
        other.page.get_by_role("button", name="Take over").click()
        assert CaseClaim.objects.get().holder == radiologist  # the reason is required
        other.page.get_by_label("Reason to take it over").fill("Shift change")
        other.page.get_by_role("button", name="Take over").click()
        open_case(other.page, case)
        assert AuditEvent.objects.get(action="CASE_TAKEN_OVER").reason == "Shift change"
        assert Reading.objects.get().impression == "Half"
        assert other.complaints == []


class TestLeaving:
    @pytest.fixture
    def case(self, submit: Callable[..., Study]) -> Study:
        return submit()

    @pytest.fixture
    def reader(self, staff: Callable[[Any], Staff], radiologist: Any, case: Study) -> Staff:
        reader = staff(radiologist)
        ready(reader.page)
        reader.page.keyboard.press("n")
        open_case(reader.page, case)
        return reader

    def is_free(self, colleague: Any) -> bool:
        return bool(list(free(colleague)))

    def test_a_closed_browser_frees_the_case(
        self, reader: Staff, colleague: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "LEFT", timedelta(milliseconds=100))
        assert not self.is_free(colleague)
        reader.page.close(run_before_unload=True)
        until(lambda: self.is_free(colleague))

    def test_a_crashed_one_frees_it_after_the_lease(
        self, reader: Staff, colleague: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "LEASE", timedelta(seconds=1))
        reader.page.route("**/leave/", lambda route: route.abort())
        reader.page.reload()
        open_case(reader.page, Study.objects.get())
        reader.page.route("**/heartbeat/", lambda route: route.abort())
        until(lambda: self.is_free(colleague))

    def test_a_reload_keeps_it(
        self, reader: Staff, case: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left: list[Study] = []
        leave = claims.leave

        def and_note(**facts: Any) -> None:
            leave(**facts)
            left.append(facts["study"])

        monkeypatch.setattr(claims, "leave", and_note)
        reader.page.reload()
        open_case(reader.page, case)
        until(lambda: left == [case])
        until(lambda: CaseClaim.objects.get().lease_expires_at > db_now() + claims.LEFT)
        assert reader.complaints == []
