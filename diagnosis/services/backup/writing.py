"""Writes a backup. The database first, then the films: a film is written before its row is committed
and never changed, so every row of the copy finds its film.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection

import diagnosis
from diagnosis.models.clock import db_now
from diagnosis.services import films
from diagnosis.services.backup import databases, facts, manifest
from diagnosis.services.backup import folder as files
from diagnosis.services.backup.folder import BackupRefused
from diagnosis.services.backup.manifest import Facts, Manifest, Part

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Written:
    manifest: Manifest
    copied: int  # films that the folder did not hold before


def backup(*, folder: Path) -> Written:
    """Add to the folder what it does not hold yet, and name it as the newest whole backup.

    Films that the store has lost are named in the manifest; the rest is saved all the same. Raises
    BackupRefused, OSError.
    """
    folder = folder.absolute()
    if settings.FILM_DIR in (folder, *folder.parents):
        raise BackupRefused("The film store is no place for a backup.")
    with files.alone(folder):
        made_at = db_now().isoformat()
        database, listed, found = _copy_database(folder)
        copied, count, missing = _copy_films(folder, folder / listed.file)
        written = Manifest(
            version=diagnosis.__version__,
            made_at=made_at,
            vendor=connection.vendor,
            database=database,
            films=listed,
            film_count=count,
            facts=found,
            missing=missing,
        )
        manifest.write(written, folder)
        for old in [*folder.glob("database-*"), *folder.glob("films-*")]:
            if old.name not in {database.file, listed.file}:
                old.unlink()
    return Written(written, copied)


def _copy_database(folder: Path) -> tuple[Part, Part, Facts]:
    """The copy, the list of its films, and what is counted in it."""
    copy, listing = folder / "database.part", folder / "films.part"
    with databases.copied_to(copy) as cursor:
        found = facts.collect(cursor, connection.vendor)
        with os.fdopen(files.create_private(listing), "w", encoding="ascii") as lines:
            lines.writelines(facts.films(cursor))
    suffix = databases.SUFFIX[connection.vendor]
    return _named(copy, "database", suffix), _named(listing, "films", ".txt"), found


def _named(part: Path, word: str, suffix: str) -> Part:
    """By its digest, so that the former backup stays whole until the new manifest is there."""
    digest = files.digest_of(part)
    path = part.with_name(f"{word}-{digest[:16]}{suffix}")
    files.complete(part, path)
    return Part(path.name, digest)


def _copy_films(folder: Path, listing: Path) -> tuple[int, int, list[str]]:
    copied, count, missing = 0, 0, []
    with listing.open(encoding="ascii") as lines:
        for line in lines:
            key, sha256, size = line.split()
            count += 1
            kept = files.film_in(folder, sha256)
            if kept.is_file() and kept.stat().st_size == int(size):
                continue
            try:
                data = films.read(key=key, sha256=sha256)
            except films.FilmMissing:
                missing.append(key)
                continue
            files.make_private(kept.parent)
            files.write(kept, data)
            copied += 1
    return copied, count, missing
