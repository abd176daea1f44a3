"""The studies that a user submitted, newest first, by a keyset that stays flat at any depth."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.models import CaseClaim, Image, Job, Study
from diagnosis.permissions import visible_to
from diagnosis.queries.blinding import is_silent
from diagnosis.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from diagnosis.permissions import User

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Submitted:
    """A study, who reads it now, and why films of it got no score (none while that is hidden)."""

    study: Study
    held_by: str
    codes: Sequence[str]

    @property
    def needs_new_film(self) -> bool:
        return self.study.needs_new_film and not is_silent(self.study)


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Submitted]
    next_cursor: str  # the uid of the last study shown, or "" at the end


def page(user: User, *, before: str = "", size: int = PAGE_SIZE) -> Page:
    """Those older than the study `before` (a uid; a foreign or unknown one means the first page)."""
    mine = visible_to(user, Study).filter(submitted_by=user.pk)
    if (place := _place(user, before)) is not None:
        mine = mine.filter(id__lt=place)
    # The keys first, by the index alone.
    keys = list(mine.order_by("-id").values_list("pk", flat=True)[: size + 1])
    shown = Study.objects.filter(pk__in=keys[:size]).select_related("patient", "site")
    studies = list(shown.order_by("-id"))
    return Page(_described(studies), str(studies[-1].uid) if len(keys) > size else "")


def _place(user: User, uid: str) -> int | None:
    try:
        found = visible_to(user, Study).order_by().filter(uid=uuid.UUID(uid))
    except ValueError:
        return None
    return next(iter(found.values_list("id", flat=True)), None)


def _described(studies: Sequence[Study]) -> list[Submitted]:
    live = CaseClaim.live().filter(study__in=studies)
    holders = dict(live.values_list("study", "holder__username"))
    codes = codes_of(studies)
    return [
        Submitted(study, holders.get(study.pk, ""), codes.get(study.pk, ())) for study in studies
    ]


def codes_of(studies: Iterable[Study]) -> Mapping[int, Sequence[str]]:
    """By a study's key, why films of it are not assessable: each code once, none while hidden."""
    told = [s for s in studies if (s.needs_new_film or s.ai_unavailable) and not is_silent(s)]
    films = dict(Image.objects.filter(study__in=told).order_by().values_list("id", "study"))
    refused = Job.objects.filter(
        image__in=films, status=JobStatus.NOT_ASSESSABLE, superseded_by__isnull=True
    )
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for film, code in sorted(refused.order_by().values_list("image", "code")):
        found[films[film]][code] = None
    return {key: tuple(of_study) for key, of_study in found.items()}
