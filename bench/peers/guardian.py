"""Ends what the bench started when the bench is no more, also when it was killed.

Frozen processes hear no gentle signal, and those of a server that forks are nobody's children then.
It reads `+PID` and `-PID` of process groups, and at the end of input kills those that are left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> int:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
