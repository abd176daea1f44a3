"""The migrations: which the code knows, and which the database has."""

from __future__ import annotations

from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


@cache
def known_migrations() -> frozenset[str]:
    return frozenset(map(".".join, MigrationLoader(None).disk_migrations))


def applied_migrations() -> frozenset[str]:
    return frozenset(map(".".join, MigrationRecorder(connection).applied_migrations()))
