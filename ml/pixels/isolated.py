"""JPEG Lossless and JPEG 2000, decoded in a process of its own, which a bad film may end.

Seen with gdcm 3.2.6: mutated films end in std::terminate, which no `except` sees. Seen with
OpenJPEG 2.5: 100 bytes that ask for tiny precincts take 6 GB and more. The child has an empty
environment and limits on memory and time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.pixels.guard import corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_CHILD = Path(__file__).with_name("isolated_child.py")
_SECONDS = 45.0  # by the clock, on a busy machine; the child has fewer of its own


def decode_isolated(
    encapsulated: bytes, transfer_syntax: str, options: Mapping[str, int | str]
) -> NDArray[np.integer]:
    """The stored values (rows, columns); options as for pydicom's decoders.

    Raises FilmError CORRUPT when the child dies, takes too long or answers nonsense.
    """
    task = json.dumps({"transfer_syntax": transfer_syntax, "options": dict(options)}).encode()
    try:
        child = subprocess.run(  # noqa: S603 - our own file, and nothing from the film is an argument
            [sys.executable, "-I", str(_CHILD)],
            input=task + b"\n" + encapsulated,
            capture_output=True,
            timeout=_SECONDS,
            env={"OPENBLAS_NUM_THREADS": "1"},
            check=True,
        )
    except subprocess.SubprocessError:
        raise corrupt() from None
    kind, _, pixels = child.stdout.partition(b"\n")
    shape = (int(options["rows"]), int(options["columns"]))
    return np.frombuffer(pixels, dtype=np.dtype(kind.decode("ascii"))).reshape(shape)
