"""The audit trail as its readers page through it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.models import AuditEvent
from diagnosis.permissions import visible_to
from diagnosis.queries import paging

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from diagnosis.permissions import User

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Trail:
    events: list[AuditEvent]
    next_cursor: str  # the id of the last event shown, or "" at the end


@dataclass(frozen=True, slots=True)
class Filter:
    """Each empty word means "any"; one that names nothing finds nothing."""

    action: str = ""
    actor: str = ""
    study: str = ""


def page(user: User, chosen: Filter, *, before: str = "", size: int = PAGE_SIZE) -> Trail:
    """Events newest first, older than `before` (an id)."""
    rows = _filtered(visible_to(user, AuditEvent), chosen)
    return Trail(*paging.newest(rows, before, size))


def _filtered(rows: QuerySet[AuditEvent], chosen: Filter) -> QuerySet[AuditEvent]:
    if chosen.action:
        rows = rows.filter(action=chosen.action.upper().replace(" ", "_"))
    if chosen.actor:
        rows = rows.filter(actor_name=chosen.actor)
    if chosen.study:
        uid = _as_uid(chosen.study)
        rows = rows.filter(study=uid) if uid else rows.none()
    return rows


def _as_uid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""
