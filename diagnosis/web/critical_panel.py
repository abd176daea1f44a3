"""The critical findings of a study as a panel, and the forms of their steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from diagnosis.critical_states import (
    CRITICAL_TRANSITIONS,
    UNCONFIRMED,
    CriticalEvent,
    CriticalKind,
    CriticalStatus,
    Means,
)
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, roles_of
from diagnosis.queries import critical as query
from diagnosis.services import critical
from diagnosis.web import present
from diagnosis.web.forms import DomainForm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from diagnosis.models import CriticalFinding, Study
    from diagnosis.permissions import User

KINDS = {
    CriticalKind.TENSION_PNEUMOTHORAX: _("Tension pneumothorax"),
    CriticalKind.PNEUMOTHORAX: _("New or growing pneumothorax"),
    CriticalKind.FREE_AIR: _("Free air below the diaphragm"),
    CriticalKind.MISPLACED_DEVICE: _("Misplaced tube, line or device"),
    CriticalKind.WIDE_MEDIASTINUM: _("Wide mediastinum, aorta suspected"),
    CriticalKind.MASSIVE_EFFUSION: _("Massive effusion or collapsed lung"),
    CriticalKind.FOREIGN_BODY: _("Foreign body in the airway"),
    CriticalKind.SEVERE_PNEUMONIA: _("Severe pneumonia"),
    CriticalKind.OTHER: _("Other"),
}
MEANS = {
    Means.PHONE: _("By phone"),
    Means.IN_PERSON: _("In person"),
    Means.MESSAGE: _("By message"),
    Means.PAGE: _("By pager"),
}
STATUSES = {
    CriticalStatus.IDENTIFIED: _("Not confirmed yet"),
    CriticalStatus.TOLD: _("Told, not confirmed yet"),
    CriticalStatus.RECEIVED: _("Read back"),
    CriticalStatus.ACKNOWLEDGED: _("Acknowledged"),
    CriticalStatus.WITHDRAWN: _("Withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A critical finding, and what the user can do with it."""

    row: CriticalFinding
    what: Any
    status: Any
    means: Any
    is_open: bool
    seconds_left: int  # negative: past the time
    left: str
    can: frozenset[str]  # of "tell", "read_back", "acknowledge", "withdraw"


def findings(user: User, rows: Iterable[CriticalFinding]) -> list[Finding]:
    now = db_now()
    return [_finding(user, row, now) for row in rows]


def _finding(user: User, row: CriticalFinding, now: datetime) -> Finding:
    left = (row.acknowledge_by - now).total_seconds()
    kind = CriticalKind(row.kind)
    return Finding(
        row=row,
        what=row.text if kind is CriticalKind.OTHER else KINDS[kind],
        status=STATUSES[row.status],
        means=MEANS[Means(row.means)] if row.means else "",
        is_open=row.status in UNCONFIRMED,
        seconds_left=int(left),
        left=present.duration(left),
        can=_steps(user, row),
    )


def _steps(user: User, row: CriticalFinding) -> frozenset[str]:
    possible = {event for status, event in CRITICAL_TRANSITIONS if status == row.status}
    if Role.RADIOLOGIST not in roles_of(user):
        possible &= {CriticalEvent.ACKNOWLEDGE}
    if not critical.may_acknowledge(user=user, finding=row):
        possible -= {CriticalEvent.ACKNOWLEDGE}
    return frozenset(event.lower() for event in possible)


class MarkForm(DomainForm):
    """What was seen, and who must be told."""

    kind = forms.ChoiceField(
        label=_("Finding"),
        choices=[("", _("Choose…")), *KINDS.items()],
        error_messages={"required": _("Choose what was found.")},
    )
    text = forms.CharField(label=_("In words"), max_length=500, required=False)
    recipient = forms.TypedChoiceField(
        label=_("Who must be told"), coerce=int, empty_value=None, required=False
    )
    outside = forms.CharField(label=_("Or somebody outside"), max_length=120, required=False)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        people = list(query.recipients(study).values_list("pk", "username"))
        known = {key for key, _name in people}
        sender = study.submitted_by_id if study.submitted_by_id in known else ""
        super().__init__(*args, **kwargs)
        self.initial["recipient"] = sender
        self.auto_id = "critical-%s"
        chooser: Any = self.fields["recipient"]
        chooser.choices = [("", _("Choose…")), *people]
        for name, field in self.fields.items():
            field.widget.attrs |= {"aria-describedby": f"critical-{name}-error"}
            if isinstance(field.widget, forms.TextInput):
                field.widget.attrs["autocomplete"] = "off"

    def marked(self) -> critical.Marked:
        return critical.Marked(**self.cleaned_data)


class TellForm(DomainForm):
    means = forms.ChoiceField(
        choices=list(MEANS.items()),
        error_messages={"required": _("Say by which means it was told.")},
    )
    received_by = forms.CharField(max_length=120, required=False)


class ReadBackForm(DomainForm):
    received_by = forms.CharField(
        max_length=120, error_messages={"required": _("Name who read it back.")}
    )


class WithdrawForm(DomainForm):
    reason = forms.CharField(
        max_length=500, error_messages={"required": _("Say why it is withdrawn.")}
    )


def context(user: User, study: Study, form: MarkForm | None = None) -> dict[str, Any]:
    """What the panel shows. Nothing at all where there is no finding, and none to mark."""
    may_mark = critical.may_mark(user=user, study=study)
    shown = findings(user, query.of_study(study))
    return {
        "critical": shown,
        "critical_open": any(finding.is_open for finding in shown),
        "may_mark": may_mark,
        "mark_form": form or (MarkForm(study=study) if may_mark else None),
        "means": MEANS.items(),
    }
