"""What people look at: a list, a study, a film, a heat map. Each look is an audit event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from django.contrib.auth.models import User as Account
from django.db import transaction

from diagnosis.errors import FilmUnreadable, ModelHidden, NotFound
from diagnosis.models import AuditEvent
from diagnosis.models.clock import db_now
from diagnosis.queries import blinding, studies, submissions, worklist
from diagnosis.services import audit, films, printing
from diagnosis.states import TO_READ
from ml.contracts import FilmError
from ml.pixels import evidence_png, full_depth, normalise, overlay_png, to_png

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    from diagnosis.models import Image, Site, Study
    from diagnosis.permissions import Actor, User
    from diagnosis.queries.filters import Filter
    from ml.contracts import FilmLimits
    from ml.pixels import DeepFilm

T = TypeVar("T")

STUDY_VIEWED = "STUDY_VIEWED"
FILM_VIEWED = "FILM_VIEWED"
_LOOKS = (STUDY_VIEWED, FILM_VIEWED, "HEAT_MAP_VIEWED")
_ONE_LOOK = timedelta(minutes=1)
_ONE_LISTING = timedelta(minutes=10)


def worklist_page(
    *, user: User, actor: Actor, chosen: Filter = worklist.TO_READ, after: str = ""
) -> worklist.Page:
    """A page of the worklist, with names and scores; one event for each site on it."""
    page = worklist.page(user, chosen, after=after)
    _listed(actor, "WORKLIST_VIEWED", {study.site for study in page.studies}, {})
    return page


def submissions_page(*, user: User, actor: Actor, before: str = "") -> submissions.Page:
    """A page of what the user submitted, with names; one event for each site on it."""
    page = submissions.page(user, before=before)
    _listed(actor, "SUBMISSIONS_VIEWED", {row.study.site for row in page.rows}, {})
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
    picture = to_png(_decoded(image, normalise), max_side)
    audit.viewed(actor=actor, action=FILM_VIEWED, target=image, study=image.study)
    return picture


def film_at_full_depth(*, user: User, actor: Actor, uid: UUID) -> tuple[Image, DeepFilm]:
    """The film with its stored values. Raises what `film_png` raises.

    A viewer asks for it behind the picture that it shows first: within a minute of that, it is
    the same look, and no second event.
    """
    image = studies.film(user, uid)
    film = _decoded(image, full_depth)
    mine = AuditEvent.objects.filter(
        study=str(image.study.uid), action=FILM_VIEWED, actor_id=actor.id, object_id=str(image.uid)
    )
    if not mine.filter(at__gt=db_now() - _ONE_LOOK).exists():
        audit.viewed(actor=actor, action=FILM_VIEWED, target=image, study=image.study)
    return image, film


def heat_map_png(*, user: User, actor: Actor, uid: UUID, in_colour: bool = True) -> bytes:
    """The current result's evidence as RGBA PNG, to lay over the film; else as gray PNG, for a
    viewer that colours it.

    Raises ModelHidden, and NotFound: no such film, or (code NO_HEAT_MAP) no result that explains
    itself.
    """
    image = studies.film(user, uid)
    if blinding.hides_model(user, image.study):
        raise ModelHidden
    result = studies.current_result(image)
    if result is None or result.activation_map is None:
        raise NotFound("This film has no heat map.", code="NO_HEAT_MAP")
    evidence = np.array(result.activation_map, dtype=np.float32)
    draw = overlay_png if in_colour else evidence_png
    picture = draw(evidence, (image.width, image.height))
    audit.viewed(actor=actor, action="HEAT_MAP_VIEWED", target=image, study=image.study)
    return picture


def report_pdf(*, user: User, actor: Actor, uid: UUID) -> bytes:
    """The signed report with all its addenda, as PDF.

    Raises NotFound: no such study, or (code NOT_REPORTED) one that still waits for a reading.
    """
    found = studies.get(user, uid)
    if found.state in TO_READ:
        raise NotFound("There is no signed report of this study yet.", code="NOT_REPORTED")
    signed = list(blinding.readings(user, found))
    document = printing.pdf(found, signed)
    audit.viewed(actor=actor, action="REPORT_VIEWED", target=signed[0], study=found)
    return document


def _decoded(image: Image, decode: Callable[[bytes, FilmLimits], T]) -> T:
    try:
        return decode(films.read(key=image.storage_key, sha256=image.sha256), films.limits())
    except (films.FilmMissing, FilmError) as error:
        raise FilmUnreadable from error
