"""The child of `ml.pixels.isolated`: task and frame on stdin, pixels on stdout.

Run as a file, without this package: it imports numpy and pydicom alone.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys

_MEMORY = 1536 * 1024 * 1024
_CPU_SECONDS = 15


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError):  # macOS takes no limit on memory
            resource.setrlimit(kind, (allowed, hard))


def main() -> None:
    """Decode one frame. Any failure ends the process with a code other than 0."""
    _limit()
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    task = json.loads(sys.stdin.buffer.readline())
    pixels, _ = get_decoder(UID(task["transfer_syntax"])).as_array(
        sys.stdin.buffer.read(), index=0, raw=True, **task["options"]
    )
    sys.stdout.buffer.write(pixels.dtype.str.encode("ascii") + b"\n")
    sys.stdout.buffer.write(pixels.tobytes())


if __name__ == "__main__":
    main()
