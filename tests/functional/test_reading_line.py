"""The whole line in a real browser: submit, watch the result arrive, read, sign, look back."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent, Reading, Study
from ml.contracts.fake import FakeClassifier
from tests import films
from tests.functional.staff import fill_in, film
from worker import pipeline

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def analyse() -> None:
    while pipeline.run_batch(classifier=FakeClassifier(), worker="test-worker"):
        pass


def test_from_submission_to_signed_report(
    staff: Any, submitter: Any, radiologist: Any, model_version: Any
) -> None:
    ward = staff(submitter)
    ward.go("submit")
    fill_in(ward.page)
    ward.page.set_input_files("#films", [film(1), film(2)])
    assert ward.page.locator("[data-chosen] li").count() == 2
    ward.page.get_by_role("button", name="Submit study").click()
    ward.page.wait_for_url("**/studies/*/")
    study = Study.objects.get()
    ward.page.get_by_text("Waiting for a worker").first.wait_for()

    reader = staff(radiologist)
    reader.page.get_by_role("link", name="Ada Sample").wait_for()

    analyse()
    # Nobody reloads: the open page asks by itself until both films have ended.
    ward.page.get_by_text("Decision point").nth(1).wait_for()
    assert ward.page.locator("[data-pending]").count() == 0
    ward.page.locator("#study-state").get_by_text("To read").wait_for()
    reader.page.get_by_text("uggest").first.wait_for()

    reader.page.keyboard.press("j")
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url(f"**{reverse('study', args=[study.uid])}")
    reader.page.get_by_role("button", name="Start reading").click()
    reader.page.get_by_text("You are reading this case").wait_for()
    shows_the_evidence(reader.page)
    signs(reader.page)
    reader.page.get_by_text("Report signed.").wait_for()
    assert Reading.objects.get().impression == "Right lower zone."

    ward.page.reload()
    ward.page.get_by_text("Right lower zone.").wait_for()
    history = ward.page.locator(".history").inner_text()
    for told in (
        f"{submitter.username} submitted the study (2 accepted, 0 refused)",
        "test-worker finished the analysis of a film",
        f"{radiologist.username} started reading",
        f"{radiologist.username} signed the report (Pneumonia)",
    ):
        assert told in history
    seen = set(AuditEvent.objects.values_list("action", "actor_name"))
    assert ("HEAT_MAP_VIEWED", radiologist.username) in seen
    assert ("FILM_VIEWED", radiologist.username) in seen
    assert ward.complaints == reader.complaints == []


def shows_the_evidence(page: Any) -> None:
    """That the map is drawn, test_viewer.py reads back."""
    toggle = page.get_by_role("button", name="Heat map")
    page.locator("[data-pane]:not([data-depth=none])").first.wait_for()
    with page.expect_response("**/heat-map.png*"):
        page.keyboard.press("h")
    assert toggle.get_attribute("aria-pressed") == "true"
    page.keyboard.press("h")
    assert toggle.get_attribute("aria-pressed") == "false"
    with page.expect_response("**/films/*.png?size=first"):
        page.get_by_role("button", name="Film 2").click()


def signs(page: Any) -> None:
    page.get_by_label("Pneumonia", exact=True).check()
    page.get_by_label("Impression").fill("Right lower zone.")
    page.get_by_role("button", name="Sign report").click()
    page.get_by_role("button", name="Go back").click()
    assert not Reading.objects.filter(signed_at__isnull=False).exists()
    page.get_by_role("button", name="Sign report").click()
    dialog = page.get_by_role("dialog")
    assert "Opinion: Pneumonia" in dialog.inner_text()
    dialog.get_by_role("button", name="Sign report").click()


def test_a_refused_submission_keeps_the_films(
    staff: Any, submitter: Any, model_version: Any
) -> None:
    ward = staff(submitter)
    ward.go("submit")
    fill_in(ward.page)
    ward.page.get_by_label("Patient name").fill("")
    ward.page.set_input_files("#films", [film(1)])
    ward.page.get_by_role("button", name="Submit study").click()
    ward.page.locator("#name-error").get_by_text("required").wait_for()
    ward.page.get_by_text("Your films are still chosen.").wait_for()
    assert not Study.objects.exists()
    ward.page.get_by_label("Patient name").fill("Ada Sample")
    ward.page.get_by_role("button", name="Submit study").click()
    ward.page.wait_for_url("**/studies/*/")
    assert Study.objects.get().images.count() == 1
    assert ward.complaints == []


def test_a_bad_film_is_named_and_can_be_removed(
    staff: Any, submitter: Any, model_version: Any
) -> None:
    ward = staff(submitter)
    ward.go("submit")
    fill_in(ward.page)
    bad = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": films.text_named_jpg()}
    ward.page.set_input_files("#films", [bad])
    ward.page.get_by_role("button", name="Submit study").click()
    refused = ward.page.locator("[data-film-position='1']")
    refused.get_by_text("Film 1 (notes.jpg)").wait_for()
    assert "UNSUPPORTED_TYPE" in refused.inner_text()
    ward.page.get_by_role("button", name="Remove film 1").click()
    assert ward.page.locator("[data-chosen] li").count() == 0
    assert not Study.objects.exists()


def test_an_ended_session_leads_the_worklist_to_the_log_in(staff: Any, radiologist: Any) -> None:
    reader = staff(radiologist)
    reader.page.context.clear_cookies()
    reader.page.wait_for_url(f"**{reverse('login')}?next=**")
    assert reader.page.locator("table.worklist").count() == 0


def test_the_chosen_theme_stays(staff: Any, radiologist: Any) -> None:
    reader = staff(radiologist)
    before = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    reader.page.get_by_label("Switch between light and dark").click()
    after = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before != after
    reader.go("submit")
    assert reader.page.evaluate("getComputedStyle(document.body).backgroundColor") == after
