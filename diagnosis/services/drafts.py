"""A reader's unsigned report. It is kept at each pause of the typing, and never printed or signed
by anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from diagnosis.errors import AlreadySigned, DraftChanged
from diagnosis.models import Reading
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require
from diagnosis.queries import drafts
from diagnosis.report import Report
from diagnosis.services import audit, claims, lifecycle
from diagnosis.states import AWAITED_READING, StudyState

if TYPE_CHECKING:
    from diagnosis.models import Study
    from diagnosis.permissions import Actor, User


def of(*, user: User, study: Study) -> Reading:
    """The reader's draft of the reading that the case waits for; a blank one where there is none.

    The caller's transaction holds the study's lock. While a colleague holds the case nobody
    begins a draft, but whoever has one keeps it.

    Raises NotPermitted, AlreadySigned, CaseHeld.
    """
    require(user, Role.RADIOLOGIST)
    kind = AWAITED_READING.get(StudyState(study.state))
    if kind is None:
        raise AlreadySigned
    if study.readings.filter(reader_id=user.pk, signed_at__isnull=False).exists():
        raise AlreadySigned("You have signed this case; another radiologist must read it now.")
    if draft := drafts.mine(user, study):
        return draft
    claims.require_free(user=user, study=study)
    return Reading.objects.create(study=study, reader_id=user.pk or 0, kind=kind)


def save(*, user: User, actor: Actor, study: Study, report: Report, revision: int) -> Reading:
    """Keep what is typed. `revision` is that of the draft which the writer's page shows, 0: none.

    The same text again changes nothing, so that a save may be repeated when its answer was lost.

    Raises NotPermitted, AlreadySigned, CaseHeld, DraftChanged.
    """
    text = report.cleaned()
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        draft = of(user=user, study=locked)
        before = Report.of(draft)
        if before == text:
            return draft
        require_revision(draft, revision)
        _write(draft, text)
        if before.is_blank:
            audit.record(actor=actor, action="DRAFT_STARTED", target=draft, study=locked)
        return draft


def discard(*, user: User, actor: Actor, study: Study, revision: int) -> None:
    """Empty the draft; a first opinion on it stays. Discarding what is blank changes nothing.

    The row stays, and so does its count of revisions: an old page cannot take it for its own.

    Raises NotPermitted, DraftChanged.
    """
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        draft = drafts.mine(user, locked)
        if draft is None or Report.of(draft).is_blank:
            return
        require_revision(draft, revision)
        _write(draft, Report())
        audit.record(actor=actor, action="DRAFT_DISCARDED", target=draft, study=locked)


def require_revision(draft: Reading, revision: int) -> None:
    if draft.revision != revision:
        raise DraftChanged(revision=draft.revision)


def _write(draft: Reading, text: Report) -> None:
    columns = text.columns()
    for name, value in columns.items():
        setattr(draft, name, value)
    draft.revision += 1
    draft.saved_at = db_now()
    draft.save(update_fields=[*columns, "revision", "saved_at"])
