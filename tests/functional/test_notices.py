"""What people tell each other through the product, in a real browser: films, findings, the bell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.models import CriticalFinding, Notification, Reading
from diagnosis.permissions import Actor
from diagnosis.services import claims
from tests.functional.staff import film
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import analyse, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_film_is_taken_again_and_the_study_goes_on(
    staff: Any, submitter: Any, submit: Callable[..., Study]
) -> None:
    submit(name="Ada Sample")
    refuse()
    ward = staff(submitter)
    ward.go("my-studies")
    row = ward.page.locator("tr[data-study]")
    row.get_by_text("Needs a new film").wait_for()
    row.get_by_text("The gray scale looks inverted.").wait_for()
    row.get_by_role("link", name="Send a new film").click()
    ward.page.set_input_files("#films", [film(7)])
    ward.page.get_by_text("Film 1: film-7.png").wait_for()
    ward.page.get_by_role("button", name="Send").click()
    ward.page.get_by_text("1 film added.").wait_for()
    analyse()
    ward.page.get_by_text("Decision point").wait_for()
    ward.go("my-studies")
    row.get_by_text("Waiting for a reader").wait_for()
    assert ward.complaints == []


def test_the_same_film_again_is_refused_and_stays_chosen(
    staff: Any, submitter: Any, submit: Callable[..., Study]
) -> None:
    study = submit([film(7)["buffer"]])
    ward = staff(submitter)
    ward.go("study-add-films", study.uid)
    ward.page.set_input_files("#films", [film(7)])
    ward.page.get_by_role("button", name="Send").click()
    refused = ward.page.locator("[data-film-position='1']")
    refused.get_by_text("Film 1 (film-7.png)").wait_for()
    assert "DUPLICATE" in refused.inner_text()
    assert ward.page.locator("[data-chosen] li").count() == 1
    assert ward.complaints == []


def test_a_critical_finding_from_the_reader_to_the_ward_and_back(
    staff: Any, submitter: Any, radiologist: Any, submit: Callable[..., Study]
) -> None:
    study = submit()
    claims.take(user=radiologist, actor=Actor.of(radiologist), study=study)
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_label("Impression").fill("Half written")
    reader.page.get_by_text("Mark a critical finding").click()
    reader.page.get_by_role("button", name="Mark as critical").click()
    reader.page.get_by_text("Choose what was found.").wait_for()
    reader.page.get_by_label("Finding", exact=True).select_option("FREE_AIR")
    reader.page.get_by_role("button", name="Mark as critical").click()
    reader.page.get_by_text("Not confirmed yet").wait_for()
    assert reader.page.get_by_label("Impression").input_value() == "Half written"

    ward = staff(submitter)
    ward.page.locator(".bell-count", has_text="1").wait_for()
    ward.go("my-studies")
    ward.page.get_by_text("59 min left to confirm").wait_for()
    acknowledge = ward.page.get_by_role("button", name="Acknowledge")
    acknowledge.focus()
    ward.page.keyboard.press("Enter")
    ward.page.get_by_text("Acknowledged. The reader is told.").wait_for()
    assert acknowledge.count() == 0
    assert CriticalFinding.objects.get().acknowledged_by == submitter
    assert not Reading.objects.filter(signed_at__isnull=False).exists()

    other = reader.page.context.new_page()
    other.goto(reader.base + reverse("worklist"))
    other.locator(".bell-count", has_text="1").wait_for()
    other.locator(".bell").click()
    other.get_by_text("A critical finding that you marked was acknowledged.").wait_for()
    assert reader.complaints == ward.complaints == []


def test_the_countdown_goes_on_by_itself(
    staff: Any, submitter: Any, radiologist: Any, submit: Callable[..., Study]
) -> None:
    from diagnosis.services import critical

    study = submit()
    sign(study, radiologist)
    marked = critical.Marked("FREE_AIR", recipient=submitter.pk)
    critical.mark(user=radiologist, actor=Actor.of(radiologist), study=study, marked=marked)
    ward = staff(submitter)
    ward.page.clock.install()
    ward.go("study", study.uid)
    shown = ward.page.locator(".countdown")
    shown.get_by_text("59 min left to confirm").wait_for()
    ward.page.clock.fast_forward("30:00")
    ward.page.get_by_text("29 min left to confirm").wait_for()
    ward.page.clock.fast_forward("32:00")
    ward.page.get_by_text("2 min past the time to confirm").wait_for()


def test_marked_as_read_and_undone(
    staff: Any, submitter: Any, radiologist: Any, submit: Callable[..., Study]
) -> None:
    for _ in range(2):
        sign(submit(), radiologist)
    ward = staff(submitter)
    ward.go("notices")
    ward.page.get_by_role("button", name="Mark all as read").click()
    ward.page.get_by_text("All are read.").wait_for()
    ward.page.get_by_role("button", name="Undo").click()
    ward.page.get_by_text("2 unread", exact=True).wait_for()
    assert Notification.objects.filter(seen_at__isnull=True).count() == 2
    ward.page.get_by_role("link", name="A study of yours was reported.").first.click()
    ward.page.wait_for_url("**/studies/**")
    ward.page.locator(".bell-count", has_text="1").wait_for()
    assert ward.complaints == []
