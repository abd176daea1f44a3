"""Writing phrases for reports: readers their own, administrators those of their sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction

from diagnosis.errors import InvalidInput, NotFound
from diagnosis.models import ReportPhrase
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require, sites_of
from diagnosis.queries import phrases
from diagnosis.services import audit

if TYPE_CHECKING:
    from diagnosis.models import Site
    from diagnosis.permissions import Actor, User


@dataclass(frozen=True, slots=True)
class Phrase:
    """`site`: for all who read there; None: the writer's own."""

    site: Site | None
    key: str
    section: str
    text: str


def find(*, user: User, phrase_id: int) -> ReportPhrase:
    """A phrase that the user may change. Raises NotPermitted, NotFound."""
    row = ReportPhrase.objects.filter(pk=phrase_id).first()
    allowed = phrases.own(user) if row and row.owner_id else phrases.of_sites(user)
    if row is None or not allowed.filter(pk=row.pk).exists():
        raise NotFound
    _require_writer(user, row.site)
    return row


def save(*, user: User, actor: Actor, phrase: Phrase, phrase_id: int | None = None) -> ReportPhrase:
    """A new phrase, or with `phrase_id` another text of an old one.

    Raises NotPermitted, NotFound, InvalidInput.
    """
    _require_writer(user, phrase.site)
    if phrase.site and not sites_of(user).filter(pk=phrase.site.pk).exists():
        raise NotFound
    with transaction.atomic():
        row = find(user=user, phrase_id=phrase_id) if phrase_id else ReportPhrase()
        row.site, row.owner_id = phrase.site, None if phrase.site else user.pk
        row.key, row.section, row.text = phrase.key.strip(), phrase.section, phrase.text.strip()
        row.changed_at = db_now()
        _check(row)
        row.save()
        _told(actor, "PHRASE_SAVED", row)
    return row


def delete(*, user: User, actor: Actor, phrase_id: int) -> None:
    """Raises NotPermitted, NotFound."""
    with transaction.atomic():
        row = find(user=user, phrase_id=phrase_id)
        _told(actor, "PHRASE_DELETED", row)
        row.delete()


def _require_writer(user: User, site: Site | None) -> None:
    require(user, Role.ADMINISTRATOR if site else Role.RADIOLOGIST)


def _check(row: ReportPhrase) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        refusal = InvalidInput.of(error)
        if refusal.details["field"] == "__all__":
            refusal = InvalidInput("There is such a phrase already.", field="key")
        raise refusal from error


def _told(actor: Actor, action: str, row: ReportPhrase) -> None:
    audit.record(actor=actor, action=action, target=row, site=row.site.code if row.site else "")
