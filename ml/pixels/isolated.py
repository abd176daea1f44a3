"""JPEG Lossless and JPEG 2000, decoded in a process of its own, which a bad film may end.

Seen with gdcm 3.2.6: mutated films end in std::terminate, which no `except` sees. Seen with
OpenJPEG 2.5: 100 bytes that ask for tiny precincts take 6 GB and more. Each film gets a fresh child
with limits on memory and time, forked from a server that has an empty environment and has seen no
film. `multiprocessing` has such a server, but its children run the caller's `__main__` again.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ml.pixels.guard import corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_PROGRAM = Path(__file__).with_name("isolated_server.py")
_START_SECONDS = 15.0
_SILENT_SECONDS = 50.0  # the child's own limit ends it sooner


def decode_isolated(
    encapsulated: bytes, transfer_syntax: str, options: Mapping[str, int | str]
) -> NDArray[np.integer]:
    """The stored values (rows, columns); options as for pydicom's decoders.

    Raises FilmError CORRUPT when the child dies, takes too long or answers nonsense; OSError where
    no child can be had.
    """
    task = json.dumps({"transfer_syntax": transfer_syntax, "options": dict(options)}).encode()
    shape = (int(options["rows"]), int(options["columns"]))
    with _children.fresh() as line, line.makefile("rb") as answer:
        try:
            line.settimeout(_SILENT_SECONDS)
            line.sendall(task + b"\n")
            line.sendall(encapsulated)
            line.shutdown(socket.SHUT_WR)
            kind, pixels = answer.readline(16), answer.read(2 * shape[0] * shape[1] + 1)
        except OSError:
            raise corrupt() from None
    return np.frombuffer(pixels, dtype=np.dtype(kind.decode("ascii").strip())).reshape(shape)


class _ForkServer:
    def __init__(self, program: Path) -> None:
        self._requests, theirs = socket.socketpair()
        with theirs:
            # in a session of its own: Ctrl-C is for us, and it ends when we do
            self.process = subprocess.Popen(  # noqa: S603 - our own file, and nothing of a film
                [sys.executable, "-I", str(program)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def fork(self) -> socket.socket:
        """A line to a new child that waits for its task. Raises OSError where the server is lost."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as unless_it_answers:
            unless_it_answers.enter_context(ours)
            ours.settimeout(_START_SECONDS)
            socket.send_fds(self._requests, [b"\n"], [theirs.fileno()])
            theirs.close()
            if ours.recv(1) != b"\n":
                raise ConnectionResetError
            unless_it_answers.pop_all()
        return ours

    def leave(self) -> None:
        """Let it end with its other owners; at once where we are the last."""
        self._requests.close()

    def end(self) -> None:
        self.leave()
        self.process.kill()
        self.process.wait()


class _Children:
    """Fresh children of a fork server, which is started when it is first needed, and again when it
    was lost.
    """

    def __init__(self, program: Path = _PROGRAM) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._server: _ForkServer | None = None

    def fresh(self) -> socket.socket:
        """A line to a child that waits for its task. Raises OSError."""
        server = self._running()
        try:
            return server.fork()
        except OSError:
            self._lost(server)
            return self._running().fork()

    def forget(self) -> None:
        """After a fork: the server is our parent's, and a thread of it may have held the lock."""
        if self._server is not None:
            self._server.leave()
        self._lock, self._server = threading.Lock(), None

    def _running(self) -> _ForkServer:
        with self._lock:
            if self._server is None:
                self._server = _ForkServer(self._program)
            return self._server

    def _lost(self, server: _ForkServer) -> None:
        with self._lock:
            if self._server is server:  # else another thread was faster
                self._server = None
                server.end()


_children = _Children()
os.register_at_fork(after_in_child=_children.forget)
