"""What every command says in the same words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

RESEARCH_USE = "Research use only, not a diagnosis."


def folder(text: str) -> Path:
    """A folder to write into, there already or not."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path.name} is a file, not a folder")
    return path


def progress(what: str, done: int, total: int) -> None:
    """One line on stderr that fills up; see `ml.contracts.Progress`."""
    end = "\n" if done == total else ""
    if sys.stderr.isatty() or done == total or done % max(total // 20, 1) == 0:
        print(f"\r{what}: {done}/{total}", end=end or "\r", file=sys.stderr, flush=True)
