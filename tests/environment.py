"""A pytest plugin (`-p tests.environment`) that gives a test run its environment.

A plugin and not a conftest: pytest-django reads the settings before any conftest is loaded. Each
parallel worker gets a data folder of its own, so that no sweep meets another worker's films.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def data_folder() -> Path:
    """Below the runner's folder where it gave one, else a temporary one that goes at exit."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    base = os.environ.get("PNEUMO_TEST_DIR")
    if not base:
        base = tempfile.mkdtemp(prefix="pn-data-")
        # Parallel workers end without their exit handlers, so this process cleans up for them.
        os.environ["PNEUMO_TEST_DIR"] = base
        atexit.register(shutil.rmtree, base, ignore_errors=True)
    folder = Path(base) / worker
    folder.mkdir(parents=True, exist_ok=True)
    return folder


os.environ.setdefault("DEBUG", "1")
os.environ["PNEUMO_DATA_DIR"] = str(data_folder())
