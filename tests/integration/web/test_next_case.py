"""Next case on the pages and in the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import CaseClaim, Reading
from diagnosis.permissions import Actor
from diagnosis.services import claims
from tests.integration.api.client import RESEARCH_USE, client_of

pytestmark = pytest.mark.django_db
REPORT = {"opinion": "PNEUMONIA", "findings": "", "impression": "Right lower zone."}


def address(study: Any) -> str:
    return reverse("study", args=[study.uid])


def test_it_leads_to_the_case_and_holds_it(as_user: Any, submit: Any, radiologist: Any) -> None:
    study = submit()
    answer = as_user(radiologist).post(reverse("next-case"))
    assert answer["Location"] == address(study)
    assert CaseClaim.objects.get().holder == radiologist


def test_nothing_to_read_is_told_on_the_worklist(as_user: Any, radiologist: Any) -> None:
    answer = as_user(radiologist).post(reverse("next-case"), follow=True)
    assert answer.redirect_chain == [(reverse("worklist"), 302)]
    assert "Nothing to read" in answer.content.decode()


def test_released_and_on(as_user: Any, submit: Any, radiologist: Any) -> None:
    first, second = submit(), submit()
    browser = as_user(radiologist)
    browser.post(reverse("next-case"))
    release = reverse("study-release", args=[first.uid])
    assert browser.post(release, {"then": "next"})["Location"] == address(second)
    assert CaseClaim.objects.get().study == second
    release = reverse("study-release", args=[second.uid])
    assert browser.post(release)["Location"] == address(second)
    assert not CaseClaim.objects.exists()


@pytest.mark.parametrize("then", ["next", ""])
def test_signed_and_on(as_user: Any, submit: Any, radiologist: Any, then: str) -> None:
    first, second = submit(), submit()
    browser = as_user(radiologist)
    browser.post(reverse("next-case"))
    sign = reverse("study-sign", args=[first.uid])
    answer = browser.post(sign, {**REPORT, "then": then}, follow=True)
    assert answer.redirect_chain == [(address(second if then else first), 302)]
    assert "Report signed." in answer.content.decode()
    assert Reading.objects.get().study == first


def test_a_refused_signature_goes_nowhere(as_user: Any, submit: Any, radiologist: Any) -> None:
    first, _ = submit(), submit()
    browser = as_user(radiologist)
    browser.post(reverse("next-case"))
    sign = reverse("study-sign", args=[first.uid])
    answer = browser.post(sign, {**REPORT, "impression": "", "then": "next"})
    assert answer.status_code == 422
    assert CaseClaim.objects.get().study == first


def test_the_holder_is_named_to_others(
    as_user: Any, submit: Any, radiologist: Any, make_user: Any, site: Any
) -> None:
    study = submit()
    claims.take(user=radiologist, actor=Actor.of(radiologist), study=study)
    colleague = as_user(make_user("Radiologist", site, "colleague"))
    for page in (reverse("worklist"), address(study)):
        assert radiologist.username in colleague.get(page).content.decode()


def test_a_page_says_that_it_goes(as_user: Any, submit: Any, radiologist: Any) -> None:
    study = submit()
    browser = as_user(radiologist)
    browser.post(reverse("next-case"))
    before = CaseClaim.objects.get().lease_expires_at
    assert browser.post(reverse("study-leave", args=[study.uid])).status_code == 204
    assert CaseClaim.objects.get().lease_expires_at < before


def test_the_api_tells_the_case_it_took(submit: Any, radiologist: Any) -> None:
    client, route = client_of(radiologist), reverse("api-next-case")
    assert (client.post(route).status_code, client.post(route).content) == (204, b"")
    study = submit()
    answer = client.post(route)
    assert (answer.status_code, answer.json()["uid"]) == (200, str(study.uid))
    assert answer.json()["held_by"] == radiologist.username
    assert answer.json()["research_use"] == RESEARCH_USE
