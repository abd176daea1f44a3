"""What the bench starts stands still when told to, and ends with the bench, also a killed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.peers.processes import Group, Guardian, session_of
from tests.processes import is_gone
from tests.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc: Linux only")
ROOT = Path(__file__).resolve().parents[3]
# Answers every line, and has a child that would go on for ever.
PARENT = """
import json, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(json.dumps(child.pid), flush=True)
for line in sys.stdin:
    print(json.dumps(line.strip()), flush=True)
"""
# Starts the same as the bench would, freezes it, says who it is, and waits to be killed.
BENCH = f"""
import pathlib, signal, sys
from bench.peers.processes import Group, Guardian
group = Group([sys.executable, "-c", {PARENT!r}], {{}}, log=pathlib.Path(sys.argv[1]),
              guardian=Guardian(), talks=True)
child = group.answer()
group.freeze()
print(child, flush=True)
signal.pause()
"""


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as one:
        yield one


@pytest.fixture
def group(guardian: Guardian, tmp_path: Path) -> Iterator[Group]:
    command = [sys.executable, "-c", PARENT]
    one = Group(command, {}, log=tmp_path / "parent.log", guardian=guardian, talks=True)
    yield one
    one.end()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_ends_with_all_that_it_forked(group: Group) -> None:
    child = group.answer()
    group.freeze()
    group.end()
    wait_for(lambda: is_gone(child), 10, "the end of the child")


def test_stands_still_while_it_is_frozen(group: Group) -> None:
    child = group.answer()
    group.freeze()
    wait_for(lambda: state_of(child) == "T", 10, "a frozen child")
    group.thaw()
    assert group.ask("still there") == "still there"
    assert state_of(child) != "T"


def test_counts_the_memory_of_all_its_processes(group: Group) -> None:
    child = group.answer()
    members = sorted(session_of(os.getsid(child)))
    assert len(members) == 2
    assert child in members
    found = group.memory()
    assert 0 < found.proportional <= found.resident


def test_one_that_ends_early_is_told_with_its_log(guardian: Guardian, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    one = Group(command, {}, log=tmp_path / "early.log", guardian=guardian, talks=True)
    with pytest.raises(RuntimeError, match="no such model"):
        one.answer()
    one.end()


def test_a_killed_bench_leaves_nobody_behind(tmp_path: Path) -> None:
    bench = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", BENCH, str(tmp_path / "bench.log")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert bench.stdout is not None
    child = int(bench.stdout.readline())
    bench.kill()
    bench.communicate()
    wait_for(lambda: is_gone(child), 20, "the end of the frozen child")
