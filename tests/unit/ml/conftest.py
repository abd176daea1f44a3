"""The committed bundle, and what tests need to see of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[3] / "models"


@pytest.fixture(scope="session")
def committed_bundle() -> Path:
    """The newest bundle below models/. There is always one: the product ships with it."""
    return max(path.parent for path in MODELS.glob("*/manifest.json"))


@pytest.fixture
def bundle_copy(committed_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the committed bundle that a test may damage."""
    return Path(shutil.copytree(committed_bundle, tmp_path / committed_bundle.name))
