"""The submit page under pressure: what it tells of the queue, and how it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import Study
from diagnosis.services import workers
from tests.integration.diagnosis.test_queue import done
from tests.integration.diagnosis.work import INFO
from tests.integration.web.test_submit import HTMX, film, form, post, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model_version")]
__all__ = ["form"]


def told(browser: Any) -> str:
    found = re.search(r"data-queue>([^<]*)<", browser.get(reverse("submit")).content.decode())
    assert found
    return found[1]


def test_the_page_tells_depth_and_wait(as_user: Any, submit: Any, submitter: Any) -> None:
    browser = as_user(submitter)
    assert told(browser) == (
        "No film is waiting. No worker is running. How long an analysis will take is not known."
    )
    done(submit, ("w", 0, 70))
    workers.seen(name="w", model=INFO)
    assert told(browser) == (
        "No film is waiting. Expected until a new film is analysed: less than 1 min."
    )
    submit(priority="URGENT")
    assert told(browser).startswith("1 film is waiting.")
    submit()
    assert told(browser) == (
        "2 films are waiting. Expected until a new film is analysed: "
        "STAT less than 1 min, Urgent 2 min, Routine 3 min."
    )


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_full_queue_is_told_and_nothing_is_stored(
    as_user: Any, form: dict[str, Any], submitter: Any, settings: Any, headers: dict[str, str]
) -> None:
    settings.MAX_WAITING_PER_USER = 1
    browser = as_user(submitter)
    post(browser, form)
    other = {**form, "films": [upload(film(2))], "idempotency_key": "other"}
    answer = post(browser, other, **headers)
    text = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "TOO_MANY_WAITING" in text
    assert "Try again in 60 seconds." in text
    assert Study.objects.count() == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_full_disk_is_told_and_nothing_is_stored(
    as_user: Any, form: dict[str, Any], submitter: Any, settings: Any, headers: dict[str, str]
) -> None:
    settings.DISK_MAX_PERCENT = 0
    answer = post(as_user(submitter), form, **headers)
    assert answer.status_code == 507
    assert "STORAGE_FULL" in answer.content.decode()
    assert not Study.objects.exists()


@pytest.mark.parametrize("status", [429, 507])
def test_htmx_shows_what_is_refused(as_user: Any, submitter: Any, status: int) -> None:
    page = as_user(submitter).get(reverse("submit")).content.decode()
    swapped = re.search(r'"code":"([\d|]*)","swap":true,"error":true', page)
    assert swapped
    assert str(status) in swapped[1].split("|")
