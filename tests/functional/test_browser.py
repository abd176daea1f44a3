"""The browser of these tests leaves the database as it found it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """Connections that must be closed once the browser, which was set up later, is gone."""
    found: list[Any] = []
    yield found
    assert [connection.connection for connection in found] == [None] * len(found)


def test_no_session_outlives_the_browser(opened: list[Any], browser: Any) -> None:
    connection = connections["default"]
    connection.ensure_connection()
    opened.append(connection)
