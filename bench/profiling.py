"""The web process with a profiler around each request, for `python -m bench.submits --profile`."""

from __future__ import annotations

import atexit
import cProfile
import os
import pstats
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo_site.wsgi import application as _application

if TYPE_CHECKING:
    from collections.abc import Iterable

_mine = threading.local()
_all: list[cProfile.Profile] = []


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if not hasattr(_mine, "profile"):
        _mine.profile = cProfile.Profile()
        _all.append(_mine.profile)
    answer: Iterable[bytes] = _mine.profile.runcall(_application, environ, start_response)
    return answer


@atexit.register
def _keep() -> None:
    folder = Path(os.environ["PNEUMO_BENCH_PROFILE"])
    folder.mkdir(parents=True, exist_ok=True)
    if _all:
        pstats.Stats(*_all).dump_stats(folder / f"{os.getpid()}.prof")
