"""A user's own notifications; they are theirs by name, whatever sites they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.models import NoticeChoice, Notification
from diagnosis.queries import paging

if TYPE_CHECKING:
    from diagnosis.permissions import User

PAGE_SIZE = 50
MOST_COUNTED = 99


@dataclass(frozen=True, slots=True)
class Page:
    notices: list[Notification]
    next_cursor: str  # the id of the last one shown, or "" at the end


def unseen(user: User) -> int:
    """How many; MOST_COUNTED + 1 stands for any number above MOST_COUNTED."""
    mine = Notification.objects.filter(user=user.pk, seen_at__isnull=True).order_by()
    return mine[: MOST_COUNTED + 1].count()


def page(user: User, *, before: str = "", size: int = PAGE_SIZE) -> Page:
    """Mine, newest first, older than `before` (an id)."""
    mine = Notification.objects.filter(user=user.pk).select_related("study")
    return Page(*paging.newest(mine, before, size))


def wants_email(user: User) -> bool:
    return NoticeChoice.objects.filter(user=user.pk, by_email=True).exists()
