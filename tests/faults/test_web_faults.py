"""The web process is killed, or its disk is full: a study stands whole, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from diagnosis.models import Study
from diagnosis.permissions import Actor
from diagnosis.services import films as store
from diagnosis.services import sweeping
from tests import films
from tests.faults.proof import assert_whole, drain, messages
from tests.faults.stack import WORKER, ended, stack, workers_of_set_up
from tests.faults.web import Client, Order, Web, fault, order, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests import servers
    from tests.faults.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def running(tmp_path: Path, broker: servers.RedisServer, model_version: Any) -> Iterator[Stack]:
    with stack(tmp_path, broker.url) as started:
        yield started


@pytest.fixture
def large() -> Order:
    """A film of more than what an upload keeps in memory."""
    film = np.kron(films.chest(1, size=(200, 180)), np.ones((7, 7), np.uint16))
    sent = Order(films.encoded(Image.fromarray(film), "PNG", compress_level=0))
    assert len(sent.film) > 3_000_000
    return sent


def kill_at(place: str, running: Stack, folder: Path, token: str, sent: Order) -> None:
    """Submit, and kill the web process when the request has come to that function."""
    with Web(folder, running.env, hold=place) as web:
        asked = Client(web.port, token).send(sent)
        running.wait(web.is_held, f"the stop at {place}")
        web.kill()
    with pytest.raises(ConnectionError):
        read(asked)


def kill_in_mid_upload(running: Stack, folder: Path, token: str, sent: Order) -> None:
    uploads = folder / "uploads"
    uploads.mkdir()
    with Web(folder, running.env, TMPDIR=str(uploads)) as web:
        asked = Client(web.port, token).send_half(sent)
        running.wait(lambda: web.writes_to(uploads), "the upload's file")
        web.kill()
    with pytest.raises(ConnectionError):
        read(asked)
    assert not list(uploads.iterdir()), "no part of a film is left beside the store"


def test_killed_between_the_commit_and_the_bell(
    running: Stack, tmp_path: Path, token: str, broker: servers.RedisServer
) -> None:
    sent = order()
    kill_at("diagnosis.dispatch:ring", running, tmp_path, token, sent)
    study = Study.objects.get()
    assert messages(broker) == 0, "the workers have nothing but their polls"
    drain(running)
    with Web(tmp_path, running.env) as web:
        again = Client(web.port, token).submit(sent)
    assert (again.status, again.body["uid"]) == (200, str(study.uid))
    assert_whole(running, 1)


def test_killed_before_the_commit(running: Stack, tmp_path: Path, token: str, large: Order) -> None:
    sent = [large, order(1), order(2)]
    kill_in_mid_upload(running, tmp_path, token, sent[0])
    assert not list(store.stored())
    kill_at("os:fsync", running, tmp_path, token, sent[1])
    assert [path.suffix for path in store.stored()] == [".part"]
    kill_at("diagnosis.dispatch:ring_on_commit", running, tmp_path, token, sent[2])
    assert sorted(path.suffix for path in store.stored()) == ["", ".part"]
    assert not Study.objects.exists()
    sweeping.sweep_films(actor=Actor.system("test"), older_than=timedelta(0))
    assert not list(store.stored())
    with Web(tmp_path, running.env) as web:
        assert [Client(web.port, token).submit(each).status for each in sent] == [201] * 3
    drain(running)
    assert_whole(running, 3)


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(
    running: Stack, tmp_path: Path, token: str, large: Order
) -> None:
    full = tmp_path / "full"
    running.env.update(fault(tmp_path))
    with Web(tmp_path, running.env) as web:
        client = Client(web.port, token)
        assert client.submit(order(1)).status == 201
        full.touch()
        for _ in range(workers_of_set_up()):
            running.start([*WORKER, "--include", "tests.faults.injected"])
        for sent in (order(2), large):  # the one fails in the store, the other on its way there
            assert client.submit(sent).coded == (503, "STORAGE_UNAVAILABLE")
        assert (Study.objects.count(), len(list(store.stored()))) == (1, 1)
        running.wait(ended, "the end of the film from before")
        full.unlink()
        assert client.submit(large).status == 201
        running.wait(ended, "the end of every film")
    assert_whole(running, 2)


def test_a_disk_past_its_watermark_refuses(running: Stack, tmp_path: Path, token: str) -> None:
    with Web(tmp_path, running.env, PNEUMO_DISK_MIN_FREE_MB=str(10**9)) as web:
        assert Client(web.port, token).submit(order()).coded == (507, "STORAGE_FULL")
    assert not Study.objects.exists()
    assert not list(store.stored())
