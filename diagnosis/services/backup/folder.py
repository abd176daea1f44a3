"""Files of a backup: private, complete under their name or not there at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1024 * 1024
MANIFEST = "manifest.json"


class BackupRefused(Exception):  # noqa: N818 (told to the operator as it stands)
    """What was asked cannot be done; the message is for the operator and names no patient."""


def make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def create_private(path: Path) -> int:
    """A descriptor of a new, empty file that only its owner may read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def write(path: Path, data: bytes) -> None:
    part = part_of(path)
    with os.fdopen(create_private(part), "wb") as file:
        file.write(data)
    complete(part, path)


def complete(part: Path, path: Path) -> None:
    """Give a file that is written in full its name, past a power cut."""
    sync(part)
    part.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def film_in(folder: Path, sha256: str) -> Path:
    return folder / "films" / sha256[:2] / sha256


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One backup at a time writes into the folder; what an interrupted one left is removed."""
    make_private(folder)
    make_private(folder / "films")
    with os.fdopen(create_private(folder / ".lock"), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused("Another backup is being written into this folder.") from error
        for part in [*folder.glob("*.part"), *folder.glob("films/??/*.part")]:
            part.unlink()
        yield
