"""Commit, then reveal, as a reader meets it: an opinion first, then the model, then the report."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from diagnosis.models import CaseClaim, Reading, Study
from diagnosis.models.clock import db_now
from tests.functional.report_page import field
from tests.integration.diagnosis.work import analyse
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reader(staff: Any, site: Any, submit: Callable[..., Study], radiologist: Any) -> Staff:
    """A radiologist who has begun to read a blinded case with a result."""
    site.reveal_policy = "ALWAYS"
    site.save()
    study = submit(indication="Fever")
    analyse(0.83)
    reader: Staff = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_role("button", name="Start reading").click()
    reader.page.get_by_role("button", name="Store opinion").wait_for()
    return reader


def test_the_model_is_shown_when_the_opinion_is_stored(reader: Staff) -> None:
    page = reader.page
    assert "83.0" not in page.content()
    assert page.get_by_role("button", name="Heat map").is_disabled()
    page.get_by_role("button", name="Store opinion").click()
    expect(page.get_by_text("Choose an opinion.")).to_be_visible()

    page.get_by_role("radio", name="No pneumonia").check()
    page.get_by_label("How sure").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-confidence]")).to_have_text("75")
    page.get_by_role("button", name="Store opinion").click()

    expect(page.get_by_text("83.0 %").first).to_be_visible()
    assert page.get_by_role("radio", name="No pneumonia").is_checked()
    assert field(page, "Indication").input_value() == "Fever"
    page.get_by_role("radio", name="Pneumonia", exact=True).check()
    field(page, "Impression").fill("Consolidation after all.")
    page.get_by_role("button", name="Sign report").click()
    page.locator("dialog[open]").get_by_role("button", name="Sign report").click()
    page.get_by_text("Report signed.").wait_for()
    reading = Reading.objects.get()
    assert (reading.first_opinion, reading.first_confidence) == ("NO_PNEUMONIA", 75)
    assert reading.opinion == "PNEUMONIA"
    assert reader.complaints == []


def test_the_case_is_held_while_the_opinion_is_formed(reader: Staff) -> None:
    soon = db_now() + timedelta(seconds=30)
    CaseClaim.objects.update(lease_expires_at=soon)
    reader.page.reload()
    wait_for(
        lambda: CaseClaim.objects.filter(lease_expires_at__gt=soon).exists(), 15, "a heartbeat"
    )
