"""Restores a backup into an empty installation, and holds what is there against the manifest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from diagnosis.queries import invariants, schema
from diagnosis.services import films, sweeping
from diagnosis.services.backup import databases, facts, manifest
from diagnosis.services.backup import folder as files
from diagnosis.services.backup.folder import BackupRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.db.models import Model

    from diagnosis.services.backup.manifest import Manifest, Part


def restore(*, folder: Path) -> list[str]:
    """Films first, then the database in one step: interrupted, it leaves no half installation.

    Returns what could not be restored: films that the backup lost. Raises BackupRefused, OSError.
    """
    found = manifest.read(folder)
    _refuse_foreign(found)
    _refuse_unless_empty()
    for part in (found.database, found.films):
        _refuse_changed(folder, part)
    lost = list(_place_films(folder, found))
    databases.restore_from(folder / found.database.file)
    return lost


def differences(*, folder: Path) -> list[str]:
    """Where this installation is not what the backup holds, or breaks an invariant.

    Meant for right after `restore`, before any process of it runs.
    """
    found = manifest.read(folder)
    with databases.reading() as cursor:
        now = facts.collect(cursor, connection.vendor)
        listed = hashlib.sha256("".join(facts.films(cursor)).encode()).hexdigest()
    then = found.facts
    told = [
        f"table {name}: {now.tables.get(name, 'no')} rows, {then.tables.get(name, 'no')} in the backup"
        for name in sorted({*now.tables, *then.tables})
        if now.tables.get(name) != then.tables.get(name)
    ]
    if now.migrations != then.migrations:
        told.append("the migrations differ")
    if now.audit != then.audit:
        told.append("the audit trail differs")
    if listed != found.films.sha256:
        told.append("the list of films differs")
    told += sweeping.film_breaches(orphan_age=settings.ORPHAN_AGE)
    return told + invariants.breaches(sweeper_runs=False)


def _refuse_foreign(found: Manifest) -> None:
    if found.vendor != connection.vendor:
        raise BackupRefused(
            f"This backup is of a {found.vendor} database; set DATABASE_URL to one."
        )
    if set(found.facts.migrations) != schema.known_migrations():
        raise BackupRefused(
            f"This backup has other migrations than this code. Restore it with Pneumo {found.version}, "
            "then update."
        )


def _refuse_unless_empty() -> None:
    tables = set(connection.introspection.table_names())
    models: list[type[Model]] = [*apps.get_app_config("diagnosis").get_models(), User]
    for model in models:
        if model._meta.db_table in tables and model._default_manager.exists():
            raise BackupRefused(
                f"This installation is not empty: it has {model._meta.verbose_name_plural}. "
                "Restore into one with a new database and a new data folder."
            )
    if any(films.stored()):
        raise BackupRefused("The film store is not empty. Restore into a new data folder.")


def _refuse_changed(folder: Path, part: Part) -> None:
    path = folder / part.file
    if not path.is_file() or files.digest_of(path) != part.sha256:
        raise BackupRefused(f"{part.file} is missing from the backup, or was changed.")


def _place_films(folder: Path, found: Manifest) -> Iterator[str]:
    """Every film that is whole; a word about each other one."""
    with (folder / found.films.file).open(encoding="ascii") as lines:
        for line in lines:
            key, sha256, _ = line.split()
            kept = files.film_in(folder, sha256)
            data = kept.read_bytes() if kept.is_file() else b""
            if films.digest_of(data) == sha256:
                films.place(key=key, data=data)
            elif key in found.missing:
                yield f"film {key} was lost before the backup was made"
            else:
                yield f"film {key} is missing from the backup, or was changed"
