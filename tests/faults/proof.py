"""What holds after each fault of web, broker or database, and what the tests wait for until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from diagnosis.models import Image, Job, Result
from diagnosis.services import films as store
from tests.faults.stack import assert_all_done_once, ended, workers_of_set_up

if TYPE_CHECKING:
    from tests.faults.stack import Stack
    from tests.servers import RedisServer


def client_of(broker: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(broker.url.replace("redis+socket", "unix"))


def messages(broker: RedisServer) -> int:
    """How many times the bell was rung and not heard yet."""
    with client_of(broker) as client:
        return int(client.llen("inference"))


def empty(broker: RedisServer) -> None:
    with client_of(broker) as client:
        client.flushall()


def start_workers(running: Stack) -> None:
    for _ in range(workers_of_set_up()):
        running.worker()


def drain(running: Stack) -> None:
    start_workers(running)
    running.wait(ended, "the end of every film")


def assert_whole(running: Stack, count: int) -> None:
    """So many films were accepted: each is analysed, once, and nothing else is left."""
    assert_all_done_once(running)
    assert Image.objects.count() == Job.objects.count() == Result.objects.count() == count
    assert len(list(store.stored())) == count
