"""API tokens: who may issue and revoke one, that it is told once, and that the trail never holds it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from diagnosis.errors import InvalidInput, NotPermitted
from diagnosis.models import AuditEvent
from diagnosis.permissions import Actor
from diagnosis.services import accounts
from tests.integration.diagnosis.work import at_once

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
USERS = "admin:auth_user_changelist"


def issue(target: Any, by: Any = None) -> str:
    return accounts.issue_token(by=by, actor=ACTOR, target=target)


def opens(key: str) -> bool:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return bool(client.get(reverse("api-studies")).status_code == 200)


def events() -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.filter(action__startswith="USER_TOKEN")
    return list(rows.values_list("action", "object_type", "object_id"))


class TestService:
    def test_a_key_opens_the_api_until_the_next_one_or_its_end(self, submitter: Any) -> None:
        first = issue(submitter)
        assert opens(first)
        second = issue(submitter)
        assert (opens(first), opens(second)) == (False, True)
        accounts.revoke_token(by=None, actor=ACTOR, target=submitter)
        assert not opens(second)
        accounts.revoke_token(by=None, actor=ACTOR, target=submitter)  # nothing to end, no event
        who = ("user", str(submitter.pk))
        assert events() == [
            ("USER_TOKEN_ISSUED", *who),
            ("USER_TOKEN_ISSUED", *who),
            ("USER_TOKEN_REVOKED", *who),
        ]

    def test_no_event_holds_a_key(self, submitter: Any) -> None:
        key = issue(submitter)
        assert key not in json.dumps(list(AuditEvent.objects.values()), default=str)

    def test_who_is_locked_out_gets_none(self, submitter: Any) -> None:
        User.objects.filter(pk=submitter.pk).update(is_active=False)
        with pytest.raises(InvalidInput):
            issue(submitter)  # this object does not know yet
        assert not Token.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_two_issued_at_once_leave_one_that_works(self, submitter: Any) -> None:
        keys = at_once([lambda: issue(submitter)] * 4)
        assert all(isinstance(key, str) for key in keys)
        assert [opens(key) for key in keys].count(True) == 1

    def test_ones_own_and_those_below_an_administrator(
        self, administrator: Any, submitter: Any, radiologist: Any
    ) -> None:
        for by, target in ((submitter, submitter), (administrator, administrator)):
            assert opens(issue(target, by))
        assert opens(issue(radiologist, administrator))
        root = User.objects.create_superuser("root")
        for by, target in ((submitter, radiologist), (administrator, root)):
            for act in (accounts.issue_token, accounts.revoke_token):
                with pytest.raises(NotPermitted):
                    act(by=by, actor=ACTOR, target=target)


class TestCommand:
    def run(self, *words: str) -> str:
        out = StringIO()
        call_command("issue_token", *words, stdout=out)
        return out.getvalue()

    def test_it_prints_the_key_alone_and_ends_it_again(self, submitter: Any) -> None:
        key = self.run(submitter.username).strip()
        assert opens(key)
        assert key not in self.run(submitter.username, "--revoke")
        assert not opens(key)
        assert AuditEvent.objects.filter(actor_name="issue_token").count() == 2

    def test_a_user_who_is_not_there_or_locked_out_is_told(self, submitter: Any) -> None:
        with pytest.raises(CommandError, match="There is no user nobody"):
            self.run("nobody")
        User.objects.filter(pk=submitter.pk).update(is_active=False)
        with pytest.raises(CommandError, match="locked out"):
            self.run(submitter.username)


class TestAdmin:
    @pytest.fixture
    def browser(self, administrator: Any) -> Client:
        client = Client()
        client.force_login(administrator)
        return client

    def act(self, browser: Client, name: str, *users: Any) -> Any:
        form = {"action": name, "_selected_action": [user.pk for user in users]}
        return browser.post(reverse(USERS), form)

    def test_the_key_is_shown_once_and_travels_in_no_cookie(
        self, browser: Client, submitter: Any, administrator: Any
    ) -> None:
        answer = self.act(browser, "issue_token", submitter)
        key = Token.objects.get(user=submitter).key
        assert answer.status_code == 302
        assert key not in f"{answer['Location']} {answer.cookies.output()}"
        shown = [key in browser.get(reverse(USERS)).content.decode() for _ in range(2)]
        assert shown == [True, False]
        event = AuditEvent.objects.get(action="USER_TOKEN_ISSUED")
        assert (event.actor_name, event.object_id) == (administrator.username, str(submitter.pk))
        self.act(browser, "revoke_token", submitter)
        assert not opens(key)

    def test_one_user_at_a_time(self, browser: Client, submitter: Any, radiologist: Any) -> None:
        for name in ("issue_token", "revoke_token"):
            answer = self.act(browser, name, submitter, radiologist)
            assert answer.status_code == 422
            assert "Choose one user." in answer.content.decode()
        assert not Token.objects.exists()

    def test_a_superuser_is_out_of_reach(self, browser: Client) -> None:
        root = User.objects.create_superuser("root")
        assert self.act(browser, "issue_token", root).status_code == 403
        assert not Token.objects.exists()
