"""The fork server of `ml.pixels.isolated`: has the codecs loaded, and forks a child for each film.

Run as a file, without this package: it imports numpy and pydicom alone, and sees no film itself.
Standard input is a socket on which each request is one byte with one end of a line (SCM_RIGHTS). On
the line the child says a newline, takes task and frame up to the end of input, and gives the pixels'
type and the pixels. The server ends with the last process that holds the other end of its socket.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from pydicom.pixels import get_decoder
from pydicom.uid import UID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MEMORY = 1536 * 1024 * 1024
CPU_SECONDS = 15
SECONDS = 45.0  # by the clock, on a busy machine


def main() -> None:
    # what is loaded is not moved by a child's garbage collection, so its memory stays shared
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    with socket.socket(fileno=sys.stdin.fileno()) as requests:
        while True:
            request, lines, _, _ = socket.recv_fds(requests, 1, 1)
            if not request:
                return
            if os.fork() == 0:
                try:
                    requests.close()
                    with socket.socket(fileno=lines[0]) as line:
                        _serve(line)
                finally:
                    os._exit(1)  # whatever it raised is told by an answer that is not whole
            os.close(lines[0])


def _serve(line: socket.socket) -> None:
    _limit()
    line.sendall(b"\n")
    with line.makefile("rb") as asked:
        task = json.loads(asked.readline())
        frame = asked.read()
    pixels = decode(frame, task["transfer_syntax"], task["options"])
    line.sendall(pixels.dtype.str.encode("ascii") + b"\n")
    line.sendall(pixels.tobytes())


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError):  # macOS takes no limit on memory
            resource.setrlimit(kind, (allowed, hard))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)  # ends it also inside a codec


def decode(frame: bytes, transfer_syntax: str, options: Mapping[str, Any]) -> NDArray[Any]:
    pixels: NDArray[Any]
    pixels, _ = get_decoder(UID(transfer_syntax)).as_array(frame, index=0, raw=True, **options)
    return pixels


if __name__ == "__main__":
    main()
