"""A pytest plugin (`-p tests.database_only`) that keeps the tests a second database can fail.

Those are the tests with database access. Pure code and pixels run once; so does the demo, which
brings its own SQLite and broker whatever the environment says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import TransactionTestCase

if TYPE_CHECKING:
    import pytest

FIXTURES = {"db", "transactional_db", "live_server", "django_db_serialized_rollback"}


def needs_database(item: pytest.Item) -> bool:
    case = getattr(item, "cls", None)
    return (
        item.get_closest_marker("django_db") is not None
        or bool(FIXTURES & set(getattr(item, "fixturenames", ())))
        or (case is not None and issubclass(case, TransactionTestCase))
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dropped = [item for item in items if not needs_database(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if needs_database(item)]
