"""The audit page: read only, filtered, newest first."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent
from diagnosis.queries import trail

pytestmark = pytest.mark.django_db


def events(browser: Any, **query: str) -> list[Any]:
    answer = browser.get(reverse("audit"), query)
    assert answer.status_code == 200
    return [event.row for event in answer.context["events"]]


def test_who_reads_the_trail(as_user: Any, submit: Any, request: Any) -> None:
    submit()
    expected = {"auditor": 200, "administrator": 200, "radiologist": 403, "submitter": 403}
    for role, status in expected.items():
        browser = as_user(request.getfixturevalue(role))
        assert browser.get(reverse("audit")).status_code == status, role
        assert browser.post(reverse("audit")).status_code in {403, 405}, role


def test_newest_first_and_only_of_ones_own_site(
    as_user: Any, submit: Any, auditor: Any, make_user: Any, other_site: Any
) -> None:
    submit()
    mine = events(as_user(auditor))
    assert [row.pk for row in mine] == sorted((row.pk for row in mine), reverse=True)
    assert "STUDY_SUBMITTED" in {row.action for row in mine}
    stranger = make_user("Auditor", other_site)
    assert "STUDY_SUBMITTED" not in {row.action for row in events(as_user(stranger))}


def test_filters(as_user: Any, submit: Any, auditor: Any, submitter: Any) -> None:
    one, _two = submit(), submit()
    browser = as_user(auditor)
    assert {row.action for row in events(browser, action="study submitted")} == {"STUDY_SUBMITTED"}
    assert len(events(browser, action="STUDY_SUBMITTED", study=str(one.uid))) == 1
    assert {row.study for row in events(browser, study=str(one.uid))} == {str(one.uid)}
    assert {row.actor_name for row in events(browser, actor=submitter.username)} == {
        submitter.username
    }
    assert events(browser, study="not a uid") == []
    assert events(browser, actor="nobody") == []


def test_pages_follow_each_other_without_gap_or_repeat(
    as_user: Any, submit: Any, auditor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail.page, "__kwdefaults__", {**trail.page.__kwdefaults__, "size": 2})
    for _ in range(3):
        submit()
    browser, seen, before = as_user(auditor), [], ""
    for _ in range(AuditEvent.objects.count()):
        context = browser.get(reverse("audit"), {"before": before}).context
        seen += [event.row.pk for event in context["events"]]
        before = context["next_cursor"]
        if not before:
            break
    assert seen == list(AuditEvent.objects.order_by("-pk").values_list("pk", flat=True))
    assert len(seen) > 4


def test_nonsense_in_the_address_is_no_error(as_user: Any, auditor: Any) -> None:
    assert events(as_user(auditor), before="9" * 40) == []
    assert events(as_user(auditor), before="x") == []


@pytest.mark.parametrize("name", ["action", "actor", "study", "before"])
def test_a_nul_in_the_address_is_refused(as_user: Any, auditor: Any, name: str) -> None:
    answer = as_user(auditor).get(reverse("audit"), {name: "STUDY\0"})
    assert answer.status_code == 400
    assert "The request could not be understood." in answer.content.decode()


def test_a_nul_is_refused_on_the_admin_pages_too(as_user: Any, administrator: Any) -> None:
    for address in ("auditevent/?action__exact=%00", "study/?state=a%00b"):
        assert as_user(administrator).get(f"/admin/diagnosis/{address}").status_code == 400
