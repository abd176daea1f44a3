"""The command line: python -m ml predict | evaluate | train | package | compare | features | stress |
check-precision
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from ml.bundle import BundleError
from ml.cli import comparing, precision, serving, training
from ml.cli.words import RESEARCH_USE

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 1 where a film could not be scored, 2 for a wrong call."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (BundleError, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what it kept", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description=RESEARCH_USE)
    commands = parser.add_subparsers(required=True)
    for group in (serving, training, comparing, precision):
        group.add_to(commands)
    return parser
