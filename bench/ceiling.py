"""The ceiling of `bench.submits`: films checked, decoded and stored, and nothing else.

Run as a program it is one such process: a folder of films as its argument, on each line of its
input how many to take, and a line of its output when they are stored.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import drawn_films

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Processes = Sequence[subprocess.Popen[str]]

ROOT = Path(__file__).resolve().parents[1]
_DRAWN = 6  # each is taken many times, with another comment each time


def draw(folder: Path) -> list[bytes]:
    """The films, also written into the folder."""
    folder.mkdir()
    return [path.read_bytes() for path in drawn_films.draw(folder, _DRAWN)]


def distinct(drawn: Sequence[bytes], number: int) -> bytes:
    """One of the films, with a JPEG comment that no other has."""
    data = drawn[number % len(drawn)]
    return data[:2] + b"\xff\xfe\x00\x12" + secrets.token_bytes(16) + data[2:]


@contextlib.contextmanager
def processes(folder: Path, env: Mapping[str, str], count: int) -> Iterator[Processes]:
    """So many of them, on the films of the folder `drawn` in this one."""
    command = [sys.executable, "-m", "bench.ceiling", str(folder / "drawn")]
    with contextlib.ExitStack() as stack:
        started = []
        for number in range(count):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**env, "PNEUMO_DATA_DIR": str(folder / f"ceiling-{number}")},
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        yield started


def take(alone: Processes, count: int) -> float:
    """Seconds in which the processes together take so many films."""
    started = time.perf_counter()
    for number, process in enumerate(alone):
        assert process.stdin is not None
        process.stdin.write(f"{len(range(number, count, len(alone)))}\n")
        process.stdin.flush()
    for process in alone:
        assert process.stdout is not None
        assert process.stdout.readline() == "stored\n"
    return time.perf_counter() - started


def main() -> int:
    import django
    from django.conf import settings

    django.setup()
    from diagnosis.services import arrivals
    from diagnosis.services import films as store

    assert not settings.DEBUG
    drawn = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
    for line in sys.stdin:
        for number in range(int(line)):
            film = distinct(drawn, number)
            _, (report,) = arrivals.check_films([film], [store.digest_of(film)])
            assert report.code == arrivals.ACCEPTED
            store.put(data=film)
        print("stored", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
