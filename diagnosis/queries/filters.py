"""What a reader narrows the worklist by, as conditions on studies.

Tab, priority, site and the states of open cases are in the indexes of the list; the other filters
are looked for in a bounded part of it (queries/looking.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from diagnosis.models import ModelVersion, Study
from diagnosis.permissions import sites_of, visible_to
from diagnosis.queries import blinding, results
from diagnosis.states import TO_READ, Priority, StudyState, ranks_of

if TYPE_CHECKING:
    from datetime import date

    from diagnosis.permissions import User

TABS = {
    "to-read": Q(to_read=True),
    "second-read": Q(to_read=True, state=StudyState.AWAITING_SECOND_READ),
    "arbitration": Q(to_read=True, state=StudyState.AWAITING_ARBITRATION),
    "reported": Q(to_read=False),
    "all": Q(),
}
DEFAULT_TAB = "to-read"
STATES_OF_TAB = {
    "to-read": TO_READ,
    "second-read": {StudyState.AWAITING_SECOND_READ},
    "arbitration": {StudyState.AWAITING_ARBITRATION},
    "reported": {*StudyState} - TO_READ,
    "all": {*StudyState},
}
# What is hidden from anybody, nothing that follows from it may choose by either.
_SHOWN = ~blinding.is_blind()


class Band(StrEnum):
    """Where a study's top score stands."""

    SUGGESTS = "SUGGESTS"  # at or above the decision point
    DOUBT = "DOUBT"  # below it, at or above the model's rule-out point
    RULED_OUT = "RULED_OUT"  # below the rule-out point
    NO_SCORE = "NO_SCORE"


_GRADES: dict[str, int | None] = {
    Band.SUGGESTS: 2, Band.DOUBT: 1, Band.RULED_OUT: 0, Band.NO_SCORE: None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Each empty word means "any"; one that names nothing finds nothing."""

    tab: str = DEFAULT_TAB
    priority: str = ""
    state: str = ""
    site: str = ""  # its code
    since: date | None = None  # days of submission, in UTC
    until: date | None = None
    submitter: str = ""  # username
    band: str = ""
    not_assessable: bool = False
    mine: bool = False
    search: str = ""  # of name, MRN or accession number: a patient's data, so never in an address

    @property
    def is_of_list(self) -> bool:
        """Whether the list's own indexes serve it, so that it is counted as well."""
        return self == Filter(tab=self.tab, priority=self.priority, site=self.site)

    @property
    def is_of_everything(self) -> bool:
        """Whether it may hold most of what was ever submitted."""
        return self.tab in {"reported", "all"} and self.state not in TO_READ

    @property
    def days(self) -> Q:
        found = Q()
        if self.since:
            found &= Q(submitted_at__gte=_midnight(self.since))
        if self.until:
            found &= Q(submitted_at__lt=_midnight(self.until + timedelta(days=1)))
        return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def site_keys(user: User, chosen: Filter) -> list[int]:
    """The keys of the user's sites that are asked for."""
    sites = sites_of(user)
    if chosen.site:
        sites = sites.filter(code=chosen.site)
    return list(sites.values_list("pk", flat=True))


def listed(user: User, chosen: Filter) -> QuerySet[Study]:
    """The part of the list that its indexes give, in their order."""
    if chosen.site:  # alone, so that the index of one site is taken
        rows = Study.objects.filter(site=next(iter(site_keys(user, chosen)), 0))
    else:
        rows = visible_to(user, Study)
    return _of_list(rows, chosen)


def stretch(user: User, chosen: Filter) -> QuerySet[Study]:
    """The same list where it is one site's, else that of all sites: what an index is walked along.

    Counted along this one, a look for studies of a few sites among many ends as soon as any other.
    """
    if len(site_keys(user, chosen)) == 1:
        return listed(user, chosen)
    return _of_list(Study.objects.all(), chosen)


def _of_list(rows: QuerySet[Study], chosen: Filter) -> QuerySet[Study]:
    rows = rows.filter(TABS.get(chosen.tab, TABS[DEFAULT_TAB]))
    if chosen.priority:
        rows = rows.filter(worklist_rank__range=_ranks(chosen.priority))
    if chosen.state and chosen.state not in STATES_OF_TAB.get(chosen.tab, TO_READ):
        return rows.none()
    if chosen.state in TO_READ:
        rows = rows.filter(to_read=True, state=chosen.state)
    elif chosen.state:
        rows = rows.filter(to_read=False)
    return rows.order_by("worklist_rank", "id")


def _ranks(priority: str) -> tuple[int, int]:
    known = priority in set(Priority)
    return ranks_of(Priority(priority)) if known else (0, -1)


def narrowed(rows: QuerySet[Study], chosen: Filter) -> QuerySet[Study]:
    """Those of the rows that fit what is looked for; search and "mine" are looking.py's."""
    rows = rows.filter(chosen.days)
    if chosen.state and chosen.state not in TO_READ:
        rows = rows.filter(state=chosen.state)
    if chosen.submitter:
        rows = rows.filter(submitted_by__username=chosen.submitter)
    if chosen.not_assessable:
        rows = rows.filter(_SHOWN, needs_new_film=True)
    if chosen.band:
        grade = _GRADES.get(chosen.band, -1)
        asked = {"grade__isnull": True} if grade is None else {"grade": grade}
        rows = rows.filter(_SHOWN).alias(grade=Subquery(_grades())).filter(**asked)
    return rows


def _grades() -> QuerySet[Any]:
    """A study's highest grade. One value a study, which no database turns into a join of all."""
    points = ModelVersion.objects.values_list(
        "pk", "manifest__operating_points__rule_out__threshold"
    ).order_by()
    doubt = Q()
    for version, rule_out in points:
        if rule_out is not None:
            doubt |= Q(job__model_version=version, probability__gte=rule_out)
    steps = [When(probability__gte=F("threshold"), then=Value(2))]
    if doubt:
        steps.append(When(doubt, then=Value(1)))
    graded = results.counted(OuterRef("pk")).annotate(
        grade=Case(*steps, default=Value(0), output_field=IntegerField())
    )
    return graded.order_by("-grade").values("grade")[:1]
