"""Phrases for reports: those that come with the product, a site's, and a reader's own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from diagnosis.models import ReportPhrase
from diagnosis.permissions import sites_of
from diagnosis.report import NORMAL, SECTIONS, Region

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise as Words

    from diagnosis.models import Site
    from diagnosis.permissions import User

# (key, section, text); no section: wherever it is typed.
_BUILT_IN: tuple[tuple[str, str, Words], ...] = (
    *(("normal", str(region), text) for region, text in NORMAL.items()),
    ("normal", "impression", _("No acute cardiopulmonary abnormality.")),
    ("rlz", Region.RIGHT_LUNG, _("Airspace opacity in the lower zone.")),
    ("rlz", "impression", _("Right lower zone consolidation, in keeping with pneumonia.")),
    ("llz", Region.LEFT_LUNG, _("Airspace opacity in the lower zone.")),
    ("llz", "impression", _("Left lower zone consolidation, in keeping with pneumonia.")),
    ("effusion", Region.PLEURA, _("Blunting of the costophrenic angle: small effusion.")),
    ("viral", Region.HILA, _("Peribronchial thickening on both sides.")),
    ("viral", "impression", _("No consolidation. In keeping with a viral infection.")),
    ("rotated", "technique", _("The patient is rotated.")),
    ("expired", "technique", _("Taken in expiration.")),
    ("follow-up", "", _("Follow-up film advised if symptoms persist.")),
)


@dataclass(frozen=True, slots=True)
class Phrase:
    key: str
    section: str
    text: Words | str

    @property
    def heading(self) -> Words | str:
        return SECTIONS.get(self.section, "")


def usable(user: User, site: Site) -> list[tuple[str, list[Phrase]]]:
    """Key -> its phrases, of several sections where it is a template. The nearer one counts:
    the reader's own before the site's, and that before the product's."""
    stored = ReportPhrase.objects.filter(owner=user.pk) | ReportPhrase.objects.filter(site=site)
    # The last of the same key and section stays.
    rows = stored.order_by(F("site").desc(nulls_last=True), "id")
    found = {(one.key, one.section): one for one in built_in()}
    for row in rows:
        found[row.key, row.section] = Phrase(row.key, row.section, row.text)
    return grouped(found.values())


def built_in() -> list[Phrase]:
    return [Phrase(*row) for row in _BUILT_IN]


def grouped(phrases: Iterable[Phrase]) -> list[tuple[str, list[Phrase]]]:
    """By key, each in the order of a report."""
    order = ["", *SECTIONS]
    rows = sorted(phrases, key=lambda one: (one.key, order.index(one.section)))
    return [(key, list(group)) for key, group in groupby(rows, key=lambda one: one.key)]


def own(user: User) -> QuerySet[ReportPhrase]:
    return ReportPhrase.objects.filter(owner=user.pk)


def of_sites(user: User) -> QuerySet[ReportPhrase]:
    """Those of the user's sites."""
    return ReportPhrase.objects.filter(site__in=sites_of(user)).select_related("site")
