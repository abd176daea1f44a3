"""E-mails that a notification waits; at least once each, by any number of sweepers.

A message says nothing but that: neither who, nor what, nor which study.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User as Account
from django.core import mail
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from diagnosis.models import Notification
from diagnosis.models.clock import db_now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

logger = logging.getLogger(__name__)
_RETRY = timedelta(minutes=5)  # also after a sweeper that died with its claim
_GIVEN_UP = timedelta(days=1)


def send_due(*, limit: int = 100) -> int:
    """Mail each user once for all that they have not seen; returns how many users were.

    A server that does not answer ends the round; what it claimed is tried again later.
    """
    if not settings.EMAIL_HOST:
        return 0
    sent = 0
    try:
        with mail.get_connection() as server:
            for user, claimed_at in _claimed(limit):
                sent += _send(user, claimed_at, server)
    except OSError as error:  # every fault of smtplib is one
        logger.warning("the mail server does not answer (%s)", type(error).__name__)
    return sent


def _outbox(now: datetime) -> QuerySet[Notification]:
    waiting = Notification.objects.filter(
        wants_email=True, emailed_at__isnull=True, seen_at__isnull=True
    )
    free = Q(mail_claimed_at__isnull=True) | Q(mail_claimed_at__lt=now - _RETRY)
    return waiting.filter(free, created_at__gt=now - _GIVEN_UP)


def _claimed(limit: int) -> Iterator[tuple[Account, datetime]]:
    """Users whose notifications are now this sweeper's to mail."""
    due = _outbox(db_now()).order_by("id").values_list("user", flat=True)[:limit]
    for key in dict.fromkeys(due):
        now = db_now()
        # Who comes second finds them claimed.
        if _outbox(now).filter(user=key).update(mail_claimed_at=now):
            yield Account.objects.get(pk=key), now


def _send(user: Account, claimed_at: datetime, server: object) -> bool:
    if not (user.is_active and user.email):
        return False
    message = mail.EmailMessage(
        _("Pneumo: you have a notification"),
        _("You have a notification in Pneumo. Log in to read it:")
        + f"\n\n{settings.PUBLIC_URL}{reverse('notices')}\n",
        to=[user.email],
        connection=server,  # type: ignore[arg-type]
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
        logger.warning("an e-mail was refused (%s)", type(error).__name__)
        return False
    mine = Notification.objects.filter(user=user, mail_claimed_at=claimed_at)
    mine.update(emailed_at=db_now())
    return True
