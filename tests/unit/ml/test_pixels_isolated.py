"""The process that decodes what may end it: whatever becomes of it, the caller gets an answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from ml.contracts import FilmCode, FilmError, FilmLimits
from ml.pixels import isolated, normalise
from tests import films
from tests.processes import is_gone
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.pixels.isolated import _Children

ROOT = Path(__file__).resolve().parents[3]
LIMITS = FilmLimits()
FILM = films.chest(43, size=(97, 80))
DATA = films.as_dicom(FILM, transfer_syntax=JPEG2000Lossless)
WHOLE = normalise(films.as_dicom(FILM), LIMITS)


def is_read() -> bool:
    return np.array_equal(normalise(DATA, LIMITS), WHOLE)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> _Children:
    """Children of a server of this test's own."""
    own = isolated._Children()
    monkeypatch.setattr(isolated, "_children", own)
    return own


@pytest.fixture
def decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """decoding(body): from now on the child does this where it would decode, within a second."""

    def replace(body: str) -> None:
        program = tmp_path / "server.py"
        program.write_text(
            f"import os, signal, sys, time\n"
            f"sys.path.insert(0, {str(isolated._PROGRAM.parent)!r})\n"
            f"import isolated_server\n"
            f"def decode(*_):\n{textwrap.indent(body, '    ')}\n"
            f"isolated_server.decode, isolated_server.SECONDS = decode, 1.0\n"
            f"isolated_server.main()\n"
        )
        monkeypatch.setattr(isolated, "_children", isolated._Children(program))

    return replace


@pytest.mark.parametrize(
    "body",
    [
        "os.abort()",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "raise ValueError",
        "import numpy; bytearray(4 << 30); return numpy.zeros((80, 97), dtype='u2')",
        "while True: pass",
        "time.sleep(600)",
        "import numpy; return numpy.zeros(3, dtype='u2')",
        "import numpy; return numpy.zeros((900, 900), dtype='u2')",
        "import numpy; return numpy.zeros((80, 97), dtype='u4')",
    ],
    ids=[
        "aborts", "is killed", "fails", "takes too much memory", "takes too much time", "hangs",
        "answers too little", "answers too much", "answers another type",
    ],
)  # fmt: skip
def test_whatever_becomes_of_the_child_is_a_coded_refusal(
    decoding: Callable[[str], None], body: str
) -> None:
    decoding(body)
    for _ in range(2):  # and the next film finds the server as it was
        with pytest.raises(FilmError) as caught:
            normalise(DATA, LIMITS)
        assert caught.value.code is FilmCode.CORRUPT


def test_the_child_itself_is_gone_after_its_time(
    decoding: Callable[[str], None], tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    decoding(f"open({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True: pass")
    with pytest.raises(FilmError):
        normalise(DATA, LIMITS)
    wait_for(lambda: is_gone(int(note.read_text())), 10, "the end of the child")


def test_a_lost_server_costs_no_film(children: _Children) -> None:
    assert is_read()
    first = children._running().process
    first.kill()
    assert is_read()
    assert children._running().process.pid != first.pid
    assert first.returncode == -signal.SIGKILL  # and it was buried


def test_a_frozen_server_costs_no_film(
    children: _Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_read()
    first = children._running().process
    monkeypatch.setattr(isolated, "_START_SECONDS", 5.0)
    os.kill(first.pid, signal.SIGSTOP)
    assert is_read()
    assert is_gone(first.pid)


def test_films_at_once_are_read_by_one_server(children: _Children) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: is_read(), range(24)))


def test_the_server_loads_neither_our_packages_nor_a_framework(
    decoding: Callable[[str], None],
) -> None:
    decoding(
        "import numpy\n"
        "loaded = {'django', 'ml', 'pneumo_site', 'tensorflow'} & set(sys.modules)\n"
        "return numpy.zeros((80, 97), dtype='u2') if not loaded else None"
    )
    assert normalise(DATA, LIMITS).shape == FILM.shape


@contextmanager
def program(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own with `server()`, which reads DATA and tells its fork server's pid."""
    head = """
import os, sys
from ml.contracts import FilmLimits
from ml.pixels import isolated, normalise
data = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
def server():
    normalise(data, FilmLimits())
    return isolated._children._running().process.pid
"""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", head + script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"%d\n%s" % (len(DATA), DATA))
        process.stdin.flush()
        yield process
        process.kill()


def line_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_the_server_ends_with_its_process_even_one_that_is_killed() -> None:
    with program("print(server(), flush=True); sys.stdin.read()") as process:
        server = line_of(process)
        assert not is_gone(server)
    wait_for(lambda: is_gone(server), 10, "the end of the fork server")


def test_a_process_that_was_forked_has_a_server_of_its_own() -> None:
    """As gunicorn's workers have, whatever ran before they were forked."""
    script = """
mine = server()
child = os.fork()
if child == 0:
    os._exit(10 + (server() == mine))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 10 + (server() != mine), flush=True)
"""
    with program(script) as process:
        assert line_of(process) == 0
