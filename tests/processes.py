"""Questions to the operating system about processes that are not our children."""

from __future__ import annotations

import os
from pathlib import Path


def is_gone(pid: int) -> bool:
    """No such process, or one that has ended and only waits for its parent to notice."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return True
    except FileNotFoundError:
        # Gone between the two looks; or a system without /proc, where it does exist.
        return Path("/proc/self").exists()
    return state == "Z"
