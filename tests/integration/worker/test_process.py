"""The worker process as a whole: what hangs ends it, what is away is left alone for a while."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

from diagnosis.errors import StorageUnavailable
from worker.process import WorkerProcess, pause_after

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
HUNG = """
import threading
import django
django.setup()
from worker import process
process.Runtime.classifier = lambda self: threading.Event().wait()
process.process.answer_bell()
"""


def test_a_model_that_never_finishes_loading_ends_the_process(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
        "DEBUG": "1",
        "PNEUMO_DATA_DIR": str(tmp_path),
        "PNEUMO_LOAD_LIMIT": "1s",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", HUNG],
        check=False,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "Timeout" in done.stderr


@pytest.mark.parametrize("error", [OperationalError("away"), StorageUnavailable()])
def test_a_bell_is_no_error_while_database_or_store_is_away(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Callable[..., Any]:
        raise error

    worker = WorkerProcess()
    monkeypatch.setattr(worker._runtime, "classifier", fail)
    assert worker.answer_bell() == 0
    assert type(error).__name__ in caplog.text


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_after(n) for n in (1, 2, 3, 9)] == [5, 10, 20, 60]
