"""A stored film survives a power cut: every name on the way to it is on the disk."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from diagnosis.services import films as store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(settings: Any, monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """All that lay in a folder when it was synced."""
    safe: set[Path] = set()
    sync = os.fsync

    def tracing(descriptor: int) -> None:
        sync(descriptor)
        what = os.fstat(descriptor)
        if stat.S_ISDIR(what.st_mode):
            folders = [settings.DATA_DIR, *settings.DATA_DIR.rglob("*")]
            (folder,) = (each for each in folders if os.path.samestat(each.stat(), what))
            safe.update(folder.iterdir())

    monkeypatch.setattr("os.fsync", tracing)
    return safe


def assert_safe(synced: set[Path], key: str, films: Path) -> None:
    assert synced >= {films, films / key[:2], films / key[:2] / key}


def test_every_folder_on_the_way_is_synced(synced: set[Path], settings: Any) -> None:
    settings.FILM_DIR.rmdir()
    assert_safe(synced, store.put(data=b"film"), settings.FILM_DIR)


def test_a_folder_that_another_process_made_is_synced_too(
    synced: set[Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    (settings.FILM_DIR / "ab").mkdir()
    assert_safe(synced, store.put(data=b"film"), settings.FILM_DIR)
