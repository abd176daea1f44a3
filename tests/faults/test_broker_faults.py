"""The broker is killed, emptied, frozen or a black hole: the database is the queue, and the polls
find what the bell does not tell.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from bench import frozen_broker
from diagnosis import dispatch
from diagnosis.models import WorkerHeartbeat
from tests.faults.proof import assert_whole, empty, messages, start_workers
from tests.faults.stack import FULL, ended, in_mid_film, stack, workers_of_set_up
from tests.faults.web import Client, Order, Web, drawn, order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests import servers
    from tests.faults.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
FILMS = 500 if FULL else 60
FILMS_OF_A_STUDY = 20
WELL_SECONDS, FROZEN_SECONDS = (20.0, 60.0) if FULL else (3.0, 8.0)
PATIENCE = 10.0  # seconds after which a client gives a request up
QUICK = {"PNEUMO_FAKE_MS": "20", "PNEUMO_BATCH_SIZE": "8"}


@pytest.fixture
def many(submit: Any, broker: servers.RedisServer, settings: Any, real_bell: None) -> None:
    """A queue of films in studies that have each rung the bell."""
    settings.BROKER_URL = broker.url
    for first in range(0, FILMS, FILMS_OF_A_STUDY):
        submit([drawn(first + number) for number in range(FILMS_OF_A_STUDY)])
    assert messages(broker) == FILMS / FILMS_OF_A_STUDY


@pytest.fixture
def running(tmp_path: Path, broker: servers.RedisServer) -> Iterator[Stack]:
    with stack(tmp_path, broker.url, **QUICK) as started:
        started.sweeper()
        yield started


def are_alive() -> bool:
    return WorkerHeartbeat.objects.count() == workers_of_set_up()


@pytest.mark.parametrize("fault", ["emptied", *(["killed"] if FULL else [])])
def test_a_broker_that_loses_its_messages_loses_no_film(
    many: None, running: Stack, broker: servers.RedisServer, fault: str
) -> None:
    start_workers(running)
    running.wait(in_mid_film, "a film in analysis")
    if fault == "killed":  # in short by test_kills.py
        broker.kill()
    else:
        empty(broker)
    running.wait(ended, "the end of every film")
    assert_whole(running, FILMS)
    if fault == "emptied":
        assert dispatch.ring()
        running.wait(lambda: messages(broker) == 0, "an ear for the bell", 30)


def test_a_frozen_broker_holds_up_neither_submissions_nor_analyses(
    token: str, tmp_path: Path, running: Stack, broker: servers.RedisServer
) -> None:
    start_workers(running)
    running.wait(are_alive, "the workers' signs of life")
    film = drawn()
    with Web(tmp_path, running.env) as web:
        client = Client(web.port, token, timeout=PATIENCE)

        def submit() -> int:
            return client.submit(Order(film)).status

        before = frozen_broker.measure(submit, WELL_SECONDS, clients=2)
        broker.freeze()
        frozen = frozen_broker.measure(submit, FROZEN_SECONDS, clients=2)
        running.wait(ended, "the end of every film")
        assert client.get("/readyz").body["checks"]["broker"]["status"] == "degraded"
        broker.thaw()
    print(frozen_broker.table(before, frozen))  # noqa: T201 (shown with pytest -rP)
    assert set(before.statuses + frozen.statuses) == {201}
    running.wait(lambda: messages(broker) == 0, "an ear for the bell", 30)
    assert_whole(running, len(before.seconds) + len(frozen.seconds))


def test_workers_that_no_message_reaches_analyse_all_the_same_and_are_told(
    token: str, tmp_path: Path, broker: servers.RedisServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:  # takes what is sent, and never answers
        url = f"redis://127.0.0.1:{hole.getsockname()[1]}/0"
        with (
            stack(tmp_path, url) as deaf,
            Web(tmp_path, {**deaf.env, "REDIS_URL": broker.url}) as web,
        ):
            start_workers(deaf)
            client = Client(web.port, token)
            assert [client.submit(order(seed)).status for seed in range(3)] == [201] * 3
            deaf.wait(lambda: "no worker hears it" in client.get("/readyz").text, "the alarm")
            assert ended()
            assert messages(broker) == 3
            assert_whole(deaf, 3)
