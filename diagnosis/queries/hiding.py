"""What the model said of a film is kept from everybody while its reader must not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnosis.states import TO_READ

if TYPE_CHECKING:
    from diagnosis.models import Study


def hides_model(study: Study) -> bool:
    """Codes of films that are not assessable count as the model's word, too."""
    return study.is_blinded and study.state in TO_READ
