"""The filters of the worklist that a user keeps, for that user alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User as Account
from django.db import transaction
from django.utils.translation import gettext as _

from diagnosis.errors import InvalidInput, NotFound
from diagnosis.models import SavedFilter

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from diagnosis.permissions import User

MOST = 20


def of(*, user: User) -> QuerySet[SavedFilter]:
    return SavedFilter.objects.filter(user=user.pk)


def save(*, user: User, name: str, query: str) -> SavedFilter:
    """Keep a filter; one of the same name is replaced. Raises InvalidInput.

    `query` is an address's own, and names no patient: its caller writes it from a checked filter.
    """
    name = _checked(name)
    with transaction.atomic():
        _lock(user)
        known = of(user=user).filter(name=name).first()
        if known is None and of(user=user).count() >= MOST:
            raise InvalidInput(_("Delete a filter first: no more can be kept."))
        saved = known or SavedFilter(user_id=user.pk or 0, name=name)
        saved.query = query
        saved.save()
        return saved


def rename(*, user: User, key: int, name: str) -> None:
    """Raises InvalidInput, NotFound."""
    name = _checked(name)
    with transaction.atomic():
        _lock(user)
        saved = _mine(user, key)
        if of(user=user).filter(name=name).exclude(pk=saved.pk).exists():
            raise InvalidInput(_("Another of your filters has this name."))
        saved.name = name
        saved.save(update_fields=["name"])


def pin(*, user: User, key: int) -> None:
    """Have the worklist open with this one; pinned again, with none. Raises NotFound."""
    with transaction.atomic():
        _lock(user)
        saved = _mine(user, key)
        of(user=user).update(is_default=False)
        if not saved.is_default:
            of(user=user).filter(pk=saved.pk).update(is_default=True)


def delete(*, user: User, key: int) -> None:
    """Raises NotFound."""
    _mine(user, key).delete()


def _checked(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())[:40]
    if not name:
        raise InvalidInput(_("Give the filter a name."))
    return name


def _lock(user: User) -> None:
    """Two requests of one user take turns."""
    Account.objects.select_for_update(no_key=True).get(pk=user.pk or 0)


def _mine(user: User, key: int) -> SavedFilter:
    found = of(user=user).filter(pk=key).first()
    if found is None:
        raise NotFound
    return found
