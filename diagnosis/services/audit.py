"""Writes the trail, inside the caller's transaction: a change and its event stand or fall together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diagnosis.models import AuditEvent
from diagnosis.models.audit import Outcome
from diagnosis.models.clock import db_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from django.db.models import Model

    from diagnosis.models import Study
    from diagnosis.permissions import Actor

# Only these fields ever reach before/after: no names, numbers, dates of birth or free text.
ALLOWED_FIELDS = frozenset(
    {
        "status", "code", "attempt", "crashes", "errors", "worker", "state", "priority", "kind",
        "opinion", "probability", "threshold", "is_late", "films", "refused", "stage", "sha256",
        "films_confirmed", "worklist_rank", "is_overdue", "ai_unavailable", "needs_new_film",
        "is_active", "groups", "sites", "digest", "supersedes", "count", "seen_under_other_patient",
        "until", "means", "recipient", "engine", "is_blinded", "reveal_policy",
        "reveal_percent", "second_read_policy", "second_read_percent", "signs_with_password",
        "acknowledge_minutes", "model", "username", "is_superuser", "is_staff", "fields",
    }
)  # fmt: skip


# How an analysis ended is told by its result; of a blinded study the trail, which is exported while
# the case is open, tells only that it did.
_ENDINGS = frozenset({"JOB_SUCCEED", "JOB_REFUSE", "JOB_FAIL"})
ENDED_UNTOLD = "JOB_ENDED"


def plain(reason: str) -> str:
    """The reason as the trail keeps it: PostgreSQL stores no NUL in a text."""
    return reason.replace("\0", "").strip()[:500]


def event(  # noqa: PLR0913 (an event has this many facts)
    *,
    actor: Actor,
    action: str,
    target: Model,
    study: Study | None = None,
    site: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    outcome: Outcome = Outcome.SUCCESS,
    model_digest: str = "",
    at: datetime | None = None,
) -> AuditEvent:
    """An unsaved event; raises KeyError for a field that is not on the allow-list.

    An unsaved `target` stands for a record that does not exist: its kind is told, and no id.
    at: the database's time, for many events of one moment; else the database is asked.
    """
    if study is not None and study.is_blinded and action in _ENDINGS:
        action, before, after = ENDED_UNTOLD, {}, {}
    _check({**(before or {}), **(after or {})})
    return AuditEvent(
        at=at or db_now(),
        actor_id=actor.id,
        actor_name=actor.name,
        actor_role=actor.role,
        site=site or (study.site.code if study else ""),
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(getattr(target, "uid", target.pk) or ""),
        study=str(study.uid) if study else "",
        before=dict(before or {}),
        after=dict(after or {}),
        reason=plain(reason),
        request_id=actor.request_id,
        address=actor.address,
        outcome=outcome,
        model_digest=model_digest,
    )


def _check(fields: Mapping[str, Any]) -> None:
    for name in fields:
        if name not in ALLOWED_FIELDS:
            raise KeyError(f"{name} is not on the audit allow-list")


def record(**fields: Any) -> AuditEvent:
    """Write one event; takes what `event` takes."""
    row = event(**fields)
    row.save(force_insert=True)
    return row


def record_all(events: Iterable[AuditEvent]) -> None:
    """Write events, in their order, in one statement."""
    AuditEvent.objects.bulk_create(events)


def viewed(*, actor: Actor, action: str, target: Model, study: Study) -> None:
    """A read of a film, a result or a report is an event, too."""
    record(actor=actor, action=action, target=target, study=study)
