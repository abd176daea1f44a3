"""Unsigned reports: whose may be seen by whom, and what a new one begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db.models import Q

from diagnosis.models import CaseClaim, Reading
from diagnosis.queries import studies
from diagnosis.report import Report
from diagnosis.states import AWAITED_READING, StudyState

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import User


def mine(user: User, study: Study) -> Reading | None:
    """The user's draft of the reading that the case waits for."""
    kind = AWAITED_READING.get(StudyState(study.state))
    own = study.readings.filter(reader=user.pk, kind=kind, signed_at__isnull=True)
    return own.first() if kind else None


def shown_to(user: User, study: Study) -> list[Reading]:
    """Drafts that the user may read beside their own present one, newest first.

    Their own of an earlier read; and, while they hold the case, a colleague's of the read that the
    case waits for, never of another. On a blinded study only with an opinion of their own stored.
    """
    kind = AWAITED_READING.get(StudyState(study.state))
    allowed = Q(reader=user.pk) & ~Q(kind=kind or "")
    if kind and _holds(user, study) and (not study.is_blinded or _has_opined(user, study)):
        allowed |= ~Q(reader=user.pk) & Q(kind=kind)
    drafts = study.readings.filter(allowed, signed_at__isnull=True).select_related("reader")
    return [draft for draft in drafts.order_by("-saved_at") if not Report.of(draft).is_blank]


def _holds(user: User, study: Study) -> bool:
    return CaseClaim.live().filter(study=study, holder=user.pk).exists()


def _has_opined(user: User, study: Study) -> bool:
    return study.readings.filter(reader=user.pk, opined_at__isnull=False).exists()


def prefilled(user: User, study: Study) -> Report:
    """What a report begins with, from the study and from the patient's newest earlier one."""
    earlier = studies.earlier_studies(user, study).filter(submitted_at__lt=study.submitted_at)
    newest = earlier.first()
    views = study.images.order_by("position").values_list("view_position", flat=True)
    view = next((word for word in views if word), "")
    return Report(
        indication=study.indication,
        comparison=f"Chest radiograph of {newest.submitted_at:%Y-%m-%d}." if newest else "None.",
        technique=f"Chest radiograph, {view}." if view else "Chest radiograph.",
    )


def text_for(user: User, study: Study) -> Report:
    """What the report form shows: the user's draft, or what a new one begins with.

    A draft on which only an opinion stands is one that a first opinion began.
    """
    draft = mine(user, study)
    written = Report.of(draft) if draft else Report()
    if replace(written, opinion="").is_blank:
        return replace(prefilled(user, study), opinion=written.opinion)
    return written
