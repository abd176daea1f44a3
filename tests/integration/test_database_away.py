"""A database that does not answer: a coded 503 that says what to do, wherever it is noticed."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from diagnosis.models import Study
from tests.integration.api.client import STUDIES, client_of, form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.django_db
QUOTED = "DETAIL: Key (mrn)=(MRN-7)"


@contextmanager
def away(error: type[Exception] = OperationalError, beyond: str = "") -> Iterator[None]:
    """No statement is answered; with `beyond`, none that names this table."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        if beyond in sql:
            raise error(QUOTED)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def browser(radiologist: Any) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("beyond", ["", "diagnosis_study"], ids=["session", "view"])
def test_a_page_says_so_without_asking_the_database(
    browser: Client, error: type[Exception], beyond: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), away(error, beyond):
        answer = browser.get(reverse("worklist"))
    text = answer.content.decode()
    assert answer.status_code == 503
    assert "DATABASE_UNAVAILABLE" in text
    assert "Nothing was lost." in text
    assert f"the database does not answer ({error.__name__})" in caplog.text
    assert QUOTED not in text + caplog.text
    assert answer["Content-Security-Policy"]


def test_a_form_that_is_sent_into_the_gap_is_not_stored(
    browser: Client, submit: Callable[..., Study]
) -> None:
    report = {"opinion": "PNEUMONIA", "impression": "Right lower zone."}
    study = submit()
    with away(beyond='INSERT INTO "diagnosis_reading"'):
        answer = browser.post(reverse("study-sign", args=[study.uid]), report)
    assert answer.status_code == 503
    study.refresh_from_db()
    assert (study.state, study.readings.count()) == ("PROCESSING", 0)


def test_the_log_in_and_the_admin_pages_say_so(administrator: Any) -> None:
    client = Client()
    with away():
        name = {"username": administrator.username, "password": "a-long-test-password"}
        assert client.post(reverse("login"), name).status_code == 503
    client.force_login(administrator)
    for beyond in ("", "diagnosis_patient"):
        with away(beyond=beyond):
            assert client.get("/admin/diagnosis/patient/").status_code == 503


@pytest.mark.parametrize("beyond", ["", "diagnosis_study"], ids=["token", "view"])
def test_the_api_answers_with_the_code(
    radiologist: Any, beyond: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(radiologist)
    with caplog.at_level(logging.INFO), away(beyond=beyond):
        answer = client.get(STUDIES)
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert QUOTED not in answer.content.decode() + caplog.text


def test_the_api_answers_a_session_with_the_code(browser: Client) -> None:
    with away():
        answer = browser.get(STUDIES)
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")


def test_a_submission_into_the_gap_may_be_sent_again(submitter: Any, model_version: Any) -> None:
    client = client_of(submitter)
    with away(beyond='INSERT INTO "diagnosis_study"'):
        answer = client.post(STUDIES, form())
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert not Study.objects.exists()
    assert client.post(STUDIES, form()).status_code == 201
