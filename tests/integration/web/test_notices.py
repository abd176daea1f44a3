"""The bell, the page behind it, and the API's list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from diagnosis.models.notification import NoticeKind
from diagnosis.queries import notices as query
from diagnosis.services import notices
from diagnosis.web.notices import _WORDS
from tests.integration.api.client import client_of
from tests.integration.diagnosis.test_lifecycle import sign

if TYPE_CHECKING:
    from django.test import Client

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(submit: Any, radiologist: Any) -> Study:
    found: Study = submit(name="Jane Private", mrn="PRIVATE-7")
    sign(found, radiologist)
    return found


@pytest.fixture
def ward(as_user: Any, submitter: Any) -> Client:
    browser: Client = as_user(submitter)
    return browser


def text(browser: Client, route: str = "notices", **query: str) -> str:
    return browser.get(reverse(route), query).content.decode()


def test_every_kind_has_its_words() -> None:
    assert set(_WORDS) == set(NoticeKind)


def test_the_bell_counts_and_answers_nothing_where_nothing_changed(
    ward: Client, study: Study
) -> None:
    assert '<span class="bell-count">1</span>' in text(ward, "notices-bell", shown="")
    unchanged = ward.get(reverse("notices-bell"), {"shown": "1"})
    assert (unchanged.status_code, unchanged.content) == (204, b"")


def test_it_is_one_light_request(
    ward: Client, study: Study, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):  # session, user, role, count
        ward.get(reverse("notices-bell"))


def test_a_notice_leads_to_the_report_and_names_nobody(ward: Client, study: Study) -> None:
    page = text(ward)
    assert "A study of yours was reported." in page
    assert f'href="{reverse("study", args=[study.uid])}#reading"' in page
    assert "Private" not in page
    assert "PRIVATE" not in page


def test_to_open_the_study_is_to_see_it(ward: Client, study: Study, submitter: Any) -> None:
    ward.get(reverse("study", args=[study.uid]))
    assert query.unseen(submitter) == 0
    assert "All are read." in text(ward)


@pytest.mark.parametrize("which", ["one", "all"])
def test_marked_and_undone(ward: Client, study: Study, submitter: Any, which: str) -> None:
    (notice,) = query.page(submitter).notices
    form = {"one": notice.pk} if which == "one" else {}
    answer = ward.post(reverse("notices-seen"), form, follow=True)
    assert query.unseen(submitter) == 0
    moment = answer.context["undo"]
    page = answer.content.decode()
    assert "Marked as read." in page
    value = page.split('name="seen" value="')[1].split('"')[0]
    ward.post(reverse("notices-undo"), {"seen": value})
    assert moment is not None
    assert query.unseen(submitter) == 1


@pytest.mark.parametrize("seen", ["", "nonsense", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"])
def test_an_odd_moment_undoes_nothing(ward: Client, study: Study, seen: str) -> None:
    assert ward.post(reverse("notices-undo"), {"seen": seen}).status_code == 302
    assert ward.get(reverse("notices"), {"seen": seen}).status_code == 200


def test_a_summary_leads_to_the_worklist(as_user: Any, radiologist: Any) -> None:
    notices.tell(kind=NoticeKind.READ_WAITS, users=[radiologist.pk])
    page = text(as_user(radiologist))
    assert "Cases wait for a second read or an arbitration." in page
    assert f'<a href="{reverse("worklist")}">Cases' in page


def test_email_is_offered_where_there_is_a_server(
    ward: Client, submitter: Any, settings: Any
) -> None:
    settings.EMAIL_HOST = ""
    assert "By e-mail, too" not in text(ward)
    settings.EMAIL_HOST = "mail.example.org"
    assert "Your account has no e-mail address." in text(ward)
    submitter.email = "ward@example.org"
    submitter.save()
    assert "Tell me at ward@example.org" in text(ward)
    for form, wants in (({"by_email": "on"}, True), ({}, False)):
        ward.post(reverse("notices-email"), form)
        assert query.wants_email(submitter) is wants


def test_an_auditor_has_no_bell(as_user: Any, auditor: Any) -> None:
    assert "bell-box" not in as_user(auditor).get(reverse("audit")).content.decode()


def test_the_api_lists_mine(study: Study, submitter: Any, radiologist: Any) -> None:
    notices.tell(kind=NoticeKind.READ_WAITS, users=[submitter.pk])
    answer = client_of(submitter).get("/api/v1/notices/").json()
    assert (answer["unseen"], answer["next"]) == (2, "")
    told = [(notice["kind"], notice["study"]) for notice in answer["results"]]
    assert told == [("READ_WAITS", None), ("REPORT_SIGNED", str(study.uid))]
    assert client_of(radiologist).get("/api/v1/notices/").json()["results"] == []
