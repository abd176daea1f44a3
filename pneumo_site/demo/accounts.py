"""The demo's site and its people: one user per role, with random passwords."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from rest_framework.authtoken.models import Token

from diagnosis.models import Membership, Site
from diagnosis.permissions import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SITE_CODE = "demo"
SITE_NAME = "Demo Hospital"


@dataclass(frozen=True)
class Account:
    """A user of the demo; `password` is None where an earlier run has set it."""

    username: str
    role: Role
    password: str | None


def ensure(*, reset: bool) -> list[Account]:
    """Make what is missing; with `reset`, give everybody a new password. Safe to repeat."""
    with transaction.atomic():
        site, _ = Site.objects.get_or_create(code=SITE_CODE, defaults={"name": SITE_NAME})
        return [_ensure_one(role, site, reset=reset) for role in Role]


def _ensure_one(role: Role, site: Site, *, reset: bool) -> Account:
    user, created = get_user_model().objects.get_or_create(username=role.value.lower())
    password = secrets.token_urlsafe(12) if created or reset else None
    if password:
        user.set_password(password)
        # The admin pages let in staff only; what they may do there follows from the role.
        user.is_staff = role is Role.ADMINISTRATOR
        user.is_superuser = role is Role.ADMINISTRATOR
        user.save()
    user.groups.add(Group.objects.get(name=role.value))
    Membership.objects.get_or_create(user=user, site=site)
    return Account(user.username, role, password)


def submitter_token() -> str:
    """A token of the submitter for this run; the one of an earlier run stops to work."""
    user: User = get_user_model().objects.get(username=Role.SUBMITTER.value.lower())
    with transaction.atomic():
        Token.objects.filter(user=user).delete()
        return str(Token.objects.create(user=user).key)
