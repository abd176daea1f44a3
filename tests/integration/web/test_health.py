"""Signs of life for load balancers: answered without a log-in, in bounded time, whatever is broken."""

from __future__ import annotations

import re
import socket
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import redis
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse

from diagnosis import dispatch
from diagnosis.models import AuditEvent, Job, WorkerHeartbeat
from diagnosis.models.clock import db_now
from diagnosis.services import films, readiness, workers
from ml.contracts.fake import FAKE_DIGEST
from tests import servers
from tests.integration.diagnosis.work import INFO, analyse, claim_one
from tests.integration.test_database_away import away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The probes have connections of their own, which see only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)
# The longest an answer may take, and what a loaded machine adds.
BOUND = readiness.ANSWER_SECONDS + 2.0


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with servers.valkey() as server:
        yield server.url


@pytest.fixture
def well(broker: str, settings: Any, real_bell: None, model_version: Any) -> None:
    """An installation in which nothing is wrong."""
    with redis.Redis.from_url(broker.replace("redis+socket", "unix")) as messages:
        messages.flushall()
    settings.BROKER_URL = broker
    settings.DISK_MAX_PERCENT = 101
    workers.seen(name="w", model=INFO)


def ask(client: Any) -> tuple[int, dict[str, Any]]:
    answer = client.get(reverse("readyz"))
    assert answer["Cache-Control"] == "private, no-store"
    assert not answer.cookies
    return answer.status_code, answer.json()


def stand(client: Any) -> tuple[int, dict[str, str]]:
    """The HTTP status, and each check that is not well."""
    status, told = ask(client)
    bad = {name: each["status"] for name, each in told["checks"].items() if each["status"] != "ok"}
    return status, bad


def forget_answers() -> None:
    """Wait for probes that a test has held up, so that the next test asks anew."""
    for probe in (readiness._database, readiness._storage, readiness._broker):
        if probe._running is not None:
            probe._running.exception(timeout=30)


def test_healthz_asks_nobody(client: Any, radiologist: Any, django_assert_num_queries: Any) -> None:
    client.force_login(radiologist)
    with away(), django_assert_num_queries(0):
        answer = client.get(reverse("healthz"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.usefixtures("well")
class TestReadyz:
    def test_tells_every_check_and_writes_nothing(self, client: Any) -> None:
        events = AuditEvent.objects.count()
        status, told = ask(client)
        assert (status, told["status"]) == (200, "ok")
        assert set(told["checks"]) == {
            "database", "migrations", "storage", "broker", "workers", "model", "queue",
        }  # fmt: skip
        assert all(each["status"] == "ok" for each in told["checks"].values())
        assert FAKE_DIGEST in told["checks"]["model"]["detail"]
        assert re.search(r"1 alive; the newest .* \d s old", told["checks"]["workers"]["detail"])
        assert AuditEvent.objects.count() == events
        assert list(films.stored()) == []

    def test_a_migration_that_is_missing_is_fatal(self, client: Any) -> None:
        recorder = MigrationRecorder(connection)
        recorder.record_unapplied("diagnosis", "0001_initial")
        try:
            status, bad = stand(client)
        finally:
            recorder.record_applied("diagnosis", "0001_initial")
        assert (status, bad["migrations"]) == (503, "failed")

    def test_a_lost_store_is_fatal(self, client: Any, submit: Any, settings: Any) -> None:
        submit()
        settings.FILM_DIR = settings.DATA_DIR / "not-mounted"
        assert stand(client) == (503, {"storage": "failed"})

    def test_a_store_that_hangs_is_told_in_time(
        self, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = threading.Event()
        monkeypatch.setattr(films, "prove_writable", lambda: release.wait(30))
        monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.5)
        try:
            before = threading.active_count()
            assert stand(client)[1]["storage"] == "failed"
            for _ in range(3):
                assert stand(client)[0] == 503
            assert threading.active_count() <= before + 3, "one thread waits, not one a request"
        finally:
            release.set()
            forget_answers()

    def test_a_full_disk_is_told(self, client: Any, settings: Any) -> None:
        settings.DISK_MAX_PERCENT = 0
        assert stand(client) == (200, {"storage": "degraded"})

    def test_without_a_model_films_are_read_all_the_same(
        self, client: Any, model_version: Any
    ) -> None:
        model_version.delete()
        assert stand(client) == (200, {"model": "degraded"})

    def test_a_worker_with_another_model_is_told(self, client: Any) -> None:
        WorkerHeartbeat.objects.update(model_digest="0" * 64)
        assert stand(client) == (200, {"model": "degraded"})

    def test_a_dead_broker_is_no_reason_to_stop(self, client: Any, settings: Any) -> None:
        settings.BROKER_URL = f"redis://127.0.0.1:{servers.free_port()}/0"
        assert stand(client) == (200, {"broker": "degraded"})
        forget_answers()

    def test_a_ring_that_idle_workers_do_not_hear_is_an_alarm(
        self, client: Any, submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as a_minute_ago:
            then = time.time() - 60
            a_minute_ago.setattr(dispatch.time, "time", lambda: then)
            submit()
        assert stand(client) == (200, {}), "a busy worker takes its time"
        analyse()
        status, told = ask(client)
        assert (status, told["checks"]["broker"]["status"]) == (200, "degraded")
        assert "no worker hears it" in told["checks"]["broker"]["detail"]
        WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(minutes=1))
        assert "broker" not in stand(client)[1], "nobody is there to hear it"

    def test_a_frozen_broker_costs_half_a_second(
        self, client: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as frozen:
            settings.BROKER_URL = f"redis://127.0.0.1:{frozen.getsockname()[1]}/0"
            start = time.monotonic()
            assert stand(client) == (200, {"broker": "degraded"})
            assert time.monotonic() - start < BOUND
        forget_answers()

    def test_silent_workers_and_films_that_wait_are_alarms(
        self, client: Any, submit: Callable[..., Any]
    ) -> None:
        WorkerHeartbeat.objects.update(seen_at=db_now() - timedelta(minutes=1))
        silent = {"workers": "degraded", "model": "degraded"}
        assert stand(client) == (200, silent)
        submit()
        assert stand(client) == (200, {**silent, "queue": "degraded"})
        claim_one()
        assert "workers" not in stand(client)[1], "it keeps its lease, so it lives"

    def test_films_past_their_target_are_an_alarm(
        self, client: Any, submit: Callable[..., Any]
    ) -> None:
        submit(priority="URGENT")
        assert stand(client) == (200, {})
        Job.objects.update(created_at=db_now() - timedelta(minutes=16))
        status, told = ask(client)
        assert (status, told["status"]) == (200, "degraded")
        assert told["checks"]["queue"]["detail"].endswith("allows: URGENT.")

    def test_names_no_patient_and_no_place(
        self, client: Any, submit: Callable[..., Any], settings: Any
    ) -> None:
        submit(name="Secret Person", mrn="SECRET-1")
        text = client.get(reverse("readyz")).content.decode()
        assert "ecret" not in text
        assert "/" not in text
        assert str(connection.settings_dict["NAME"]) not in text

    def test_an_administrator_sees_the_alarms(self, client: Any, administrator: Any) -> None:
        client.force_login(administrator)
        index = reverse("admin:index")
        assert "messagelist" not in client.get(index).content.decode()
        WorkerHeartbeat.objects.all().delete()
        text = client.get(index).content.decode()
        assert "Workers: No worker has given a sign of life yet." in text


class TestDatabaseAway:
    def test_unreachable_is_503_without_a_traceback(
        self, client: Any, radiologist: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.force_login(radiologist)
        place = connection.settings_dict
        if connection.vendor == "sqlite":
            monkeypatch.setitem(place, "NAME", "/no/such/folder/pneumo.sqlite3")
        else:
            monkeypatch.setitem(place, "PORT", str(servers.free_port()))
        with away():
            status, told = ask(client)
        assert (status, told["status"]) == (503, "failed")
        assert told["checks"]["database"]["status"] == "failed"
        assert told["checks"]["storage"]["status"] == "ok"

    def test_frozen_is_told_in_time(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()
        monkeypatch.setattr(readiness, "_be_brief", lambda: release.wait(30))
        start = time.monotonic()
        try:
            status, told = ask(client)
            assert time.monotonic() - start < BOUND
        finally:
            release.set()
            forget_answers()
        assert (status, told["checks"]["database"]["status"]) == (503, "failed")

    def test_that_refuses_writes_is_failed(
        self, client: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_only = {
            "sqlite": "PRAGMA query_only = 1",
            "postgresql": "SET default_transaction_read_only = on",
        }[connection.vendor]

        def be_read_only() -> None:
            with connection.cursor() as cursor:
                cursor.execute(read_only)

        monkeypatch.setattr(readiness, "_be_brief", be_read_only)
        status, told = ask(client)
        assert (status, told["checks"]["database"]["detail"]) == (503, "It accepts no write.")
        assert told["checks"]["migrations"]["status"] == "ok"


def test_a_database_that_others_write_to_is_busy_not_broken(
    client: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import transaction

    monkeypatch.setattr(readiness, "_BUSY_MILLISECONDS", 100)
    with transaction.atomic():
        model_version.save()
        status, told = ask(client)
    expected = "degraded" if connection.vendor == "sqlite" else "ok"
    assert (status, told["checks"]["database"]["status"]) == (200, expected)
