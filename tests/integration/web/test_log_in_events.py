"""Coming in, leaving and being turned away are on the trail; what a stranger types is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent

PASSWORD = "a-long-test-password"  # noqa: S105
pytestmark = pytest.mark.django_db


def log_in(client: Any, name: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("login"), {"username": name, "password": password})


def test_coming_in_and_leaving_name_the_user_and_the_address(client: Any, radiologist: Any) -> None:
    log_in(client, radiologist.username)
    client.post(reverse("logout"))
    came, left = AuditEvent.objects.all()
    assert (came.action, left.action) == ("LOGGED_IN", "LOGGED_OUT")
    for event in (came, left):
        assert (event.actor_id, event.actor_name) == (str(radiologist.pk), radiologist.username)
        assert (event.actor_role, event.address) == ("Radiologist", "127.0.0.1")
        assert (event.object_type, event.object_id) == ("user", str(radiologist.pk))
        assert event.outcome == "SUCCESS"


def test_leaving_without_having_come_in_is_no_event(client: Any) -> None:
    assert client.post(reverse("logout")).status_code == 302
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("active", [True, False])
def test_a_refusal_tells_whose_account_was_tried(
    client: Any, radiologist: Any, *, active: bool
) -> None:
    radiologist.is_active = active
    radiologist.save()
    log_in(client, radiologist.username, "wrong" if active else PASSWORD)
    event = AuditEvent.objects.get()
    assert (event.action, event.outcome) == ("LOG_IN_REFUSED", "REFUSED")
    assert (event.object_type, event.object_id) == ("user", str(radiologist.pk))
    assert event.after == {"username": radiologist.username}
    # Who typed it is not known: the account is what it was about, not who acted.
    assert (event.actor_id, event.actor_name, event.address) == ("", "unknown", "127.0.0.1")


@pytest.mark.parametrize("typed", ["hunter2-secret", "", "hunter2-secret" * 20, "hunter2\0secret"])
def test_of_a_name_that_is_no_account_nothing_is_kept(client: Any, typed: str) -> None:
    assert log_in(client, typed, "hunter2-other").status_code == 200
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id, event.after) == ("LOG_IN_REFUSED", "", {})
    assert "hunter2" not in json.dumps(list(AuditEvent.objects.values()), default=str)


def test_the_trail_shows_them_in_words_and_offers_them_as_filters(
    client: Any, as_user: Any, auditor: Any
) -> None:
    log_in(client, "nobody")
    log_in(client, auditor.username)
    client.post(reverse("logout"))
    text = as_user(auditor).get(reverse("audit")).content.decode()
    for words in ("logged in", "logged out", "tried to log in and was refused"):
        assert f'<span class="sub">{words}</span>' in text
    for action in ("LOGGED_IN", "LOGGED_OUT", "LOG_IN_REFUSED"):
        assert f'<option value="{action}">' in text
