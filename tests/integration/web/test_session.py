"""Log-in, log-out, home, and the sign of life."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

PASSWORD = "a-long-test-password"  # noqa: S105

pytestmark = pytest.mark.django_db


def test_log_in_leads_each_role_to_its_first_page(
    client: Any, radiologist: Any, auditor: Any
) -> None:
    for user, first in ((radiologist, "worklist"), (auditor, "audit")):
        form = {"username": user.username, "password": PASSWORD}
        answer = client.post(reverse("login"), form, follow=True)
        assert answer.status_code == 200
        assert answer.redirect_chain[-1][0] == reverse(first)
        client.post(reverse("logout"))


def test_wrong_password_is_told_without_saying_which_part_was_wrong(
    client: Any, radiologist: Any
) -> None:
    wrong = client.post(reverse("login"), {"username": radiologist.username, "password": "no"})
    nobody = client.post(reverse("login"), {"username": "nobody", "password": "no"})
    for answer in (wrong, nobody):
        assert answer.status_code == 200
        assert "User name or password is wrong" in answer.content.decode()


def test_log_out_ends_the_session_and_needs_a_post(as_user: Any, radiologist: Any) -> None:
    browser = as_user(radiologist)
    assert browser.get(reverse("logout")).status_code == 405
    assert browser.post(reverse("logout")).status_code == 302
    assert browser.get(reverse("worklist")).status_code == 302


@pytest.mark.parametrize("route", ["home", "worklist", "submit", "audit"])
def test_anonymous_visitors_are_sent_to_the_log_in(client: Any, route: str) -> None:
    answer = client.get(reverse(route))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("route", ["study-sign", "study-amend", "study-claim", "study-release"])
def test_who_sends_after_the_session_ended_comes_back_to_the_study(
    client: Any, radiologist: Any, submit: Any, route: str
) -> None:
    study = submit()
    sent = client.post(reverse(route, args=[study.uid]))
    form = {"username": radiologist.username, "password": PASSWORD}
    answer = client.post(sent["Location"], form, follow=True)
    assert answer.redirect_chain == [(reverse("study", args=[study.uid]), 302)]
    assert answer.status_code == 200


@pytest.mark.parametrize("address", ["/submit/", "/admin/diagnosis/job/", "/films/{}.png"])
def test_who_sends_elsewhere_comes_back_to_the_first_page(
    client: Any, radiologist: Any, address: str
) -> None:
    sent = client.post(address.format(uuid4()))
    form = {"username": radiologist.username, "password": PASSWORD}
    answer = client.post(sent["Location"], form, follow=True)
    assert answer.redirect_chain[-1] == (reverse("worklist"), 302)


@pytest.mark.parametrize("then", ["{}", "{}?next={}", "http://testserver{}"])
def test_the_log_in_never_leads_to_itself(as_user: Any, radiologist: Any, then: str) -> None:
    login = reverse("login")
    answer = as_user(radiologist).get(login, {"next": then.format(login, login)}, follow=True)
    assert answer.redirect_chain == [(reverse("home"), 302), (reverse("worklist"), 302)]


def test_unknown_addresses_get_the_products_own_page(client: Any, settings: Any) -> None:
    settings.DEBUG = False
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no such page." in answer.content.decode()


def test_the_error_page_for_a_crash_needs_no_request() -> None:
    from django.template.loader import render_to_string

    assert "Nothing that was accepted is lost" in render_to_string("500.html")


def test_every_page_forbids_inline_code(client: Any) -> None:
    policy = client.get(reverse("login"))["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
