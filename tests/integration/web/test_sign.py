"""Signing and amending through the page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent, Reading
from diagnosis.permissions import Actor
from diagnosis.services import claims

pytestmark = pytest.mark.django_db
HIDDEN = re.compile(r'<input type="hidden" name="supersedes" value="(\d*)">')
REPORT = {"opinion": "PNEUMONIA", "findings": "Patchy.", "impression": "Right lower zone."}


@pytest.fixture
def case(as_user: Any, submit: Any, radiologist: Any) -> tuple[Any, Any]:
    """(study, browser): a case that the radiologist has started to read."""
    study, browser = submit(), as_user(radiologist)
    browser.post(reverse("study-claim", args=[study.uid]))
    return study, browser


def newest_text(answer: Any) -> str:
    """The reading that the page's form would amend."""
    found = HIDDEN.search(answer.content.decode())
    assert found
    return found[1]


def addendum(case: tuple[Any, Any], **changes: str) -> dict[str, str]:
    """As a page opened now would send it."""
    study, browser = case
    seen = newest_text(browser.get(reverse("study", args=[study.uid])))
    return {
        **REPORT,
        "impression": "Both zones.",
        "reason": "Missed",
        "supersedes": seen,
        **changes,
    }


def post(case: tuple[Any, Any], route: str, form: dict[str, str]) -> Any:
    study, browser = case
    return browser.post(reverse(route, args=[study.uid]), form)


def test_signing_stores_the_report_and_shows_it(case: tuple[Any, Any]) -> None:
    study, browser = case
    answer = post(case, "study-sign", REPORT)
    assert answer.status_code == 302
    reading = Reading.objects.get()
    assert (reading.opinion, reading.findings, reading.impression) == tuple(REPORT.values())
    study.refresh_from_db()
    assert study.state == "REPORTED"
    page = browser.get(reverse("study", args=[study.uid])).content.decode()
    assert "Report signed." in page
    assert "Right lower zone." in page
    assert "signed the report" in page
    assert "Add an addendum" in page
    assert reverse("study-sign", args=[study.uid]) not in page


def test_the_submitter_reads_the_report_but_cannot_amend(
    case: tuple[Any, Any], as_user: Any, submitter: Any
) -> None:
    post(case, "study-sign", REPORT)
    page = as_user(submitter).get(reverse("study", args=[case[0].uid])).content.decode()
    assert "Right lower zone." in page
    assert "Add an addendum" not in page


@pytest.mark.parametrize("field", ["opinion", "impression"])
def test_an_incomplete_report_is_not_signed_and_not_lost(case: tuple[Any, Any], field: str) -> None:
    answer = post(case, "study-sign", {**REPORT, field: ""})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert "Patchy." in answer.content.decode()
    assert not Reading.objects.exists()


def test_a_case_lost_to_a_colleague_keeps_the_typed_text(
    case: tuple[Any, Any], make_user: Any, site: Any
) -> None:
    colleague = make_user("Radiologist", site, "colleague")
    claims.take(user=colleague, actor=Actor.of(colleague), study=case[0], reason="Urgent")
    answer = post(case, "study-sign", REPORT)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "CASE_HELD" in text
    assert "Right lower zone." in text
    assert not Reading.objects.exists()


def test_signing_twice_is_refused_and_the_first_report_stands(case: tuple[Any, Any]) -> None:
    post(case, "study-sign", REPORT)
    answer = post(case, "study-sign", {**REPORT, "impression": "Other."})
    assert answer.status_code == 409
    assert b"ALREADY_SIGNED" in answer.content
    assert Reading.objects.get().impression == "Right lower zone."


def test_an_addendum_needs_a_reason_and_keeps_the_first_report(case: tuple[Any, Any]) -> None:
    post(case, "study-sign", REPORT)
    refused = post(case, "study-amend", addendum(case, reason=""))
    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == ["reason"]
    assert "Both zones." in refused.content.decode()
    added = post(case, "study-amend", addendum(case))
    assert added.status_code == 302
    study, browser = case
    page = browser.get(reverse("study", args=[study.uid])).content.decode()
    assert "Both zones." in page
    assert "Right lower zone." in page
    assert page.count("Superseded by an addendum") == 1
    assert AuditEvent.objects.get(action="READING_AMENDED").reason == "Missed"


def test_the_same_addendum_sent_twice_is_signed_once(case: tuple[Any, Any]) -> None:
    post(case, "study-sign", REPORT)
    form = addendum(case)
    assert post(case, "study-amend", form).status_code == 302
    again = post(case, "study-amend", form)
    assert again.status_code == 409
    assert b"REPORT_AMENDED" in again.content
    assert Reading.objects.count() == 2


@pytest.mark.parametrize("seen", [{}, {"supersedes": ""}, {"supersedes": "1"}])
def test_an_addendum_to_an_unseen_text_is_refused_and_signed_once_it_was_read(
    case: tuple[Any, Any], seen: dict[str, str]
) -> None:
    post(case, "study-sign", REPORT)
    form = addendum(case)
    post(case, "study-amend", form)
    late = {**form, "impression": "Neither zone."}
    del late["supersedes"]
    refused = post(case, "study-amend", {**late, **seen})
    assert refused.status_code == 409
    text = refused.content.decode()
    assert "Read the newest text first." in text
    assert text.count("Both zones.") == 1
    assert "Neither zone." in text
    seen_now = newest_text(refused)
    assert seen_now == str(Reading.objects.latest("id").pk)
    assert post(case, "study-amend", {**late, "supersedes": seen_now}).status_code == 302


def test_another_refusal_does_not_pass_an_unseen_text_off_as_read(case: tuple[Any, Any]) -> None:
    post(case, "study-sign", REPORT)
    form = addendum(case)
    post(case, "study-amend", form)
    incomplete = post(case, "study-amend", {**form, "reason": ""})
    assert incomplete.status_code == 422
    assert newest_text(incomplete) == form["supersedes"]


def test_a_second_read_is_another_radiologists(
    case: tuple[Any, Any], as_user: Any, make_user: Any, site: Any
) -> None:
    study, browser = case
    study.reads_required = 2
    study.save(update_fields=["reads_required"])
    post(case, "study-sign", REPORT)
    page = browser.get(reverse("study", args=[study.uid])).content.decode()
    assert "Another radiologist reads it next." in page
    colleague = as_user(make_user("Radiologist", site, "colleague"))
    assert "Start reading" in colleague.get(reverse("study", args=[study.uid])).content.decode()


@pytest.mark.parametrize("route", ["study-sign", "study-amend"])
def test_nobody_else_signs(
    as_user: Any, submit: Any, request: Any, foreign_radiologist: Any, route: str
) -> None:
    address = reverse(route, args=[submit().uid])
    for role in ("submitter", "administrator", "auditor"):
        answer = as_user(request.getfixturevalue(role)).post(address, REPORT)
        assert answer.status_code == 403, role
    assert as_user(foreign_radiologist).post(address, REPORT).status_code == 404
    assert not Reading.objects.exists()


def test_text_of_a_report_is_never_markup(case: tuple[Any, Any]) -> None:
    post(case, "study-sign", {**REPORT, "impression": "<img src=x onerror=alert(1)>\nline two"})
    study, browser = case
    page = browser.get(reverse("study", args=[study.uid])).content.decode()
    assert "<img src=x" not in page
    assert "<br>line two" in page
