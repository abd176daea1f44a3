"""Faults inside a process: importing this is all it takes, and the environment says which.

    FAULT_HOLD=module:function  whoever calls it makes the file `held`, and waits for ever
    FAULT_FOLDER                while the file `full` is in it, the disk is full for films and uploads

gunicorn imports it as its configuration (`-c python:`), Celery by `--include`.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FAULT_FOLDER"])
FILMS = Path(os.environ["PNEUMO_DATA_DIR"]) / "films"
_open, _temporary = Path.open, tempfile.TemporaryFile


def _hold(*_args: Any, **_kwargs: Any) -> None:
    (FOLDER / "held").touch()
    threading.Event().wait()


def _on_full_disk(file: Any) -> Any:
    """The file is made, as on a full disk it often still can be; the kernel refuses its bytes."""
    if (FOLDER / "full").exists():
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, file.fileno())
        os.close(full)
    return file


def _open_path(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    file = _open(path, mode, *args, **kwargs)
    return _on_full_disk(file) if FILMS in path.parents and "r" not in mode else file


def _temporary_file(*args: Any, **kwargs: Any) -> Any:
    return _on_full_disk(_temporary(*args, **kwargs))


Path.open = _open_path  # type: ignore[method-assign,assignment]
tempfile.TemporaryFile = _temporary_file  # type: ignore[assignment]
if place := os.environ.get("FAULT_HOLD"):
    _module, _name = place.split(":")
    setattr(importlib.import_module(_module), _name, _hold)
