"""Pages of what is listed newest first, by ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model

if TYPE_CHECKING:
    from django.db.models import QuerySet

M = TypeVar("M", bound=Model)


def row_id(text: str) -> int | None:
    """The id that somebody's text names; None where it is none, or beyond any database's."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def newest(rows: QuerySet[M], before: str, size: int) -> tuple[list[M], str]:
    """Rows older than the id `before` (another text means the first page), and the id behind which
    the list goes on, "" at the end.
    """
    if (key := row_id(before)) is not None:
        rows = rows.filter(pk__lt=key)
    found = list(rows.order_by("-id")[: size + 1])
    return found[:size], str(found[size - 1].pk) if len(found) > size else ""
