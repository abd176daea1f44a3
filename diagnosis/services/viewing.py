"""What people look at: a list, a study, a film, a heat map. Each look is an audit event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.contrib.auth.models import User as Account
from django.db import transaction

from diagnosis.errors import FilmUnreadable, NotFound
from diagnosis.models import AuditEvent
from diagnosis.models.clock import db_now
from diagnosis.queries import studies, worklist
from diagnosis.services import audit, films, printing
from diagnosis.states import TO_READ
from ml.contracts import FilmError
from ml.pixels import normalise, overlay_png, to_png

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from diagnosis.models import Image, Site, Study
    from diagnosis.permissions import Actor, User

STUDY_VIEWED = "STUDY_VIEWED"
_LOOKS = (STUDY_VIEWED, "FILM_VIEWED", "HEAT_MAP_VIEWED")
_ONE_LOOK = timedelta(minutes=1)
_ONE_LISTING = timedelta(minutes=10)


def worklist_page(
    *,
    user: User,
    actor: Actor,
    tab: str = worklist.DEFAULT_TAB,
    priority: str = "",
    after: str = "",
) -> worklist.Page:
    """A page of the worklist, with names and scores; one event for each site on it."""
    page = worklist.page(user, tab=tab, priority=priority, after=after)
    _listed(actor, "WORKLIST_VIEWED", {study.site for study in page.studies}, {})
    return page


def admin_listed(*, actor: Actor, model: str, sites: Collection[Site]) -> None:
    """An administrator was shown a list of `model` with rows of these sites."""
    _listed(actor, "ADMIN_LISTED", sites, {"model": model})


def _listed(actor: Actor, action: str, sites: Collection[Site], what: dict[str, str]) -> None:
    """Who pages or polls within ten minutes is still reading the same list of the site."""
    if not _new_to(actor, action, sites, what):
        return  # the usual poll takes no lock
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=actor.id)  # a twin of this request waits here
        for site in _new_to(actor, action, sites, what):
            audit.record(actor=actor, action=action, target=site, site=site.code, after=what)


def _new_to(actor: Actor, action: str, sites: Collection[Site], what: dict[str, str]) -> list[Site]:
    recent = AuditEvent.objects.filter(
        actor_id=actor.id, action=action, after=what, at__gt=db_now() - _ONE_LISTING
    )
    seen = set(recent.values_list("site", flat=True))
    return sorted((site for site in sites if site.code not in seen), key=lambda site: site.code)


def study(*, user: User, actor: Actor, uid: UUID) -> Study:
    """The study with the worklist's details. Raises NotFound, the same for a foreign one.

    A page or script that asks again within a minute, while nothing happened to the study, is
    still looking the same look: one event, so that polling does not bury the trail.
    """
    found = studies.get(user, uid)
    if not _still_looking(found, actor):
        audit.viewed(actor=actor, action=STUDY_VIEWED, target=found, study=found)
    return found


def _still_looking(seen: Study, actor: Actor) -> bool:
    events = AuditEvent.objects.filter(study=str(seen.uid))
    mine = events.filter(action=STUDY_VIEWED, actor_id=actor.id, at__gt=db_now() - _ONE_LOOK)
    latest = mine.order_by("-id").values_list("id", flat=True).first()
    if latest is None:
        return False
    return not events.filter(id__gt=latest).exclude(action__in=_LOOKS).exists()


def film_png(*, user: User, actor: Actor, uid: UUID, max_side: int | None = None) -> bytes:
    """The film as 8-bit gray PNG, at most `max_side` pixels long.

    Raises NotFound (the same for a foreign film), FilmUnreadable and StorageUnavailable.
    """
    image = studies.film(user, uid)
    picture = _decoded(image, max_side)
    audit.viewed(actor=actor, action="FILM_VIEWED", target=image, study=image.study)
    return picture


def heat_map_png(*, user: User, actor: Actor, uid: UUID) -> bytes:
    """The current result's evidence as RGBA PNG, to lay over the film.

    Raises NotFound: no such film, or (code NO_HEAT_MAP) no result that explains itself.
    """
    image = studies.film(user, uid)
    result = studies.current_result(image)
    if result is None or result.activation_map is None:
        raise NotFound("This film has no heat map.", code="NO_HEAT_MAP")
    evidence = np.array(result.activation_map, dtype=np.float32)
    picture = overlay_png(evidence, (image.width, image.height))
    audit.viewed(actor=actor, action="HEAT_MAP_VIEWED", target=image, study=image.study)
    return picture


def report_pdf(*, user: User, actor: Actor, uid: UUID) -> bytes:
    """The signed report with all its addenda, as PDF.

    Raises NotFound: no such study, or (code NOT_REPORTED) one that still waits for a reading.
    """
    found = studies.get(user, uid)
    if found.state in TO_READ:
        raise NotFound("There is no signed report of this study yet.", code="NOT_REPORTED")
    signed = list(studies.readings(found))
    document = printing.pdf(found, signed)
    audit.viewed(actor=actor, action="REPORT_VIEWED", target=signed[0], study=found)
    return document


def _decoded(image: Image, max_side: int | None) -> bytes:
    try:
        data = films.read(key=image.storage_key, sha256=image.sha256)
        return to_png(normalise(data, films.limits()), max_side)
    except (films.FilmMissing, FilmError) as error:
        raise FilmUnreadable from error
