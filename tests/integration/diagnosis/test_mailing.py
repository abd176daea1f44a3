"""E-mails: who wants one gets one, from a real server, and a dead one does no harm."""

from __future__ import annotations

import socket
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.models import Notification
from diagnosis.models.clock import db_now
from diagnosis.models.notification import NoticeKind
from diagnosis.services import mailing, notices, sweeping
from tests.integration.diagnosis.test_lifecycle import sign
from tests.integration.diagnosis.work import at_once
from tests.smtp import MailServer, mail_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.PUBLIC_URL = "https://reading.example.org"
    settings.EMAIL_TIMEOUT = 5
    with mail_server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


@pytest.fixture
def ward(submitter: Any) -> Any:
    """The submitter, who wants e-mails."""
    submitter.email = "ward@example.org"
    submitter.save()
    notices.choose(user=submitter, by_email=True)
    return submitter


def tell(*users: Any) -> None:
    notices.tell(kind=NoticeKind.READ_WAITS, users=[user.pk for user in users])


def later() -> None:
    """As if every claim were old."""
    claimed = Notification.objects.filter(mail_claimed_at__isnull=False)
    claimed.update(mail_claimed_at=db_now() - timedelta(hours=1))


def test_a_message_says_that_something_waits_and_nothing_else(
    server: MailServer, ward: Any, submit: Callable[..., Study], radiologist: Any
) -> None:
    study = submit(name="Jane Private", mrn="PRIVATE-7")
    sign(study, radiologist)
    sign(submit(name="Jane Private"), radiologist)
    assert sweeping.sweep_notices().mailed == 1
    ((recipient, text),) = server.messages
    assert recipient == "ward@example.org"
    assert "https://reading.example.org/notices/" in text
    for private in ("Private", "PRIVATE", str(study.uid), radiologist.username, "report"):
        assert private not in text
    assert sweeping.sweep_notices().mailed == 0, "one for all that waited"


def test_only_who_asked_for_it_and_has_not_seen_it(
    server: MailServer, ward: Any, radiologist: Any
) -> None:
    radiologist.email = "reader@example.org"
    radiologist.save()
    tell(ward, radiologist)
    notices.see(user=ward)
    assert mailing.send_due() == 0
    tell(ward)
    notices.choose(user=ward, by_email=False)
    assert mailing.send_due() == 0
    notices.choose(user=ward, by_email=True)
    notices.see(user=ward)
    tell(ward)
    ward.is_active = False
    ward.save()
    assert mailing.send_due() == 0
    assert server.messages == []


def test_a_dead_server_costs_nothing_and_is_tried_again(
    server: MailServer, ward: Any, settings: Any
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = closed.getsockname()[1]
        tell(ward)
        assert mailing.send_due() == 0
    settings.EMAIL_PORT = server.port
    assert mailing.send_due() == 1
    assert len(server.messages) == 1


def test_what_a_sweeper_died_with_is_sent_later(server: MailServer, ward: Any) -> None:
    tell(ward)
    Notification.objects.update(mail_claimed_at=db_now())
    assert mailing.send_due() == 0
    later()
    assert mailing.send_due() == 1


def test_an_unknown_recipient_keeps_nobody_waiting_and_is_given_up(
    server: MailServer, ward: Any, radiologist: Any
) -> None:
    radiologist.email = "reader@example.org"
    radiologist.save()
    notices.choose(user=radiologist, by_email=True)
    server.refused.add("ward@example.org")
    tell(ward, radiologist)
    assert mailing.send_due() == 1
    assert [recipient for recipient, _ in server.messages] == ["reader@example.org"]
    later()
    server.refused.clear()
    Notification.objects.update(created_at=db_now() - timedelta(days=2))
    assert mailing.send_due() == 0


@pytest.mark.django_db(transaction=True)
def test_several_sweepers_send_one(server: MailServer, ward: Any) -> None:
    tell(ward)
    assert sorted(at_once([partial(mailing.send_due)] * 4)) == [0, 0, 0, 1]
    assert len(server.messages) == 1


def test_without_a_server_nobody_is_marked_for_it(ward: Any, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    tell(ward)
    assert mailing.send_due() == 0
    assert not Notification.objects.get().wants_email
