"""The first opinion: what a reader thinks before the model is shown. It is stored once, for good."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from diagnosis.errors import InvalidInput, OpinionStored
from diagnosis.models.clock import db_now
from diagnosis.permissions import Role, require
from diagnosis.services import audit, claims, drafts, lifecycle
from diagnosis.states import Opinion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from diagnosis.models import Reading, Study
    from diagnosis.permissions import Actor, User

MOST_REGIONS = 10


@dataclass(frozen=True, slots=True)
class FirstOpinion:
    """An opinion, how sure it is (0 to 100 %), and boxes marked on films.

    regions: each with film (its uid), x, y, width, height as shares of the film, from its upper left.
    """

    opinion: str
    confidence: int | None = None
    regions: Sequence[Mapping[str, Any]] = field(default=())


def store(*, user: User, actor: Actor, study: Study, first: FirstOpinion) -> Reading:
    """Store the reader's opinion on the draft of the reading that the case waits for.

    From then on the model's result is shown to this reader. Raises NotPermitted, InvalidInput,
    CaseHeld, AlreadySigned and OpinionStored.
    """
    require(user, Role.RADIOLOGIST)
    with transaction.atomic():
        locked = lifecycle.lock(study_id=study.pk)
        regions = _checked(first, locked)
        reading = drafts.of(user=user, study=locked)
        claims.require_free(user=user, study=locked)
        if reading.opined_at is not None:
            raise OpinionStored
        reading.first_opinion = first.opinion
        reading.first_confidence = first.confidence
        reading.first_regions = regions
        reading.opined_at = db_now()
        reading.opinion = reading.opinion or first.opinion
        reading.save()
        # Without the opinion itself: the reading keeps it, and a second reader must not learn it.
        audit.record(actor=actor, action="OPINION_STORED", target=reading, study=locked)
        return reading


def _checked(first: FirstOpinion, study: Study) -> list[dict[str, Any]]:
    if first.opinion not in set(Opinion):
        raise InvalidInput("Choose an opinion.", field="opinion")
    if first.confidence is not None and not 0 <= first.confidence <= 100:
        raise InvalidInput("Confidence is a number from 0 to 100.", field="confidence")
    if len(first.regions) > MOST_REGIONS:
        raise InvalidInput(f"Mark at most {MOST_REGIONS} regions.", field="regions")
    films = set(study.images.values_list("uid", flat=True))
    return [_region(region, films) for region in first.regions]


def _region(region: Mapping[str, Any], films: set[UUID]) -> dict[str, Any]:
    try:
        film = UUID(str(region["film"]))
        x, y, width, height = (float(region[name]) for name in ("x", "y", "width", "height"))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            "A marked region is incomplete. Mark it again.", field="regions"
        ) from error
    inside = 0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x and 0 < height <= 1 - y
    if film not in films or not inside or not math.isfinite(x + y + width + height):
        raise InvalidInput("A marked region lies outside its film. Mark it again.", field="regions")
    box = {"x": x, "y": y, "width": width, "height": height}
    return {"film": str(film), **{name: round(share, 5) for name, share in box.items()}}
