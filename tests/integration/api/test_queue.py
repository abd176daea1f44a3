"""The queue as API clients see it, and how a full one or a full disk refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from diagnosis.models import Study
from diagnosis.services import workers
from tests.integration.api.client import STUDIES, client_of, form
from tests.integration.diagnosis.test_queue import done
from tests.integration.diagnosis.work import INFO, film

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model_version")]
QUEUE = "/api/v1/queue/"


@pytest.mark.parametrize("role", ["submitter", "radiologist", "administrator"])
def test_tells_what_waits_and_for_how_long(
    submit: Any, submitter: Any, request: pytest.FixtureRequest, role: str
) -> None:
    done(submit, ("w", 0, 10))
    submit(priority="STAT")
    submit()
    client = client_of(request.getfixturevalue(role))
    unknown = client.get(QUEUE).json()
    assert unknown["expected_wait_seconds"] == {"STAT": None, "URGENT": None, "ROUTINE": None}
    assert unknown["unknown_because"] == "No worker is running."
    workers.seen(name="w", model=INFO)
    known = client.get(QUEUE).json()
    assert known == {
        "waiting": 2,
        "running": 0,
        "workers": 1,
        "expected_wait_seconds": known["expected_wait_seconds"],
        "unknown_because": "",
    }
    waits = known["expected_wait_seconds"]
    assert waits["STAT"] == waits["URGENT"] == pytest.approx(10, abs=1)
    assert waits["ROUTINE"] == pytest.approx(20, abs=1)


def test_the_answer_to_a_submission_counts_its_own_films(submitter: Any) -> None:
    answer = client_of(submitter).post(STUDIES, form(film(1), film(2)))
    assert answer.status_code == 201
    assert answer.json()["queue"]["waiting"] == 2
    assert answer.json()["queue"]["unknown_because"] == "No worker is running."


def test_a_full_queue_says_when_to_come_back(submitter: Any, settings: Any) -> None:
    settings.MAX_WAITING_PER_USER = 1
    client = client_of(submitter)
    first = client.post(STUDIES, form(), HTTP_IDEMPOTENCY_KEY="k")
    answer = client.post(STUDIES, form(film(2)))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (429, "TOO_MANY_WAITING")
    assert answer["Retry-After"] == str(body["details"]["retry_after"]) == "60"
    assert Study.objects.count() == 1
    again = client.post(STUDIES, form(), HTTP_IDEMPOTENCY_KEY="k")
    assert (again.status_code, again.json()["uid"]) == (200, first.json()["uid"])


def test_a_full_disk_is_507(submitter: Any, settings: Any) -> None:
    settings.DISK_MAX_PERCENT = 0
    answer = client_of(submitter).post(STUDIES, form())
    assert (answer.status_code, answer.json()["code"]) == (507, "STORAGE_FULL")
    assert not answer.has_header("Retry-After")
    assert not Study.objects.exists()
