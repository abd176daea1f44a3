"""Users, their roles and sites, and the sites themselves: every change with its audit event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework.authtoken.models import Token

from diagnosis.errors import InvalidInput, NotPermitted
from diagnosis.models import Membership, Site
from diagnosis.permissions import Role, require
from diagnosis.services import audit

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import Model

    from diagnosis.permissions import Actor
    from diagnosis.permissions import User as AnyUser


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of a user. The names are for colleagues and reach no audit event."""

    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    is_active: bool = True
    roles: Collection[Role] = ()
    sites: Collection[Site] = ()


def create_user(*, by: AnyUser | None, actor: Actor, account: Account, password: str) -> User:
    """A new user. `by` None: a command on the machine itself.

    Raises NotPermitted, and InvalidInput for a weak password or a name that is malformed or taken.
    """
    _administrator(by)
    if User.objects.filter(username__iexact=account.username).exists():
        raise InvalidInput("This user name is taken.", field="username")
    _check_fields(User(username=account.username), but=["password"])
    _check_password(password, User(username=account.username))
    with transaction.atomic():
        user = User.objects.create_user(account.username, account.email, password)
        audit.record(
            actor=actor,
            action="USER_CREATED",
            target=user,
            after={"username": user.username, "is_active": True},
        )
        change_user(by=by, actor=actor, target=user, account=account)
        return user


def change_user(*, by: AnyUser | None, actor: Actor, target: User, account: Account) -> None:
    """Bring a user in line with `account`, one event for each kind of change. Raises NotPermitted."""
    with transaction.atomic():
        _set_names(by, actor, target, account)
        set_roles(by=by, actor=actor, target=target, roles=account.roles)
        set_sites(by=by, actor=actor, target=target, sites=account.sites)
        set_active(by=by, actor=actor, target=target, active=account.is_active)


def _set_names(by: AnyUser | None, actor: Actor, target: User, account: Account) -> None:
    _may_change(by, target)
    names = ("username", "first_name", "last_name", "email")
    new = {name: getattr(account, name) for name in names}
    old = {name: getattr(target, name) for name in names}
    if new == old:
        return
    _store(target, **new)
    audit.record(
        actor=actor,
        action="USER_CHANGED",
        target=target,
        before={"username": old["username"]},
        after={"username": new["username"]},
    )


def set_roles(*, by: AnyUser | None, actor: Actor, target: User, roles: Collection[Role]) -> None:
    """Give exactly these roles. Raises NotPermitted."""
    _may_change(by, target)
    before = sorted(target.groups.values_list("name", flat=True))
    after = sorted(role.value for role in set(roles))
    if before == after:
        return
    with transaction.atomic():
        target.groups.set(Group.objects.filter(name__in=after))
        # Django asks for this flag beside the role before it shows the admin pages.
        _store(target, is_staff=Role.ADMINISTRATOR in roles or target.is_superuser)
        target.__dict__.pop("_pneumo_roles", None)
        _changed(actor, "USER_ROLES_SET", target, {"groups": before}, {"groups": after})


def set_sites(*, by: AnyUser | None, actor: Actor, target: User, sites: Collection[Site]) -> None:
    """Make the user a member of exactly these sites. Raises NotPermitted."""
    _may_change(by, target)
    current = Membership.objects.filter(user=target)
    before = sorted(current.values_list("site__code", flat=True))
    after = sorted(site.code for site in sites)
    if before == after:
        return
    with transaction.atomic():
        current.exclude(site__in=sites).delete()
        for site in sites:
            Membership.objects.get_or_create(user=target, site=site)
        _changed(actor, "USER_SITES_SET", target, {"sites": before}, {"sites": after})


def set_active(*, by: AnyUser | None, actor: Actor, target: User, active: bool) -> None:
    """Let a user in, or lock them out at once, their API token too. Raises NotPermitted."""
    _may_change(by, target)
    if target.is_active == active:
        return
    with transaction.atomic():
        _store(target, is_active=active)
        if not active:
            Token.objects.filter(user=target).delete()
        action = "USER_ACTIVATED" if active else "USER_DEACTIVATED"
        _changed(actor, action, target, {"is_active": not active}, {"is_active": active})


def set_password(*, by: AnyUser | None, actor: Actor, target: User, password: str) -> None:
    """Set a password; one's own, too. The user's sessions and API token end with the old one.

    Raises NotPermitted, InvalidInput.
    """
    _may_change_access(by, target)
    _check_password(password, target)
    with transaction.atomic():
        target.set_password(password)
        target.save(update_fields=["password"])
        Token.objects.filter(user=target).delete()
        audit.record(actor=actor, action="USER_PASSWORD_SET", target=target)


def issue_token(*, by: AnyUser | None, actor: Actor, target: User) -> str:
    """A new key for the API, one's own too; the earlier one stops to work.

    Raises NotPermitted, and InvalidInput for a user who is locked out.
    """
    _may_change_access(by, target)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=target.pk)
        if not locked.is_active:
            raise InvalidInput("This user is locked out and gets no token.")
        Token.objects.filter(user=locked).delete()
        token = Token.objects.create(user=locked)
        audit.record(actor=actor, action="USER_TOKEN_ISSUED", target=locked)
        return str(token.key)


def revoke_token(*, by: AnyUser | None, actor: Actor, target: User) -> None:
    """End the user's key; without one nothing happens. Raises NotPermitted."""
    _may_change_access(by, target)
    with transaction.atomic():
        deleted, _ = Token.objects.filter(user=target).delete()
        if deleted:
            audit.record(actor=actor, action="USER_TOKEN_REVOKED", target=target)


def create_site(*, by: AnyUser | None, actor: Actor, code: str, name: str) -> Site:
    """A new site, without members.

    Raises NotPermitted, and InvalidInput for a code that is malformed or taken.
    """
    _administrator(by)
    if Site.objects.filter(code=code).exists():
        raise InvalidInput("This site code is taken.", field="code")
    site = Site(code=code, name=name)
    _check_fields(site)
    with transaction.atomic():
        site.save(force_insert=True)
        audit.record(actor=actor, action="SITE_CREATED", target=site, site=site.code)
        return site


def rename_site(*, by: AnyUser | None, actor: Actor, site: Site, name: str) -> None:
    """Change a site's name; its code stays, because the trail refers to it. Raises NotPermitted."""
    _administrator(by)
    with transaction.atomic():
        Site.objects.filter(pk=site.pk).update(name=name)
        site.name = name
        audit.record(actor=actor, action="SITE_RENAMED", target=site, site=site.code)


def may_change(*, by: AnyUser, target: User) -> bool:
    """Whether `by`, an administrator, may change this user's names, roles, sites and access."""
    return by.pk != target.pk and (getattr(by, "is_superuser", False) or not target.is_superuser)


def _administrator(by: AnyUser | None) -> None:
    if by is not None:
        require(by, Role.ADMINISTRATOR)


def _may_change(by: AnyUser | None, target: User) -> None:
    """Nobody raises themselves, and no administrator takes over a superuser."""
    _administrator(by)
    if by is not None and not may_change(by=by, target=target):
        raise NotPermitted("Another administrator must change this account.")


def _may_change_access(by: AnyUser | None, target: User) -> None:
    """One's own password and token are one's own business."""
    if by is None or by.pk != target.pk:
        _may_change(by, target)


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field="password") from error


def _check_fields(row: Model, but: Collection[str] = ()) -> None:
    try:
        row.clean_fields(exclude=but)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error


def _store(target: User, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(target, name, value)
    target.save(update_fields=list(changes))


def _changed(
    actor: Actor, action: str, target: User, before: dict[str, Any], after: dict[str, Any]
) -> None:
    audit.record(actor=actor, action=action, target=target, before=before, after=after)
