"""The films that the viewer of the study page can show, with their captions."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from diagnosis.queries import studies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from diagnosis.models import Image, Study
    from diagnosis.permissions import User

_MOST_BESIDE = 40


class Sheet(NamedTuple):
    image: Image
    label: str


def of_page(user: User, study: Study, images: Iterable[Image]) -> dict[str, Any]:
    """`sheets`: the study's own films. `comparable`: what can stand beside one of them, first those
    of other studies; of the study itself where it has several.
    """
    sheets = _numbered(images)
    others: list[Sheet] = []
    found = studies.films_of_others(user, study)[:_MOST_BESIDE]
    for other, films in groupby(found, key=lambda image: image.study):
        day = date_format(other.submitted_at, "j M Y")
        others += [Sheet(image, f"{day} · {label}") for image, label in _numbered(films)]
    here = [Sheet(image, f"{_('This study')} · {label}") for image, label in sheets]
    return {"sheets": sheets, "comparable": others + (here if len(here) > 1 else [])}


def _numbered(images: Iterable[Image]) -> list[Sheet]:
    return [Sheet(image, _label(number, image)) for number, image in enumerate(images, start=1)]


def _label(number: int, image: Image) -> str:
    depth = _("%(bits)s bit") % {"bits": image.bits}
    parts = [
        _("Film %(number)s") % {"number": number},
        image.view_position,
        image.format,
        f"{image.width} × {image.height}, {depth}",  # noqa: RUF001 (the sign for it)
    ]
    return " · ".join(filter(None, parts))
