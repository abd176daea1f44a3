"""Pictures for people: a film or its heat map as PNG. Each look at one is an audit event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diagnosis.errors import FilmUnreadable, NotFound
from diagnosis.queries import studies
from diagnosis.services import audit, films
from diagnosis.services.intake import limits
from ml.contracts import FilmError
from ml.pixels import normalise, overlay_png, to_png

if TYPE_CHECKING:
    from uuid import UUID

    from diagnosis.models import Image
    from diagnosis.permissions import Actor, User


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


def _decoded(image: Image, max_side: int | None) -> bytes:
    try:
        data = films.read(key=image.storage_key, sha256=image.sha256)
        return to_png(normalise(data, limits()), max_side)
    except (films.FilmMissing, FilmError) as error:
        raise FilmUnreadable from error
