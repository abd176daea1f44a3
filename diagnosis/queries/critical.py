"""Critical findings: of a study, of a user who must confirm them, and whom they may be told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnosis.errors import NotFound
from diagnosis.models import CriticalFinding
from diagnosis.models.critical_finding import OPEN
from diagnosis.permissions import CLINICAL, visible_to
from diagnosis.queries.people import members

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import User as Account
    from django.db.models import QuerySet

    from diagnosis.models import Study
    from diagnosis.permissions import User

_PEOPLE = ("marked_by", "recipient", "told_by", "acknowledged_by", "withdrawn_by")
MOST_RECIPIENTS = 500


def get(user: User, uid: UUID) -> CriticalFinding:
    """Raises NotFound, the same for a foreign one."""
    found = visible_to(user, CriticalFinding).filter(uid=uid).select_related("study__site")
    finding = found.first()
    if finding is None:
        raise NotFound
    return finding


def of_study(study: Study) -> list[CriticalFinding]:
    """Newest first; the caller has checked that the study is visible."""
    found = CriticalFinding.objects.filter(study=study)
    return list(found.select_related(*_PEOPLE).order_by("-id"))


def to_acknowledge(user: User) -> list[CriticalFinding]:
    """Those that wait for this user, the most pressing first."""
    mine = visible_to(user, CriticalFinding).filter(OPEN, recipient=user.pk)
    found = mine.select_related("study__patient", "study__site", "marked_by")
    return sorted(found, key=lambda finding: finding.acknowledge_by)


def recipients(study: Study) -> QuerySet[Account]:
    """Who of the study's site can be told of a finding."""
    return members(study.site_id, *CLINICAL).order_by("username")[:MOST_RECIPIENTS]
