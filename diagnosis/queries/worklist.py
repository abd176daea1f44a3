"""The worklist: filtered, counted, and paged by a keyset that stays flat at any depth.

What a page or a count looks at must not grow with the studies: an index has every column by which
they are chosen, in the order of the list.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import (
    Case,
    Count,
    FloatField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    When,
)

from diagnosis.models import CaseClaim, Image, Job, Study
from diagnosis.permissions import visible_to
from diagnosis.queries import results
from diagnosis.queries.blinding import hidden_column
from diagnosis.queries.filters import TABS, Filter, listed
from diagnosis.queries.looking import look
from diagnosis.states import ACTIVE_JOB, Priority

if TYPE_CHECKING:
    from diagnosis.models import Result
    from diagnosis.permissions import User
    from diagnosis.queries.looking import Cut, Place

PAGE_SIZE = 25
MOST_COUNTED = 1000
TO_READ = Filter()


@dataclass(frozen=True, slots=True)
class Page:
    studies: list[Study]
    next_cursor: str  # the uid of the study behind which the list goes on, or "" at the end
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many studies there are; MOST_COUNTED + 1 stands for any number above MOST_COUNTED."""

    tabs: dict[str, int]
    priorities: dict[str, int]  # of the chosen tab; "": of any priority


def page(user: User, chosen: Filter = TO_READ, *, after: str = "", size: int = PAGE_SIZE) -> Page:
    """The page behind the study `after` (a uid; a foreign or unknown one means the first page)."""
    # The keys first, by an index alone: the details are counted for one page, not for all rows.
    looked = look(user, chosen, _place(user, after), size + 1)
    shown = [key for _, key in looked.places[:size]]
    details = with_details(Study.objects.filter(pk__in=shown), user)
    studies = list(details.order_by("worklist_rank", "id"))
    if len(looked.places) > size:
        return Page(studies, str(studies[-1].uid), looked.cut)
    return Page(studies, _uid(looked.end) if looked.end else "", looked.cut)


def _uid(place: Place) -> str:
    return str(Study.objects.values_list("uid", flat=True).get(pk=place[1]))


def _place(user: User, after: str) -> Place | None:
    try:
        uid = uuid.UUID(after)
    except ValueError:
        return None
    return visible_to(user, Study).filter(uid=uid).values_list("worklist_rank", "id").first()


def counts(user: User, chosen: Filter = TO_READ) -> Counts:
    """Of the lists as they are at the chosen site, without what is looked for in them."""
    of_site = Filter(site=chosen.site)
    tabs = {name: _counted(user, replace(of_site, tab=name)) for name in TABS}
    here = replace(of_site, tab=chosen.tab)
    of_each = {str(word): _counted(user, replace(here, priority=str(word))) for word in Priority}
    return Counts(tabs, {"": tabs[here.tab], **of_each})


def _counted(user: User, chosen: Filter) -> int:
    return listed(user, chosen).order_by()[: MOST_COUNTED + 1].count()


def with_details(rows: QuerySet[Study], user: User) -> QuerySet[Study]:
    """What a row shows the user: patient, top score, how many films and how many are analysed yet.

    Adds `model_hidden`, `top_probability`, `top_threshold`, `film_count`, `pending_count`,
    `held_by`; where the model is hidden from the user, its number is not even read.
    """
    current = results.speaking_first(OuterRef("pk"))
    live = CaseClaim.live().filter(study=OuterRef("pk"))
    active = Count(
        "images__jobs", filter=Q(images__jobs__status__in=sorted(ACTIVE_JOB)), distinct=True
    )
    return rows.select_related("patient", "site", "submitted_by").annotate(
        model_hidden=hidden_column(user),
        top_probability=_unless_hidden(current.values("probability")),
        top_threshold=_unless_hidden(current.values("threshold")),
        held_by=Subquery(live.values("holder__username")[:1]),
        film_count=Count("images", distinct=True),
        pending_count=active,
    )


def _unless_hidden(number: QuerySet[Result, Any]) -> Case:
    return Case(When(model_hidden=False, then=Subquery(number[:1])), output_field=FloatField())


def with_jobs(images: QuerySet[Image]) -> QuerySet[Image]:
    """Films with their current job (`image.current_jobs`, a list of at most one) and its result."""
    current = (
        Job.objects.filter(superseded_by__isnull=True)
        .select_related("result", "model_version")
        .order_by("-id")
    )
    return images.prefetch_related(Prefetch("jobs", queryset=current, to_attr="current_jobs"))
