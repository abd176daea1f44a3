"""Back-pressure: refused in time, with nothing stored, and never the answer to a repeated request."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.conf import settings as live

from diagnosis.errors import StorageFull, StorageUnavailable, TooManyWaiting
from diagnosis.models import AuditEvent, Job, Patient, Study
from diagnosis.services import admission, films, workers
from tests.integration.diagnosis.test_queue import done
from tests.integration.diagnosis.work import INFO, at_once, claim, film

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db
GIB = 1024**3


def files() -> list[str]:
    return [path.name for path in films.stored()]


class Disk(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """disk(used, free) in GiB, with the watermarks of the product."""
    settings.DISK_MAX_PERCENT, settings.DISK_MIN_FREE_BYTES = 95, 2 * GIB

    def set_to(used: int, free: int) -> None:
        # A tenth more, which the file system keeps for root.
        of = Disk((used + free) * GIB * 11 // 10, used * GIB, free * GIB)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: of)

    return set_to


@pytest.mark.parametrize(("used", "free", "room"), [(94, 6, True), (95, 5, False), (9, 1, False)])
def test_the_watermarks(disk: Any, used: int, free: int, *, room: bool) -> None:
    disk(used, free)
    assert films.has_room() is room


def test_a_full_disk_stores_nothing(send: Any, disk: Any) -> None:
    disk(96, 4)
    with pytest.raises(StorageFull):
        send()
    assert (files(), Study.objects.count(), Patient.objects.count()) == ([], 0, 0)
    assert not AuditEvent.objects.filter(action="STUDY_SUBMITTED").exists()


def test_the_disk_is_asked_without_a_query(
    disk: Any, submitter: Any, site: Any, django_assert_num_queries: Any
) -> None:
    disk(96, 4)
    with django_assert_num_queries(0), pytest.raises(StorageFull):
        admission.check(user=submitter, site=site)


def test_a_store_that_is_away_is_no_full_one(
    submitter: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> None:
        raise OSError

    monkeypatch.setattr(shutil, "disk_usage", gone)
    with pytest.raises(StorageUnavailable):
        admission.check(user=submitter, site=site)


def test_room_is_looked_for_before_the_first_film(settings: Any) -> None:
    settings.FILM_DIR = live.DATA_DIR / "not" / "made" / "yet"
    assert films.has_room()


def test_a_repeated_request_gets_its_study_all_the_same(
    send: Any, disk: Any, settings: Any
) -> None:
    first, _ = send(idempotency_key="k")
    settings.MAX_WAITING_PER_USER = 1
    disk(96, 4)
    assert send(idempotency_key="k") == (first, False)


class TestCaps:
    def test_of_a_user_count_what_waits(self, send: Any, settings: Any) -> None:
        settings.MAX_WAITING_PER_USER = 2
        send(film(1), film(2))
        before = files()
        with pytest.raises(TooManyWaiting, match="of yours") as refusal:
            send()
        assert refusal.value.retry_after == 60, "no worker is running: nothing is known"
        assert files() == before
        assert Study.objects.count() == 1
        claim(1)
        assert send()[1], "a film that is being analysed does not wait"

    def test_do_not_hold_another_user_back(
        self, send: Any, settings: Any, make_user: Any, site: Any
    ) -> None:
        settings.MAX_WAITING_PER_USER = 1
        send()
        assert send(user=make_user("Submitter", site, "second"))[1]

    def test_of_a_site_hold_everybody_there_and_nobody_elsewhere(
        self, send: Any, settings: Any, make_user: Any, site: Any, other_site: Any
    ) -> None:
        settings.MAX_WAITING_PER_SITE = 1
        send()
        with pytest.raises(TooManyWaiting, match="of this site"):
            send(user=make_user("Submitter", site, "second"))
        assert send(user=make_user("Submitter", other_site), site=other_site)[1]

    @pytest.mark.parametrize(("seconds", "told"), [(0.1, 5), (40, 40), (5000, 300)])
    def test_say_when_to_come_back(
        self, send: Any, submit: Any, settings: Any, seconds: float, told: int
    ) -> None:
        done(submit, ("w", -seconds, 0))
        workers.seen(name="w", model=INFO)
        settings.MAX_WAITING_PER_USER = 1
        send()
        with pytest.raises(TooManyWaiting) as refusal:
            send()
        assert refusal.value.retry_after == told
        assert f"Try again in {told} seconds." in refusal.value.message

    def test_cost_one_query_while_the_queue_is_short(
        self, send: Any, submitter: Any, site: Any, django_assert_num_queries: Any
    ) -> None:
        send()
        with django_assert_num_queries(1):
            admission.check(user=submitter, site=site)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_overshoot_by_no_more_than_themselves(send: Any, settings: Any) -> None:
    settings.MAX_WAITING_PER_USER = 3
    answers = at_once([lambda n=n: send(film(n), mrn=f"M-{n}") for n in range(6)])
    accepted = [answer for answer in answers if isinstance(answer, tuple)]
    assert len(accepted) >= 3
    assert all(isinstance(a, tuple | TooManyWaiting) for a in answers), answers
    assert Job.objects.filter(status="QUEUED").count() == len(accepted)
    with pytest.raises(TooManyWaiting):
        send(film(9), mrn="M-9")
