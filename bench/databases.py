"""Servers as an installation has them: private like the tests' own, but a commit reaches the disk."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.binaries import postgres_binaries
from tests.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator


class DurablePostgres(PostgresServer):
    def command(self) -> list[str]:
        return [*super().command(), "-c", "fsync=on", "-c", "full_page_writes=on"]


@contextlib.contextmanager
def durable_postgres() -> Iterator[DurablePostgres]:
    with tempfile.TemporaryDirectory(prefix="pn-", ignore_cleanup_errors=True) as name:
        server = DurablePostgres(Path(name), binaries=postgres_binaries())
        server.prepare()
        with server:
            yield server
