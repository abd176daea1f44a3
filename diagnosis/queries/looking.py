"""Looks for what no index of the list gives, in a bounded number of rows, and says when it was cut."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.contrib.auth.models import User as Account
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan

from diagnosis.models import CaseClaim, Patient, Reading, Study
from diagnosis.models.keys import search_key
from diagnosis.permissions import Role, roles_of
from diagnosis.queries import filters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

    from diagnosis.permissions import User
    from diagnosis.queries.filters import Filter

Place = tuple[int, int]  # rank and id of a study
MOST_LOOKED_AT = 5000
MOST_PATIENTS = 200  # that a search follows to their studies


class Cut(StrEnum):
    """Why there may be more than what is shown."""

    FURTHER = "FURTHER"  # only a stretch of the list was looked at; it goes on behind it
    NEWEST = "NEWEST"  # only the newest of these days or of this submitter
    MATCHES = "MATCHES"  # more patients match than a search follows


@dataclass(frozen=True, slots=True)
class Looked:
    places: list[Place]
    cut: Cut | None = None
    end: Place | None = None  # the user's last study that was looked at, where looking stopped


@dataclass(frozen=True, slots=True)
class _Found:
    """Keys of studies that some other index gave; `cut`: of more there were."""

    studies: set[int]
    cut: Cut | None


def behind(rows: QuerySet[Study], place: Place | None) -> QuerySet[Study]:
    """The rest of a list behind a place of it; all of it behind none."""
    if place is None:
        return rows
    # The second condition is in the first one; SQLite finds its place by it.
    return rows.filter(
        TupleGreaterThan((F("worklist_rank"), F("id")), place), worklist_rank__gte=place[0]
    )


def look(user: User, chosen: Filter, place: Place | None, most: int) -> Looked:
    """Up to `most` places behind `place`, in the order of the list."""
    rows = filters.listed(user, chosen)
    if chosen.is_of_list:
        return Looked(_places(behind(rows, place)[:most]))
    found = _found(user, chosen)
    if found is None:
        return _along(user, chosen, place, most)
    rows = filters.narrowed(rows.filter(pk__in=found.studies).order_by(), chosen)
    places = sorted(key for key in _places(rows) if place is None or key > place)
    return Looked(places[:most], found.cut)


def _places(rows: QuerySet[Study]) -> list[Place]:
    return list(rows.values_list("worklist_rank", "id"))


def _along(user: User, chosen: Filter, place: Place | None, most: int) -> Looked:
    """Along the list itself, no further than a stretch of it."""
    rows = behind(filters.listed(user, chosen), place)
    stretch = behind(filters.stretch(user, chosen), place)
    end = _first(stretch[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT])
    if end is None:
        return Looked(_places(filters.narrowed(rows, chosen)[:most]))
    rows = rows.filter(worklist_rank__lte=end[0]).exclude(worklist_rank=end[0], id__gt=end[1])
    places = _places(filters.narrowed(rows, chosen)[:most])
    if len(places) == most:
        return Looked(places)
    return Looked(places, Cut.FURTHER, _first(rows.reverse()[:1]))


def _first(rows: QuerySet[Study]) -> Place | None:
    return next(iter(_places(rows)), None)


def _found(user: User, chosen: Filter) -> _Found | None:
    """By the index that chooses best; None: the list itself does."""
    found = None
    if chosen.search:
        found = _matching(user, chosen)
    if chosen.mine:
        mine = _mine(user)
        found = mine if found is None else _Found(found.studies & mine.studies, found.cut)
    if found is None and chosen.is_of_everything and (chosen.submitter or chosen.days):
        found = _newest(user, chosen)
    return found


def _mine(user: User) -> _Found:
    """Held or drafted by a radiologist; submitted by anybody else."""
    if Role.RADIOLOGIST not in roles_of(user):
        return _submitted(Q(submitted_by=user.pk), MOST_LOOKED_AT)
    drafts = Reading.objects.filter(reader=user.pk, signed_at__isnull=True).order_by()
    held = CaseClaim.live().filter(holder=user.pk).order_by()
    studies = [*_studies_of(drafts), *_studies_of(held)]
    return _Found(set(studies), Cut.NEWEST if len(studies) > MOST_LOOKED_AT else None)


def _studies_of(rows: QuerySet[Reading] | QuerySet[CaseClaim]) -> list[int]:
    return list(rows.values_list("study", flat=True)[: MOST_LOOKED_AT + 1])


def _newest(user: User, chosen: Filter) -> _Found:
    """Of one submitter, or of some days at each site."""
    if chosen.submitter:
        submitters = Account.objects.filter(username=chosen.submitter)
        submitter = submitters.values_list("pk", flat=True).first()
        return _submitted(chosen.days & Q(submitted_by=submitter), MOST_LOOKED_AT)
    sites = filters.site_keys(user, chosen)
    each = MOST_LOOKED_AT // max(len(sites), 1)
    return _together(_submitted(chosen.days & Q(site=site), each) for site in sites)


def _submitted(condition: Q, most: int) -> _Found:
    rows = Study.objects.filter(condition).order_by("-submitted_at")
    return _cut(list(rows.values_list("pk", flat=True)[: most + 1]), most, Cut.NEWEST)


def _matching(user: User, chosen: Filter) -> _Found:
    """By the beginning of the patient's name, of the last of its words, of an MRN or a number."""
    sites, key = filters.site_keys(user, chosen), search_key(chosen.search)
    if not key:
        return _Found(set(), None)
    patients = _together(
        _keys(Patient, _begins(field, key, sites), MOST_PATIENTS)
        for field in ("name_key", "family_key", "mrn_key")
    )
    theirs = _keys(Study, Q(patient__in=patients.studies), MOST_LOOKED_AT)
    numbered = _keys(Study, _begins("accession_key", key, sites), MOST_PATIENTS)
    return _together([_Found(set(), patients.cut), theirs, numbered])


def _begins(field: str, key: str, sites: list[int]) -> Q:
    if connection.vendor != "sqlite":
        return Q(**{"site__in": sites, f"{field}__startswith": key})
    # Its LIKE has no case, and so no index; a range of bytes has one.
    return Q(**{"site__in": sites, f"{field}__gte": key, f"{field}__lt": key + chr(0x10FFFF)})


def _keys(table: type[Model], condition: Q, most: int) -> _Found:
    rows = table._default_manager.filter(condition).order_by()
    return _cut(list(rows.values_list("pk", flat=True)[: most + 1]), most, Cut.MATCHES)


def _cut(keys: list[int], most: int, why: Cut) -> _Found:
    return _Found(set(keys[:most]), why if len(keys) > most else None)


def _together(parts: Iterable[_Found]) -> _Found:
    studies: set[int] = set()
    cut = None
    for part in parts:
        studies |= part.studies
        cut = cut or part.cut
    return _Found(studies, cut)
