"""Back-pressure: a submission is refused, with a time to come back, before the queue or the disk is
full. Two submissions at once may both pass where there was room for one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count, Q

from diagnosis.errors import StorageFull, TooManyWaiting
from diagnosis.models import Job
from diagnosis.queries import queue
from diagnosis.services import films
from diagnosis.states import JobStatus

if TYPE_CHECKING:
    from diagnosis.models import Site
    from diagnosis.permissions import User

_SOONEST, _LATEST = 5, 300  # seconds of Retry-After
_WAIT_UNKNOWN = 60


def check(*, user: User, site: Site) -> None:
    """Raises StorageFull and TooManyWaiting. Films that are waiting count, not those being analysed."""
    if not films.has_room():
        raise StorageFull
    waiting = Job.objects.filter(status=JobStatus.QUEUED)
    per_user, per_site = settings.MAX_WAITING_PER_USER, settings.MAX_WAITING_PER_SITE
    few = min(per_user, per_site)
    if waiting.order_by()[:few].count() < few:
        return  # nobody can be over; most submissions end here, after a look at one index
    counts = waiting.aggregate(
        user=Count("id", filter=Q(image__study__submitted_by=user.pk)),
        site=Count("id", filter=Q(image__study__site=site.pk)),
    )
    if counts["user"] >= per_user:
        raise _come_back("of yours", counts["user"] - per_user)
    if counts["site"] >= per_site:
        raise _come_back("of this site", counts["site"] - per_site)


def _come_back(whose: str, over: int) -> TooManyWaiting:
    now = queue.state()
    seconds = _WAIT_UNKNOWN
    if now.seconds_per_film is not None and now.workers:
        seconds = math.ceil((over + 1) * now.seconds_per_film / now.workers)
    seconds = min(max(seconds, _SOONEST), _LATEST)
    return TooManyWaiting(
        f"Too many films {whose} are waiting for their analysis; nothing was stored. "
        f"Try again in {seconds} seconds.",
        retry_after=seconds,
    )
