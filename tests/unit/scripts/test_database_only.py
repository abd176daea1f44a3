"""The selection for the second database: nothing that touches a database is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import SimpleTestCase, TestCase

from tests.database_only import needs_database, pytest_collection_modifyitems


def item(*, marker: str = "", fixtures: tuple[str, ...] = (), cls: type | None = None) -> Any:
    def closest(name: str) -> object | None:
        return object() if name == marker else None

    return SimpleNamespace(get_closest_marker=closest, fixturenames=fixtures, cls=cls)


@pytest.mark.parametrize(
    ("test", "kept"),
    [
        (item(marker="django_db"), True),
        (item(fixtures=("site", "db")), True),
        (item(fixtures=("live_server",)), True),
        (item(cls=TestCase), True),
        (item(cls=SimpleTestCase), False),
        (item(marker="faults"), False),
        (item(fixtures=("tmp_path",)), False),
    ],
)
def test_keeps_what_touches_a_database(test: Any, *, kept: bool) -> None:
    assert needs_database(test) is kept


def test_says_what_it_leaves_out() -> None:
    told: list[Any] = []

    def pytest_deselected(items: list[Any]) -> None:
        told.extend(items)

    hook = SimpleNamespace(pytest_deselected=pytest_deselected)
    with_database, without = item(marker="django_db"), item()
    items: list[Any] = [with_database, without]
    pytest_collection_modifyitems(SimpleNamespace(hook=hook), items)  # type: ignore[arg-type]
    assert items == [with_database]
    assert told == [without]
