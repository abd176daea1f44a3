"""How far readers agree with each other, and with the model. Counts alone: no patient, no study.

Only signed studies that are no longer to be read are counted, so that no opinion is told while
another reader must not know it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, When

from diagnosis.models import Reading
from diagnosis.permissions import visible_to
from diagnosis.queries import results
from diagnosis.queries.kappa import Agreement, agreement
from diagnosis.states import Opinion, ReadingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from diagnosis.models import Site
    from diagnosis.permissions import User

OPINIONS = (Opinion.PNEUMONIA, Opinion.NO_PNEUMONIA, Opinion.INDETERMINATE)
LABELS = OPINIONS[:2]  # the model is never undecided
_INDEPENDENT = (ReadingKind.FIRST, ReadingKind.SECOND)  # an arbiter knows both


@dataclass(frozen=True, slots=True)
class Pair:
    """Two who judged the same cases, and their counts: rows are `one`'s opinions."""

    one: str
    other: str  # "" is the model
    categories: Sequence[Opinion]
    table: Sequence[Sequence[int]]
    left_out: int = 0  # opinions that are no label of the model
    unaware: int = 0  # opinions stored before the model was seen

    @property
    def result(self) -> Agreement:
        return agreement(self.table)


def _counted(user: User, site: Site, since: datetime | None) -> QuerySet[Reading]:
    signed = visible_to(user, Reading).filter(study__site=site, study__to_read=False)
    after = Q(signed_at__gte=since) if since else Q(signed_at__isnull=False)
    return signed.filter(after).order_by()


def of_readers(user: User, *, site: Site, since: datetime | None) -> list[Pair]:
    """First and second readings of the same studies, pair by pair; `since`: the second's signature."""
    second = _counted(user, site, since).filter(
        kind=ReadingKind.SECOND,
        study__readings__kind=ReadingKind.FIRST,
        study__readings__signed_at__isnull=False,
    )
    rows = second.values_list(
        "study__readings__reader__username",
        "reader__username",
        "study__readings__opinion",
        "opinion",
    ).annotate(n=Count("id"))
    counts: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for one, other, first, again, n in rows:
        pair, opinions = (one, other), (first, again)
        if one > other:  # who came first does not matter
            pair, opinions = pair[::-1], opinions[::-1]
        counts[pair][opinions] = counts[pair].get(opinions, 0) + n
    return [
        Pair(one, other, OPINIONS, _table(found, OPINIONS))
        for (one, other), found in sorted(counts.items())
    ]


def with_model(user: User, *, site: Site, since: datetime | None) -> list[Pair]:
    """Each reader's independent readings beside the model's label; studies without one are left out.

    A study's label is pneumonia where any film's current result, not late, is at its threshold.
    """
    current = results.counted(OuterRef("study"))
    before_the_model = Q(opined_at__isnull=False)
    rows = (
        _counted(user, site, since)
        .filter(Exists(current), kind__in=_INDEPENDENT)
        .annotate(
            said=Case(
                When(before_the_model, then=F("first_opinion")),
                default=F("opinion"),
                output_field=CharField(),
            ),
            suggests=Exists(current.filter(probability__gte=F("threshold"))),
        )
        .values_list("reader__username", "said", "suggests")
        .annotate(n=Count("id"), unaware=Count("id", filter=before_the_model))
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for reader, *counted in rows:
        found[reader].append(counted)
    return [_beside_model(reader, counted) for reader, counted in sorted(found.items())]


def _beside_model(reader: str, rows: Iterable[tuple[str, bool, int, int]]) -> Pair:
    counts: dict[tuple[str, str], int] = {}
    left_out = unaware = 0
    for said, suggests, n, before in rows:
        if said not in LABELS:
            left_out += n
            continue
        counts[said, Opinion.PNEUMONIA if suggests else Opinion.NO_PNEUMONIA] = n
        unaware += before
    return Pair(reader, "", LABELS, _table(counts, LABELS), left_out, unaware)


def _table(counts: dict[tuple[str, str], int], words: Sequence[Opinion]) -> list[list[int]]:
    return [[counts.get((one, other), 0) for other in words] for one in words]
