"""Critical findings: marked, told, confirmed, escalated or withdrawn. The only writer of them.

Every step is an audit event in the same transaction; what is a patient's (the finding's own words)
reaches neither the trail nor a notification.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from diagnosis.critical_states import (
    CRITICAL_TRANSITIONS,
    UNCONFIRMED,
    CriticalEvent,
    CriticalKind,
    CriticalStatus,
    Means,
)
from diagnosis.errors import InvalidInput, NotPermitted, TransitionRefused
from diagnosis.models import CriticalFinding
from diagnosis.models.clock import db_now
from diagnosis.models.critical_finding import OPEN
from diagnosis.models.notification import NoticeKind
from diagnosis.permissions import Role, require, roles_of
from diagnosis.queries import critical
from diagnosis.queries.people import members
from diagnosis.services import audit, claims, lifecycle, notices

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User

_ANY_TIME = frozenset({Role.RADIOLOGIST, Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class Marked:
    """What the reader saw, and who must know: a user of the site (by key), or somebody outside."""

    kind: str
    text: str = ""
    recipient: int | None = None
    outside: str = ""


def may_mark(*, user: User, study: Study) -> bool:
    """A radiologist who is reading the case, or has signed it."""
    if Role.RADIOLOGIST not in roles_of(user):
        return False
    live = claims.holder(study=study)
    if live is not None and live.holder_id == user.pk:
        return True
    return study.readings.filter(reader=user.pk, signed_at__isnull=False).exists()


def may_acknowledge(*, user: User, finding: CriticalFinding) -> bool:
    """Who must be told; once it has escalated, also a radiologist or administrator of the site."""
    if finding.recipient_id is not None and finding.recipient_id == user.pk:
        return True
    return finding.escalated_at is not None and bool(roles_of(user) & _ANY_TIME)


def mark(*, user: User, actor: Actor, study: Study, marked: Marked) -> CriticalFinding:
    """Raises NotPermitted, and InvalidInput without text for "other" or for an unknown recipient."""
    require(user, Role.RADIOLOGIST)
    text, outside = audit.plain(marked.text), audit.plain(marked.outside)[:120]
    if marked.kind not in set(CriticalKind):
        raise InvalidInput("Choose what was found.", field="kind")
    if marked.kind == CriticalKind.OTHER and not text:
        raise InvalidInput("Say in words what was found.", field="text")
    recipient = None if outside else _recipient(study, marked.recipient)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        if not may_mark(user=user, study=locked):
            raise NotPermitted("Start reading this case before you mark a finding in it.")
        now = db_now()
        finding = CriticalFinding.objects.create(
            study=locked,
            kind=marked.kind,
            text=text,
            marked_by_id=user.pk or 0,
            identified_at=now,
            acknowledge_by=now + timedelta(minutes=locked.site.acknowledge_minutes),
            recipient_id=recipient,
            outside=outside,
        )
        told = {"kind": finding.kind, "recipient": recipient or "outside"}
        audit.record(
            actor=actor, action="CRITICAL_MARK", target=finding, study=locked, after=told, at=now
        )
        _notify(NoticeKind.CRITICAL_TO_ACKNOWLEDGE, finding, recipient)
        return finding


def _recipient(study: Study, key: int | None) -> int:
    known = critical.recipients(study).values_list("pk", flat=True)
    if key is None or key not in set(known):
        raise InvalidInput("Choose who must be told, or name somebody.", field="recipient")
    return key


def tell(
    *, user: User, actor: Actor, finding: CriticalFinding, means: str, received_by: str = ""
) -> None:
    """Record that the finding was told; with `received_by`, that it was read back at once, too.

    Raises NotPermitted, InvalidInput, TransitionRefused.
    """
    require(user, Role.RADIOLOGIST)
    if means not in set(Means):
        raise InvalidInput("Say by which means it was told.", field="means")
    with transaction.atomic():
        locked = _lock(finding)
        _step(
            locked, CriticalEvent.TELL, actor, {"means": means},
            told_at=db_now(), told_by_id=user.pk, means=means,
        )  # fmt: skip
        if audit.plain(received_by):
            _read_back(locked, actor, received_by)


def read_back(*, user: User, actor: Actor, finding: CriticalFinding, received_by: str) -> None:
    """Record who read it back. Raises NotPermitted, InvalidInput, TransitionRefused."""
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        _read_back(_lock(finding), actor, received_by)


def _read_back(locked: CriticalFinding, actor: Actor, received_by: str) -> None:
    name = audit.plain(received_by)[:120]
    if not name:
        raise InvalidInput("Name who read it back.", field="received_by")
    _step(locked, CriticalEvent.READ_BACK, actor, {}, received_at=db_now(), received_by=name)


def acknowledge(*, user: User, actor: Actor, finding: CriticalFinding) -> None:
    """I know of it, and act. Once more changes nothing. Raises NotPermitted, TransitionRefused."""
    require(user, Role.SUBMITTER, Role.RADIOLOGIST, Role.ADMINISTRATOR)
    with transaction.atomic():
        locked = _lock(finding)
        if locked.acknowledged_by_id == user.pk:
            return
        if not may_acknowledge(user=user, finding=locked):
            raise TransitionRefused("Only who must be told can acknowledge it before it escalates.")
        _step(
            locked, CriticalEvent.ACKNOWLEDGE, actor, {},
            acknowledged_at=db_now(), acknowledged_by_id=user.pk,
        )  # fmt: skip
        _notify(NoticeKind.CRITICAL_ACKNOWLEDGED, locked, locked.marked_by_id, but=user.pk)


def withdraw(*, user: User, actor: Actor, finding: CriticalFinding, reason: str) -> None:
    """It was no such finding. Raises NotPermitted, InvalidInput, TransitionRefused."""
    require(user, Role.RADIOLOGIST)
    why = audit.plain(reason)
    if not why:
        raise InvalidInput("Say why it is withdrawn.", field="reason")
    with transaction.atomic():
        locked = _lock(finding)
        _step(
            locked, CriticalEvent.WITHDRAW, actor, {}, why,
            withdrawn_at=db_now(), withdrawn_by_id=user.pk, withdrawn_because=why,
        )  # fmt: skip
        _notify(NoticeKind.CRITICAL_WITHDRAWN, locked, locked.recipient_id, but=user.pk)


def escalate_due(*, actor: Actor, limit: int = 200) -> int:
    """Tell radiologists and administrators of what nobody confirmed in time; each finding once."""
    due = CriticalFinding.objects.filter(
        OPEN, escalated_at__isnull=True, acknowledge_by__lte=db_now()
    )
    keys = list(due.order_by("acknowledge_by").values_list("pk", flat=True)[:limit])
    return sum(_escalate(key, actor) for key in keys)


def _escalate(key: int, actor: Actor) -> bool:
    with transaction.atomic():
        locked = _lock(CriticalFinding(pk=key))
        if locked.status not in UNCONFIRMED or locked.escalated_at is not None:
            return False  # confirmed meanwhile, or another sweeper was faster
        _step(locked, CriticalEvent.ESCALATE, actor, {}, escalated_at=db_now())
        told = members(locked.study.site_id, Role.RADIOLOGIST, Role.ADMINISTRATOR)
        _notify(NoticeKind.CRITICAL_ESCALATED, locked, *told.values_list("pk", flat=True))
        return True


def _lock(finding: CriticalFinding) -> CriticalFinding:
    rows = CriticalFinding.objects.select_for_update(of=("self",))
    return rows.select_related("study__site").get(pk=finding.pk)


def _step(
    locked: CriticalFinding,
    event: CriticalEvent,
    actor: Actor,
    told: dict[str, Any],
    reason: str = "",
    **changes: Any,
) -> None:
    before = locked.status
    after = CRITICAL_TRANSITIONS.get((before, event))
    if after is None:
        raise TransitionRefused
    for name, value in changes.items():
        setattr(locked, name, value)
    _require_agreement(locked, after)
    locked.save(update_fields=list(changes))
    audit.record(
        actor=actor,
        action=f"CRITICAL_{event}",
        target=locked,
        study=locked.study,
        before={"status": before},
        after={"status": after, **told},
        reason=reason,
    )


def _require_agreement(locked: CriticalFinding, after: CriticalStatus) -> None:
    if locked.status != after:
        raise TransitionRefused


def _notify(
    kind: NoticeKind, finding: CriticalFinding, *users: int | None, but: int | None = None
) -> None:
    told = [user for user in users if user is not None and user != but]
    notices.tell(kind=kind, users=told, study=finding.study)
