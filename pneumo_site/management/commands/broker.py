"""Run the embedded broker in the foreground."""

from __future__ import annotations

import fcntl
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from pneumo_site import embedded


class Command(BaseCommand):
    help = "Run the embedded Valkey in the foreground; not needed where REDIS_URL is set."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the server. The lock goes with the process, so a second broker on the same data
        cannot take the first one's socket away.
        """
        if settings.REDIS_URL:
            raise CommandError("REDIS_URL is set, so that server is the broker.")
        binary = embedded.server_binary()
        if binary is None:
            raise CommandError(
                "No Valkey or Redis server was found. Films are analysed all the same, by polling."
            )
        data = settings.DATA_DIR / "broker"
        try:
            words = embedded.command(binary, socket=settings.EMBEDDED_SOCKET, data=data)
        except embedded.BrokerRefused as error:
            raise CommandError(str(error)) from error
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError("A broker runs on this data folder already.") from error
        os.set_inheritable(lock, True)  # noqa: FBT003
        os.execv(binary, words)  # noqa: S606
