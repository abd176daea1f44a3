"""What concerns patients is kept by no cache; what concerns none may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.integration.diagnosis.work import analyse

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(radiologist: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(radiologist)
    return client


def kept_by_none(answer: Any, status: int) -> bool:
    assert answer.status_code == status
    words = {word.strip() for word in answer["Cache-Control"].split(",")}
    return {"private", "no-store"} <= words


@pytest.mark.parametrize("route", ["worklist", "worklist-rows", "submit", "api-studies"])
def test_lists_and_forms(browser: Client, submit: Callable[..., Study], route: str) -> None:
    submit()
    assert kept_by_none(browser.get(reverse(route)), 200)


@pytest.mark.parametrize("route", ["study", "study-films", "api-study"])
def test_studies(browser: Client, submit: Callable[..., Study], route: str) -> None:
    assert kept_by_none(browser.get(reverse(route, args=[submit().uid])), 200)


@pytest.mark.parametrize("route", ["film", "heat-map", "api-film", "api-heat-map"])
def test_pictures(browser: Client, submit: Callable[..., Study], route: str) -> None:
    film = submit().images.get()
    analyse()
    assert kept_by_none(browser.get(reverse(route, args=[film.uid])), 200)


def test_the_admin_pages_and_the_trail(administrator: Any, submit: Callable[..., Study]) -> None:
    client = Client()
    client.force_login(administrator)
    study = submit()
    assert kept_by_none(client.get(f"/admin/diagnosis/study/{study.pk}/change/"), 200)
    assert kept_by_none(client.get(reverse("audit")), 200)


def test_refusals_and_errors(
    browser: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DEBUG = False
    assert kept_by_none(browser.get("/no/such/page/"), 404)
    assert kept_by_none(browser.get(reverse("audit")), 403)
    assert kept_by_none(browser.post(reverse("worklist")), 405)
    assert kept_by_none(browser.post(reverse("api-studies")), 422)
    assert kept_by_none(Client().get(reverse("worklist")), 302)
    assert kept_by_none(Client().get(reverse("login")), 200)

    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("diagnosis.queries.worklist.page", broken)
    assert kept_by_none(browser.get(reverse("worklist")), 500)


def test_static_files_may_be_kept(client: Client) -> None:
    answer = client.get("/static/pneumo.css")
    assert answer.status_code == 200
    assert "no-store" not in answer["Cache-Control"]
