"""The database's clock: the only one that leases and audit rows trust."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

_SQL = {
    "postgresql": "SELECT statement_timestamp()",
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
}


def db_now() -> datetime:
    """The database's present time in UTC."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL[connection.vendor])
        (value,) = cursor.fetchone()
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)
