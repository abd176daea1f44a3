"""A worker or sweeper with a fault in it, started as the real ones are:

    python -m tests.faults.odd celery -A pneumo_site worker
    python -m tests.faults.odd manage.py sweeper

ODD_FILM names a file; as long as it is there, the film in it meets ODD_FAULT: `kill-in-model` ends
the process, `hang-in-model` and `hang-in-decode` never return. ODD_CLOCK is how many seconds the
process's own clock is ahead.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import time_machine

from ml import inference
from ml.contracts import FilmLimits, fake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.contracts import FloatArray, Prediction

FAULT = os.environ.get("ODD_FAULT", "")
FILM = Path(os.environ.get("ODD_FILM", os.devnull))
_read_film = inference.read_film


def read_film(data: bytes, *arguments: Any, **options: Any) -> Any:
    if FAULT == "hang-in-decode" and FILM.is_file() and data == FILM.read_bytes():
        ctypes.PyDLL(None).sleep(600)  # as a decoder would: in C, and no other thread may run
    return _read_film(data, *arguments, **options)


class OddClassifier(fake.FakeClassifier):
    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        if self._meets_it(batch):
            if FAULT == "kill-in-model":
                os.kill(os.getpid(), signal.SIGKILL)
            if FAULT == "hang-in-model":
                threading.Event().wait()
        return super().classify(batch)

    def _meets_it(self, batch: FloatArray) -> bool:
        if not FILM.is_file():
            return False
        odd = _read_film(FILM.read_bytes(), FilmLimits(), self.info.input_size)
        return any(np.array_equal(film, odd) for film in batch)


def main(program: str, *arguments: str) -> None:
    # Before anything of the product is imported, which takes these two by their names.
    inference.read_film = read_film
    fake.FakeClassifier = OddClassifier  # type: ignore[misc]
    sys.argv = [program, *arguments]
    with time_machine.travel(timedelta(seconds=float(os.environ.get("ODD_CLOCK", "0"))), tick=True):
        if program == "manage.py":
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
