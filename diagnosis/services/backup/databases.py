"""Copies of the database: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from diagnosis.services.backup.folder import BackupRefused, create_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosis.services.backup.facts import Cursor

SUFFIX = {"sqlite": ".sqlite3", "postgresql": ".pgdump"}


@contextlib.contextmanager
def copied_to(path: Path) -> Iterator[Cursor]:
    """Copies one moment of the database into `path`, and yields a cursor that reads that moment.

    Neither waits for those who write meanwhile, nor keeps them waiting.
    """
    os.close(create_private(path))
    with (_copied_sqlite if connection.vendor == "sqlite" else _dumped)(path) as cursor:
        yield cursor


@contextlib.contextmanager
def reading() -> Iterator[Cursor]:
    """A cursor on the live database that gives values in the form that `copied_to` gave them."""
    if connection.vendor == "sqlite":
        with contextlib.closing(_open(_name(), "rw")) as live:
            yield live.cursor()
    else:
        with connection.cursor() as cursor:
            yield cursor


def restore_from(path: Path) -> None:
    """Put the copy in the place of the live database, in one transaction."""
    connection.close()
    if connection.vendor == "sqlite":
        if not _name().exists():
            os.close(create_private(_name()))
        with (
            contextlib.closing(_open(path, "ro")) as copy,
            contextlib.closing(_open(_name(), "rw")) as live,
        ):
            copy.backup(live)
    else:
        whole = ("--single-transaction", "--exit-on-error", "--clean", "--if-exists")
        _run(
            "pg_restore",
            *whole,
            "--no-owner",
            "--no-privileges",
            f"--dbname={_target()}",
            str(path),
        )


def _name() -> Path:
    return Path(str(connection.settings_dict["NAME"]))


def _open(path: Path, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=20)
    except sqlite3.OperationalError as error:
        raise BackupRefused("The database's file cannot be opened.") from error


@contextlib.contextmanager
def _copied_sqlite(path: Path) -> Iterator[Cursor]:
    with (
        contextlib.closing(_open(_name(), "rw")) as live,
        contextlib.closing(_open(path, "rw")) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        yield copy.cursor()


@contextlib.contextmanager
def _dumped(path: Path) -> Iterator[Cursor]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # It waits inside its transaction for as long as pg_dump runs.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        source = (f"--snapshot={snapshot}", f"--dbname={_target()}", f"--file={path}")
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", *source)
        yield cursor


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupRefused(
            f"{name} is not on PATH. Install PostgreSQL's client programs, of the server's version "
            "or newer (Debian and Ubuntu: apt-get install postgresql-client)."
        )
    return found


def _target() -> str:
    """How to reach the database, without the password: arguments can be seen by others."""
    from psycopg.conninfo import make_conninfo

    place = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "dbname": "NAME"}
    given = {key: place[name] for key, name in names.items() if place[name]}
    # The time-outs of our own sessions would end a dump.
    others = {key: value for key, value in place["OPTIONS"].items() if key != "options"}
    return make_conninfo(**given, **others)


def _run(name: str, *arguments: str) -> None:
    environment: dict[str, Any] = {**os.environ, "PGPASSWORD": connection.settings_dict["PASSWORD"]}
    command = [program(name), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode:
        # The first line alone: those below it may quote a row, and so a patient.
        raise BackupRefused(next(iter(done.stderr.splitlines()), f"{name} failed without a word."))
