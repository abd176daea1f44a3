"""What people typed outlives an ended session, a silent server and a second click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.models import Reading, Study
from diagnosis.permissions import Actor
from diagnosis.services import readings
from diagnosis.services.readings import Report
from tests.functional.staff import fill_in, film
from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def end_session(somebody: Staff) -> None:
    somebody.page.context.clear_cookies(name="sessionid")


def test_a_report_outlives_an_ended_session(
    staff: Callable[[Any], Staff], radiologist: Any, submit: Any
) -> None:
    study = submit()
    analyse()
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_role("button", name="Start reading").click()
    reader.page.get_by_label("No pneumonia").check()
    reader.page.get_by_label("Impression").fill("Clear lungs.")
    end_session(reader)
    reader.page.get_by_role("button", name="Sign report").click()
    reader.page.get_by_text("Your session has ended.").wait_for()
    assert reader.page.get_by_label("Impression").input_value() == "Clear lungs."
    assert not Reading.objects.exists()
    again = reader.page.context.new_page()
    again.goto(f"{reader.base}{reverse('login')}?next={reverse('study', args=[study.uid])}")
    again.fill("[name=username]", radiologist.username)
    again.fill("[name=password]", "a-long-test-password")
    again.get_by_role("button", name="Log in").click()
    again.get_by_text("You are reading this case").wait_for()
    reader.page.get_by_role("button", name="Sign report").click()
    reader.page.get_by_role("dialog").get_by_role("button", name="Sign report").click()
    reader.page.get_by_text("Report signed.").wait_for()
    assert Reading.objects.get().impression == "Clear lungs."


def test_a_submission_outlives_an_ended_session(
    staff: Callable[[Any], Staff], submitter: Any, model_version: Any
) -> None:
    ward = staff(submitter)
    ward.go("submit")
    fill_in(ward.page)
    ward.page.set_input_files("#films", [film(1)])
    end_session(ward)
    ward.page.get_by_role("button", name="Submit study").click()
    ward.page.get_by_text("Your session has ended, and nothing was stored.").wait_for()
    assert ward.page.get_by_label("MRN").input_value() == "SAMPLE-1"
    assert ward.page.locator("[data-chosen] li").count() == 1
    assert not Study.objects.exists()


def test_a_worklist_without_answers_does_not_say_that_it_is_live(
    staff: Callable[[Any], Staff], radiologist: Any, submit: Any
) -> None:
    submit()
    reader = staff(radiologist)
    assert reader.page.evaluate("htmx.config.timeout") == 10_000
    reader.page.evaluate("htmx.config.timeout = 200")
    reader.page.route(f"**{reverse('worklist-rows')}*", lambda _route: None)  # never answered
    reader.page.locator(".live.lost").wait_for()


def test_two_clicks_sign_one_addendum(
    staff: Callable[[Any], Staff], radiologist: Any, submit: Any
) -> None:
    study = submit()
    report = Report("PNEUMONIA", "Right lower zone.")
    readings.sign(user=radiologist, actor=Actor.of(radiologist), study=study, report=report)
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_text("Add an addendum").click()
    reader.page.get_by_label("Indeterminate").check()
    reader.page.get_by_label("Impression").fill("On second thought.")
    reader.page.get_by_label("Reason for the addendum").fill("Prior films")
    address, posts = reverse("study-amend", args=[study.uid]), []
    reader.page.on(
        "request", lambda request: posts.append(request) if request.url.endswith(address) else None
    )
    reader.page.get_by_role("button", name="Sign addendum").click()
    confirm = reader.page.get_by_role("dialog").get_by_role("button", name="Sign addendum")
    confirm.evaluate("button => { button.click(); button.click(); }")
    reader.page.get_by_text("Addendum signed.").wait_for()
    assert len(posts) == 1
    assert Reading.objects.filter(kind="ADDENDUM").count() == 1
