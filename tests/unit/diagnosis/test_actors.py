"""The address on the trail: the client's behind proxies, and never one that it made up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from diagnosis.actors import address_of
from diagnosis.models import AuditEvent

PROXY, CLIENT = "10.0.0.1", "192.0.2.7"
same_fixture = hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])


def address(forwarded: str | None) -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return address_of(RequestFactory().get("/", REMOTE_ADDR=PROXY, **headers))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, PROXY),
        (0, CLIENT, PROXY),
        (1, None, PROXY),
        (1, CLIENT, CLIENT),
        (1, f"203.0.113.9, {CLIENT}", CLIENT),
        (2, f"203.0.113.9, {CLIENT},10.0.0.2", CLIENT),
        (2, CLIENT, PROXY),
        (1, "2001:DB8::7", "2001:db8::7"),
        (1, "unknown", PROXY),
        (1, "", PROXY),
        (1, "x" * 500, PROXY),
    ],
)
def test_the_address_is_the_entry_of_the_outermost_trusted_proxy(
    settings: Any, proxies: int, forwarded: str | None, expected: str
) -> None:
    settings.PROXIES = proxies
    assert address(forwarded) == expected


@same_fixture
@given(claimed=st.text(st.characters(codec="ascii")), proxies=st.integers(1, 3))
def test_whatever_a_client_claims_it_is_not_believed(
    settings: Any, claimed: str, proxies: int
) -> None:
    settings.PROXIES = proxies
    appended = [CLIENT, "10.0.0.3", "10.0.0.2"][:proxies]
    assert address(", ".join([claimed, *appended])) == CLIENT


@pytest.mark.django_db
@pytest.mark.parametrize("route", ["study", "api-study", "admin:diagnosis_study_change"])
def test_pages_api_and_admin_name_the_same_address(
    client: Any, settings: Any, administrator: Any, submit: Any, route: str
) -> None:
    settings.PROXIES = 1
    study = submit()
    client.force_login(administrator)
    key = study.pk if route.startswith("admin") else study.uid
    client.get(reverse(route, args=[key]), HTTP_X_FORWARDED_FOR=f"203.0.113.9, {CLIENT}")
    assert AuditEvent.objects.latest("id").address == CLIENT
