"""The film store: original bytes under random keys, written so that a crash leaves no half file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from typing import TYPE_CHECKING

from django.conf import settings

from diagnosis.errors import StorageUnavailable
from diagnosis.models import Image
from ml.contracts import FilmLimits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FilmMissing(Exception):  # noqa: N818 (a fact about the store, not a fault of it)
    """The store is there, the film is not, or its bytes have another digest."""


def limits() -> FilmLimits:
    return FilmLimits(max_bytes=settings.MAX_FILM_BYTES, max_pixels=settings.MAX_FILM_PIXELS)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _path(key: str) -> Path:
    return settings.FILM_DIR / key[:2] / key


def put(*, data: bytes) -> str:
    """Write to `.part`, sync, rename, sync the folders: a name that exists holds all its bytes.

    Returns the film's key. Raises StorageUnavailable.
    """
    key = secrets.token_hex(16)
    place(key=key, data=data)
    return key


def place(*, key: str, data: bytes) -> None:
    """Write the film under the key that its row names."""
    path = _path(key)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync_folders(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageUnavailable from error


def _sync_folders(folder: Path) -> None:
    """The folder and those above it, up to the data folder.

    Each time, not only for the one who made them: another may have done so a moment ago, or have
    died before the sync, and a film is safe once every name on the way to it is.
    """
    for each in (folder, settings.FILM_DIR, settings.FILM_DIR.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_reachable() -> None:
    """Raise StorageUnavailable where the store as a whole is away, such as a share not mounted."""
    if not os.access(settings.FILM_DIR, os.R_OK | os.X_OK) and Image.objects.exists():
        raise StorageUnavailable


def _nearest_folder() -> Path:
    """The store's folder; before the first film, the one in which it will be made."""
    folder: Path = settings.FILM_DIR
    while not folder.is_dir():
        folder = folder.parent
    return folder


def has_room() -> bool:
    """Whether the disk of the store is below both watermarks. Raises StorageUnavailable."""
    try:
        disk = shutil.disk_usage(_nearest_folder())
    except OSError as error:
        raise StorageUnavailable from error
    # Of what we may use: a reserve for root counts neither as used nor as free.
    percent = 100 * disk.used / max(disk.used + disk.free, 1)
    return percent < settings.DISK_MAX_PERCENT and disk.free >= settings.DISK_MIN_FREE_BYTES


def prove_writable() -> None:
    """Write a file without a name, which is gone at once. Raises StorageUnavailable."""
    try:
        require_reachable()
        with tempfile.TemporaryFile(dir=_nearest_folder()) as file:
            file.write(b"1")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageUnavailable from error


def read(*, key: str, sha256: str) -> bytes:
    """The film's bytes, checked against their digest.

    Raises FilmMissing when the film is gone or changed, StorageUnavailable when the store is.
    """
    try:
        data = _path(key).read_bytes()
    except FileNotFoundError as error:
        if not settings.FILM_DIR.is_dir():
            raise StorageUnavailable from error
        raise FilmMissing from error
    except OSError as error:
        raise StorageUnavailable from error
    if digest_of(data) != sha256:
        raise FilmMissing
    return data


def delete(*, key: str) -> None:
    _path(key).unlink(missing_ok=True)


def stored() -> Iterator[Path]:
    """Every file in the store, half-written ones too."""
    if settings.FILM_DIR.is_dir():
        yield from (path for path in settings.FILM_DIR.glob("??/*") if path.is_file())
