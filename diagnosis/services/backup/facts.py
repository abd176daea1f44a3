"""Counts and digests of a database, by plain SQL: of the live one, or of a copy without models."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol

from diagnosis.models import AuditEvent, Image
from diagnosis.services.backup.manifest import Audit, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


class Cursor(Protocol):
    """What both a Django cursor and one of sqlite3 can do."""

    def execute(self, sql: str, /) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def fetchmany(self, size: int, /) -> list[Any]: ...


def collect(cursor: Cursor, vendor: str) -> Facts:
    tables = [name for (name,) in _rows(cursor, _TABLES[vendor])]
    return Facts(
        tables={name: _count(cursor, name) for name in sorted(tables)},
        migrations=sorted(
            f"{app}.{name}"
            for app, name in _rows(cursor, "SELECT app, name FROM django_migrations")
        ),
        audit=_audit(cursor),
    )


def films(cursor: Cursor) -> Iterator[str]:
    """A line for each film: storage key, SHA-256, bytes."""
    table = Image._meta.db_table
    sql = f"SELECT storage_key, sha256, size_bytes FROM {table} ORDER BY id"  # noqa: S608 (our own name)
    for key, sha256, size in _rows(cursor, sql):
        yield f"{key} {sha256} {size}\n"


def _audit(cursor: Cursor) -> Audit:
    names = ", ".join(str(field.column) for field in AuditEvent._meta.concrete_fields)
    sql = f"SELECT {names} FROM {AuditEvent._meta.db_table} ORDER BY id"  # noqa: S608 (our own names)
    digest, count, newest = hashlib.sha256(), 0, 0
    for row in _rows(cursor, sql):
        digest.update(json.dumps(row, default=str).encode() + b"\n")
        count, newest = count + 1, row[0]
    return Audit(count, newest, digest.hexdigest())


def _count(cursor: Cursor, table: str) -> int:
    ((count,),) = _rows(cursor, f'SELECT count(*) FROM "{table}"')  # noqa: S608 (the database's own)
    return int(count)


def _rows(cursor: Cursor, sql: str) -> Iterator[Any]:
    cursor.execute(sql)
    while rows := cursor.fetchmany(1000):
        yield from rows
