"""Keys by which names and numbers are searched for: in one case, and found by how they begin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX = 200


def search_key(text: str) -> str:
    """A name or number as searches compare it; "Doe^Jane" and "Doe, Jane" are the same."""
    return " ".join(re.split(r"[\s^,]+", text.casefold())).strip()[:_MAX]


def family_key(name: str) -> str:
    """The same with the last word first, so that "Jane Doe" is found by either."""
    first, _, last = search_key(name).rpartition(" ")
    return f"{last} {first}".strip()


class KeyField(models.CharField):  # type: ignore[type-arg]
    """The key of another field of the row, written whenever that is."""

    def __init__(self, of: str, make: Callable[[str], str] = search_key) -> None:
        super().__init__(max_length=_MAX, editable=False, default="")
        self.of, self.make = of, make

    def deconstruct(self) -> Any:
        name, path, _, _ = super().deconstruct()
        return name, path, [self.of, self.make], {}

    def pre_save(self, row: models.Model, add: bool) -> str:  # noqa: FBT001 (Django calls it)
        key = self.make(getattr(row, self.of))
        setattr(row, self.attname, key)
        return key


def begins_with(key: str, name: str) -> models.Index:
    """An index by which a site's rows are found by how a key begins, whatever the collation."""
    return models.Index(
        fields=["site", key], name=name, opclasses=["int8_ops", "varchar_pattern_ops"]
    )
