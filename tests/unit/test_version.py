"""The version is written where packaging wants it and where the code can read it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import diagnosis


def test_both_say_the_same() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert tomllib.loads(text)["project"]["version"] == diagnosis.__version__
