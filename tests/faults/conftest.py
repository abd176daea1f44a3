"""Fixtures of the fault suite: the broker of the set-up, and films that wait."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from rest_framework.authtoken.models import Token

from tests import films, servers
from tests.binaries import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FILMS = 30


@pytest.fixture
def broker() -> Iterator[servers.RedisServer]:
    """Valkey beside SQLite, Redis beside PostgreSQL: the two set-ups that are shipped."""
    with _server() as server:
        yield server


@contextmanager
def _server() -> Iterator[servers.RedisServer]:
    choose = servers.valkey if connection.vendor == "sqlite" else servers.redis
    try:
        with choose() as server:
            yield server
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def thirty(submit: Any, broker: servers.RedisServer, settings: Any, real_bell: None) -> None:
    """Thirty films in fifteen studies, each of which has rung the bell."""
    settings.BROKER_URL = broker.url
    for seed in range(FILMS // 2):
        submit([films.as_png8(films.chest(2 * seed + i, size=(200, 180))) for i in (0, 1)])


@pytest.fixture
def token(submitter: Any, model_version: Any) -> str:
    """Of a user who may submit studies, which are then analysed."""
    return Token.objects.create(user=submitter).key
