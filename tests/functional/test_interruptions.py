"""What a page does when session, server or case is gone: it says so, and keeps what was typed."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import Reading, Study
from diagnosis.permissions import Actor
from diagnosis.services import claims, readings
from tests.functional.staff import fill_in, film

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Like a reader who is not sure that the first click was heard.
CLICK_AGAIN = """button => button.addEventListener("click", () => setTimeout(() => {
    button.click();
    clickedAgain();
}, 500), { once: true })"""
TEXT = "Right lower zone."


@pytest.fixture
def study(submit: Callable[..., Study]) -> Study:
    return submit()


@pytest.fixture
def reader(staff: Callable[[Any], Staff], radiologist: Any, study: Study) -> Staff:
    """A radiologist who has read the case and typed a report."""
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_role("button", name="Start reading").click()
    type_report(reader.page)
    return reader


@pytest.fixture
def amender(staff: Callable[[Any], Staff], radiologist: Any, study: Study) -> Staff:
    """A radiologist who has typed an addendum to a signed report."""
    report = readings.Report("NO_PNEUMONIA", "Clear.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=study, report=report)
    amender = staff(radiologist)
    amender.go("study", study.uid)
    amender.page.get_by_text("Add an addendum").click()
    type_report(amender.page)
    amender.page.get_by_label("Reason for the addendum").fill("Prior films")
    return amender


def type_report(page: Any) -> None:
    page.get_by_label("Pneumonia", exact=True).check()
    page.get_by_label("Impression").fill(TEXT)


def confirm(page: Any, what: str = "Sign report") -> None:
    page.get_by_role("button", name=what).click()
    page.get_by_role("dialog").get_by_role("button", name=what).click()


def asks_before_leaving(page: Any) -> bool:
    """Whether the browser holds somebody who follows a link; they then stay."""
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Worklist").click()
    page.remove_listener("dialog", stay)
    return asked == ["beforeunload"]


class TestSession:
    def test_a_submission_is_kept_and_sent_after_another_log_in(
        self, staff: Callable[[Any], Staff], submitter: Any, model_version: Any
    ) -> None:
        ward = staff(submitter)
        ward.go("submit")
        fill_in(ward.page)
        ward.page.set_input_files("#films", [film()])
        ward.lose_session()
        ward.page.get_by_role("button", name="Submit study").click()
        ward.page.get_by_text("Your session has ended").wait_for()
        assert ward.page.get_by_label("Patient name").input_value() == "Ada Sample"
        assert ward.page.locator("[data-chosen] li").count() == 1
        assert not Study.objects.exists()
        ward.in_another_tab("log in in another tab")
        ward.page.get_by_role("button", name="Submit study").click()
        ward.page.wait_for_url("**/studies/*/")
        assert Study.objects.get().images.count() == 1
        assert ward.complaints == []

    def test_a_report_is_kept_and_signed_after_another_log_in(self, reader: Staff) -> None:
        reader.lose_session()
        reader.page.get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("Your session has ended").wait_for()
        assert not reader.page.get_by_role("dialog").is_visible()
        assert reader.page.get_by_label("Impression").input_value() == TEXT
        reader.in_another_tab("log in in another tab")
        confirm(reader.page)
        reader.page.get_by_text("Report signed.").wait_for()
        assert Reading.objects.get().impression == TEXT
        assert reader.complaints == []

    def test_it_may_end_while_the_question_is_open(self, reader: Staff) -> None:
        reader.page.get_by_role("button", name="Sign report").click()
        reader.page.get_by_role("dialog").wait_for()
        reader.lose_session()
        reader.page.get_by_role("dialog").get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("Your session has ended").wait_for()
        assert reader.page.get_by_label("Impression").input_value() == TEXT

    def test_an_incomplete_report_is_kept_too(self, reader: Staff) -> None:
        reader.page.get_by_label("Impression").fill("")
        reader.page.get_by_label("Findings").fill(TEXT)
        reader.lose_session()
        reader.page.get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("Your session has ended").wait_for()
        assert reader.page.get_by_label("Findings").input_value() == TEXT

    def test_an_addendum_is_kept_and_signed_after_another_log_in(self, amender: Staff) -> None:
        amender.lose_session()
        amender.page.get_by_role("button", name="Sign addendum").click()
        amender.page.get_by_text("Your session has ended").wait_for()
        amender.in_another_tab("log in in another tab")
        confirm(amender.page, "Sign addendum")
        amender.page.get_by_text("Addendum signed.").wait_for()
        assert Reading.objects.count() == 2

    def test_nobody_signs_what_another_user_typed(
        self, amender: Staff, make_user: Any, site: Any
    ) -> None:
        amender.lose_session()
        amender.page.get_by_role("button", name="Sign addendum").click()
        colleague = make_user("Radiologist", site, "colleague")
        amender.in_another_tab("log in in another tab", colleague)
        amender.page.get_by_role("button", name="Sign addendum").click()
        amender.page.get_by_text("Another user is logged in now").wait_for()
        assert Reading.objects.count() == 1

    def test_the_live_part_of_a_page_leaves_a_typed_report_alone(self, reader: Staff) -> None:
        assert reader.page.locator("[data-pending]").count() == 1
        reader.lose_session()
        reader.page.get_by_text("Your session has ended").wait_for()
        assert reader.page.get_by_label("Impression").input_value() == TEXT


class TestCase:
    def test_a_report_on_a_case_that_a_colleague_took_is_kept(
        self, reader: Staff, study: Study, make_user: Any, site: Any
    ) -> None:
        colleague = make_user("Radiologist", site, "colleague")
        claims.take(user=colleague, actor=Actor.of(colleague), study=study, reason="Urgent")
        reader.page.get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("You no longer hold this case").wait_for()
        assert not reader.page.get_by_text("You are reading this case").is_visible()
        assert reader.page.get_by_label("Impression").input_value() == TEXT
        claims.release(user=colleague, actor=Actor.of(colleague), study=study)
        with reader.page.expect_popup() as opened:
            reader.page.get_by_role("link", name="open the case in another tab").click()
        opened.value.get_by_role("button", name="Start reading").click()
        opened.value.get_by_text("You are reading this case").wait_for()
        confirm(reader.page)
        reader.page.get_by_text("Report signed.").wait_for()
        assert Reading.objects.get().impression == TEXT

    def test_a_refused_report_is_not_left_by_accident(
        self, reader: Staff, study: Study, make_user: Any, site: Any
    ) -> None:
        from playwright.sync_api import expect

        reader.page.get_by_label("Impression").fill("")
        reader.page.get_by_label("Findings").fill(TEXT)
        reader.page.set_viewport_size({"width": 800, "height": 600})
        reader.page.get_by_role("button", name="Sign report").click()
        expect(reader.page.get_by_text("Write an impression.")).to_be_in_viewport()
        assert not asks_before_leaving(reader.page), "the draft is saved"
        reader.go("study", study.uid)
        assert reader.page.get_by_label("Findings").input_value() == TEXT
        reader.page.route("**/draft/", lambda route: route.abort())
        reader.page.get_by_label("Findings").fill("Not saved yet.")
        reader.page.get_by_text("Not saved: no answer").wait_for()
        assert asks_before_leaving(reader.page)
        assert reader.page.get_by_label("Findings").input_value() == "Not saved yet."

    def test_two_clicks_sign_one_addendum(
        self, amender: Staff, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[str] = []
        clicked_again = Event()
        amend = readings.amend

        def slowly(**facts: Any) -> Reading:
            sent.append(facts["reason"])
            clicked_again.wait(15)
            return amend(**facts)

        monkeypatch.setattr(readings, "amend", slowly)
        amender.page.expose_function("clickedAgain", clicked_again.set)
        amender.page.locator("[value=confirmed]").evaluate(CLICK_AGAIN)
        confirm(amender.page, "Sign addendum")
        amender.page.get_by_text("Addendum signed.").wait_for()
        assert sent == ["Prior films"]
        assert Reading.objects.count() == 2
        assert amender.complaints == []


class TestServer:
    def test_a_worklist_without_an_answer_does_not_call_itself_live(
        self, staff: Callable[[Any], Staff], radiologist: Any
    ) -> None:
        reader = staff(radiologist)
        assert reader.page.evaluate("htmx.config.timeout") == 10_000
        reader.page.evaluate("htmx.config.timeout = 300")
        held: list[None] = []
        reader.page.route("**/worklist/rows/**", lambda _route: held.append(None))
        reader.page.get_by_text("Not live: no answer from the server").wait_for()
        assert held
        reader.page.unroute("**/worklist/rows/**")
        reader.page.locator("[data-live]:not(.lost)").wait_for()

    def test_an_upload_takes_as_long_as_it_takes(
        self, staff: Callable[[Any], Staff], submitter: Any, model_version: Any
    ) -> None:
        ward = staff(submitter)
        ward.go("submit")
        fill_in(ward.page)
        ward.page.set_input_files("#films", [film()])
        ward.page.evaluate(
            "addEventListener('htmx:beforeSend', (e) => (window.limit = e.detail.xhr.timeout))"
        )
        ward.page.route("**/submit/", lambda _route: None)
        ward.page.get_by_role("button", name="Submit study").click()
        assert ward.page.wait_for_function("window.limit + 1").json_value() == 1

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ({"status": 503, "body": "<!doctype html><main><h1>No database.</h1></main>"}, "No d"),
            ({"status": 502, "body": "<html>Bad Gateway</html>"}, "The server could not take it."),
            ({"status": 500, "body": "", "content_type": "text/plain"}, "could not take it."),
        ],
    )
    def test_a_refused_upload_is_told_and_kept(
        self,
        staff: Callable[[Any], Staff],
        submitter: Any,
        model_version: Any,
        answer: dict[str, Any],
        said: str,
    ) -> None:
        ward = staff(submitter)
        ward.go("submit")
        fill_in(ward.page)
        ward.page.set_input_files("#films", [film()])
        whole = {"content_type": "text/html", **answer}
        ward.page.route("**/submit/", lambda route: route.fulfill(**whole))
        ward.page.get_by_role("button", name="Submit study").click()
        ward.page.locator("#submit-messages").get_by_text(said).wait_for()
        assert ward.page.locator("main").count() == 1
        assert not ward.page.locator("[data-progress]").is_visible()
        ward.page.unroute("**/submit/")
        ward.page.get_by_role("button", name="Submit study").click()
        ward.page.wait_for_url("**/studies/*/")
        assert Study.objects.get().images.count() == 1

    def test_a_report_without_an_answer_is_kept(self, reader: Staff) -> None:
        reader.page.route("**/heartbeat/", lambda route: route.abort())
        reader.page.get_by_role("button", name="Sign report").click()
        reader.page.get_by_text("No answer from the server.").wait_for()
        reader.page.unroute("**/heartbeat/")
        confirm(reader.page)
        reader.page.get_by_text("Report signed.").wait_for()
