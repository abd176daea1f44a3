"""Run a command that cannot outlive its parent: `leash.py PARENT_PID COMMAND...`.

A script and not a `preexec_fn`, which is unsafe in a process with threads. The kernel's request is
kept by exec, and it is for the thread that forked: start the script from the main thread. Only
Linux knows it; elsewhere an orderly stop still ends the children.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child could start")
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
