"""The demo's people: one per role, made through the services, and nobody above their role."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from diagnosis.models import AuditEvent, Membership
from diagnosis.permissions import Role, roles_of
from pneumo_site.demo import accounts

pytestmark = pytest.mark.django_db


def test_makes_one_audited_user_per_role_at_the_demos_site() -> None:
    made = accounts.ensure(reset=False)
    assert {person.role for person in made} == set(Role)
    for person in made:
        user = User.objects.get(username=person.username)
        assert roles_of(user) == {person.role}
        assert person.password is not None
        assert user.check_password(person.password)
        assert not user.is_superuser
        sites = Membership.objects.filter(user=user).values_list("site__code", flat=True)
        assert list(sites) == [accounts.SITE_CODE]
        created = AuditEvent.objects.filter(action="USER_CREATED", object_id=str(user.pk))
        assert created.get().actor_name == "demo"


def test_a_second_run_changes_nothing_and_shows_no_password() -> None:
    first = accounts.ensure(reset=False)
    events = AuditEvent.objects.count()
    second = accounts.ensure(reset=False)
    assert [person.password for person in second] == [None] * len(first)
    assert AuditEvent.objects.count() == events
    for person in first:
        assert person.password is not None
        assert User.objects.get(username=person.username).check_password(person.password)


def test_a_reset_gives_new_passwords_to_the_same_users() -> None:
    first = accounts.ensure(reset=False)
    again = accounts.ensure(reset=True)
    assert User.objects.count() == len(Role)
    for old, new in zip(first, again, strict=True):
        user = User.objects.get(username=new.username)
        assert old.password is not None
        assert new.password is not None
        assert user.check_password(new.password)
        assert not user.check_password(old.password)


def test_each_run_has_a_token_of_its_own() -> None:
    accounts.ensure(reset=False)
    first, second = accounts.submitter_token(), accounts.submitter_token()
    assert first != second
    assert Token.objects.get().key == second
