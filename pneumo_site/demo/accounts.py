"""The demo's site and its people: one user per role, with random passwords."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from diagnosis.models import Site
from diagnosis.permissions import Actor, Role
from diagnosis.services import accounts

ACTOR = Actor.system("demo")
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
        site = Site.objects.filter(code=SITE_CODE).first() or accounts.create_site(
            by=None, actor=ACTOR, code=SITE_CODE, name=SITE_NAME
        )
        return [_ensure_one(role, site, reset=reset) for role in Role]


def _ensure_one(role: Role, site: Site, *, reset: bool) -> Account:
    """Nobody is a superuser here: each sees what the role and the site give, and no more."""
    username = role.value.lower()
    user = User.objects.filter(username=username).first()
    if user is not None and not reset:
        return Account(username, role, None)
    password = secrets.token_urlsafe(12)
    if user is not None:
        accounts.set_password(by=None, actor=ACTOR, target=user, password=password)
    else:
        account = accounts.Account(username, roles=[role], sites=[site])
        accounts.create_user(by=None, actor=ACTOR, account=account, password=password)
    return Account(username, role, password)


def submitter_token() -> str:
    """A token of the submitter for this run; the one of an earlier run stops to work."""
    user = User.objects.get(username=Role.SUBMITTER.value.lower())
    return accounts.issue_token(by=None, actor=ACTOR, target=user)
