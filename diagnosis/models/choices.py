"""Turns a StrEnum into what Django wants, so that each vocabulary is written once, in states.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import CheckConstraint, Q

if TYPE_CHECKING:
    from enum import StrEnum


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


def one_of(
    field: str, words: type[StrEnum], name: str, *, or_blank: bool = False
) -> CheckConstraint:
    """The database, too, refuses a word outside the vocabulary."""
    values = [*(word.value for word in words), *([""] if or_blank else [])]
    return CheckConstraint(condition=Q(**{f"{field}__in": values}), name=name)
