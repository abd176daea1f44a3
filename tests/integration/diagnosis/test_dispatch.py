"""The bell: rung after the commit, never at the request's cost, left alone after a failure."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.db import transaction

from diagnosis import dispatch
from diagnosis.models import Study
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("real_bell")
# The time-outs are half a second each; a loaded machine adds its own.
BOUND = 3.0


@pytest.fixture
def refusing(settings: Any) -> None:
    settings.BROKER_URL = f"redis://127.0.0.1:{servers.free_port()}/0"


@pytest.fixture
def frozen(settings: Any) -> Iterator[socket.socket]:
    """It accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.BROKER_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    start = time.monotonic()
    answer = act()
    return answer, time.monotonic() - start


@pytest.mark.parametrize("broker", ["refusing", "frozen"])
def test_a_broker_that_does_not_answer_costs_little_and_then_nothing(
    broker: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(broker)
    rung, seconds = timed(dispatch.ring)
    assert rung is False
    assert seconds < BOUND
    assert not dispatch.breaker.allows()
    answers, seconds = timed(lambda: [dispatch.ring() for _ in range(100)])
    assert not any(answers)
    assert seconds < 0.25


def test_the_breaker_closes_again_by_itself(
    refusing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch.ring()
    later = time.monotonic() + dispatch._BREAKER_SECONDS
    assert not dispatch.breaker.allows()
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: later + 0.1)
    assert dispatch.breaker.allows()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broker", ["refusing", "frozen"])
def test_the_commit_stands_whatever_the_broker_does(
    broker: str, submit: Callable[..., Study], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(broker)
    study, seconds = timed(submit)
    assert Study.objects.filter(pk=study.pk).exists()
    assert seconds < BOUND + 5
    assert not dispatch.breaker.allows()


@pytest.mark.django_db(transaction=True)
def test_a_rollback_rings_no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(dispatch, "ring", lambda: bool(rung.append(1)))
    with transaction.atomic():
        dispatch.ring_on_commit()
        transaction.set_rollback(True)
    assert rung == []
    with transaction.atomic():
        dispatch.ring_on_commit()
        assert rung == []
    assert rung == [1]


def test_a_broker_gets_one_small_message_without_state(settings: Any) -> None:
    with servers.valkey() as broker:
        settings.BROKER_URL = broker.url
        assert dispatch.ring()
        queue = redis.Redis.from_url(broker.url.replace("redis+socket", "unix"))
        assert queue.llen("inference") == 1
        message = queue.lindex("inference", 0)
        assert dispatch.TASK_NAME.encode() in message


def test_after_a_failure_a_broker_that_is_back_is_rung_again(settings: Any) -> None:
    with servers.valkey() as broker:
        settings.BROKER_URL = broker.url
        assert dispatch.ring()
        broker.kill()
        assert not dispatch.ring()
        broker.start()
        dispatch.breaker.reset()
        assert dispatch.ring()


def test_the_oldest_message_that_nobody_took_has_an_age(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.valkey() as broker:
        settings.BROKER_URL = broker.url
        assert dispatch.unheard_for() == 0
        assert dispatch.ring()
        later = time.time() + 60
        monkeypatch.setattr(dispatch.time, "time", lambda: later)
        assert dispatch.ring()
        assert 59 < dispatch.unheard_for() < 60 + BOUND


@pytest.mark.parametrize("broker", ["refusing", "frozen"])
def test_a_broker_that_does_not_answer_tells_no_age(
    broker: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(broker)
    assert dispatch.unheard_for() == 0
