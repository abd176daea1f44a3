"""A worker that was started unsafely ends with a sentence, before it claims anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]


def start(
    folder: Path, *options: str, **changes: str
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the real command to its end; it and what it said."""
    command: Sequence[str] = [sys.executable, "-m", "celery", "-A", "pneumo_site", "worker"]
    env = {**os.environ, "PNEUMO_DATA_DIR": str(folder), "REDIS_URL": "", **changes}
    done = subprocess.run(  # noqa: S603
        [*command, *options],
        check=False,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, done.stdout + done.stderr


def test_another_pool_is_refused(tmp_path: Path) -> None:
    done, said = start(tmp_path, "--pool", "threads", DEBUG="1")
    assert done.returncode == 1
    assert "Leave --pool out" in said
    assert "ready" not in said


def test_invented_scores_are_refused_in_production(tmp_path: Path) -> None:
    done, said = start(tmp_path, DEBUG="0", PNEUMO_SECRET_KEY="k" * 60, PNEUMO_ENGINE="fake")
    assert done.returncode == 1
    assert "pneumo.E003" in said


def test_a_hard_limit_below_the_lease_is_refused(tmp_path: Path) -> None:
    done, said = start(tmp_path, DEBUG="1", PNEUMO_LEASE="60s", PNEUMO_HARD_LIMIT="30s")
    assert done.returncode == 1
    assert "pneumo.E002" in said
