"""The panel of critical findings on the study's page, the submitter's inbox, and the API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.models import CriticalFinding
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor
from diagnosis.services import claims, critical
from tests.integration.api.client import client_of

if TYPE_CHECKING:
    from django.test import Client

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def study(submit: Any, radiologist: Any) -> Study:
    found: Study = submit()
    claims.take(user=radiologist, actor=Actor.of(radiologist), study=found)
    return found


@pytest.fixture
def reader(as_user: Any, radiologist: Any) -> Client:
    browser: Client = as_user(radiologist)
    return browser


@pytest.fixture
def finding(study: Study, radiologist: Any, submitter: Any) -> CriticalFinding:
    marked = critical.Marked("FREE_AIR", "Right-sided", recipient=submitter.pk)
    who = {"user": radiologist, "actor": Actor.of(radiologist)}
    return critical.mark(study=study, marked=marked, **who)


def panel(browser: Client, study: Study) -> str:
    return browser.get(reverse("study", args=[study.uid])).content.decode()


def step(browser: Client, name: str, finding: CriticalFinding, **form: str) -> Any:
    return browser.post(reverse(f"critical-{name}", args=[finding.uid]), form, headers=HTMX)


def test_the_submitter_is_offered_first(reader: Client, study: Study, submitter: Any) -> None:
    form = reader.get(reverse("study", args=[study.uid])).context["mark_form"]
    assert form["recipient"].value() == submitter.pk
    address = reverse("study-critical", args=[study.uid])
    sent = {"kind": "FREE_AIR", "text": "", "recipient": submitter.pk, "outside": ""}
    answer = reader.post(address, sent, headers=HTMX)
    told = answer.content.decode()
    assert answer.status_code == 200
    for part in ("Free air below the diaphragm", "Not confirmed yet", "left to confirm"):
        assert part in told
    assert "<html" not in told


def test_a_refused_mark_keeps_what_was_typed(reader: Client, study: Study, submitter: Any) -> None:
    sent = {"kind": "", "text": "Right apex", "recipient": submitter.pk, "outside": ""}
    answer = reader.post(reverse("study-critical", args=[study.uid]), sent, headers=HTMX)
    told = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose what was found." in told
    assert "Right apex" in told
    plain = reader.post(reverse("study-critical", args=[study.uid]), sent)
    assert (plain.status_code, "Choose what was found." in plain.content.decode()) == (422, True)


def test_each_role_sees_the_steps_that_are_theirs(
    finding: CriticalFinding, reader: Client, as_user: Any, submitter: Any, administrator: Any
) -> None:
    def offered(browser: Client) -> set[str]:
        page = panel(browser, finding.study)
        steps = ("tell", "read-back", "acknowledge", "withdraw")
        return {s for s in steps if reverse(f"critical-{s}", args=[finding.uid]) in page}

    assert offered(reader) == {"tell", "withdraw"}
    assert offered(as_user(submitter)) == {"acknowledge"}
    assert offered(as_user(administrator)) == set()
    step(reader, "tell", finding, means="MESSAGE", received_by="")
    assert offered(reader) == {"read-back", "withdraw"}
    CriticalFinding.objects.update(acknowledge_by=db_now() - timedelta(minutes=3))
    critical.escalate_due(actor=Actor.system("sweeper"))
    assert offered(as_user(administrator)) == {"acknowledge"}
    page = panel(reader, finding.study)
    assert "3 min past the time to confirm" in page
    assert "Escalated" in page


def test_the_inbox_is_on_top_until_one_click(
    finding: CriticalFinding, as_user: Any, submitter: Any, study: Study
) -> None:
    ward = as_user(submitter)
    page = ward.get(reverse("my-studies")).content.decode()
    assert page.index("Critical findings that wait for you") < page.index("<table")
    for part in ("Free air below the diaphragm", "Right-sided", study.patient.name):
        assert part in page
    address = reverse("critical-acknowledge", args=[finding.uid])
    answer = ward.post(address, {"from": "my-studies"}, follow=True)
    told = answer.content.decode()
    assert "Acknowledged. The reader is told." in told
    assert "Critical findings that wait for you" not in told
    assert "Acknowledged by" in panel(ward, study)


def test_a_step_that_is_too_late_is_told_in_the_panel(
    finding: CriticalFinding, reader: Client
) -> None:
    step(reader, "withdraw", finding, reason="A skin fold")
    answer = step(reader, "tell", finding, means="PHONE")
    assert answer.status_code == 409
    assert "This step is not possible" in answer.content.decode()
    assert step(reader, "read-back", finding, received_by="").status_code == 422


def test_nothing_is_shown_where_there_is_nothing(as_user: Any, submitter: Any, submit: Any) -> None:
    assert "Critical results" not in panel(as_user(submitter), submit())


def test_the_api_lists_and_acknowledges_mine(
    finding: CriticalFinding, submitter: Any, radiologist: Any, administrator: Any
) -> None:
    client, address = client_of(submitter), "/api/v1/critical/"
    (mine,) = client.get(address).json()
    assert (mine["uid"], mine["status"]) == (str(finding.uid), "IDENTIFIED")
    assert client_of(radiologist).get(address).json() == []
    acknowledge = f"{address}{finding.uid}/acknowledge/"
    assert client_of(administrator).post(acknowledge).json()["code"] == "TRANSITION_REFUSED"
    for _ in range(2):
        assert client.post(acknowledge).json()["status"] == "ACKNOWLEDGED"
    assert client.get(address).json() == []
