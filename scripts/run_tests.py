"""Run all tests: on SQLite with the embedded Valkey, then the database tests on PostgreSQL with Redis.

    python -m scripts.run_tests [--no-skips] [PYTEST ARGUMENTS...]

Its servers are private and end with it. A server or browser that cannot be had is a named, counted
skip; with --no-skips, or CI=true in the environment, every skip is a failure.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from scripts import caller
from tests import chromium, servers
from tests.binaries import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5
BASE = [
    "--color=yes" if sys.stdout.isatty() else "--color=no",
    "-o",
    "faulthandler_timeout=180",
]


@dataclass
class Outcome:
    """What one pytest run came to."""

    title: str
    passed: int = 0
    failed: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    status: int = 0
    seconds: float = 0.0

    @property
    def skipped(self) -> int:
        return self.skips.total()

    def line(self) -> str:
        return (
            f"{self.title}: {counts(self.passed, self.failed, self.skipped)}, {self.seconds:.0f} s"
        )


def counts(passed: int, failed: int, skipped: int) -> str:
    return f"{passed} passed, {failed} failed, {skipped} skipped"


def parallel() -> list[str]:
    """One worker a core, at most four; a file stays on one worker, so a model is loaded once."""
    return ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]


def environment(folder: Path, browser: str | None, **urls: str) -> dict[str, str]:
    """What the tests see: a folder, and the servers given by their variables' names."""
    ours = {
        "DEBUG": "1",
        "PNEUMO_TEST_DIR": str(folder),
        # Else every worker of the parallel run takes all cores for its own TensorFlow.
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    # PNEUMO_FAULTS=full and PNEUMO_FAULTS_SEED are the caller's choice; see CONTRIBUTING.md.
    chosen = {name: value for name, value in os.environ.items() if name.startswith("PNEUMO_FAULTS")}
    ours |= chosen | ({"PNEUMO_CHROMIUM": browser} if browser else {})
    return caller.environment() | ours | urls


def read_report(report: Path, outcome: Outcome) -> None:
    """Count the cases of a JUnit report; skips by their reason. Note what tests have recorded."""
    if not report.exists():
        return
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - written by our pytest
        outcome.notes += [f"{p.get('name')}: {p.get('value')}" for p in case.iter("property")]
        skipped = case.find("skipped")
        if skipped is not None:
            outcome.skips[skipped.get("message") or "no reason given"] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        else:
            outcome.passed += 1


def run_pytest(title: str, arguments: list[str], env: dict[str, str]) -> Outcome:
    print(f"\n== {title}", flush=True)
    outcome, started = Outcome(title), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pn-report-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *BASE, f"--junitxml={report}", *arguments]
        outcome.status = subprocess.run(command, check=False, cwd=ROOT, env=env).returncode
        read_report(report, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pn-data-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def on_sqlite(arguments: list[str], browser: str | None) -> Outcome:
    with servers.valkey() as broker, data_folder() as folder:
        env = environment(folder, browser, REDIS_URL=broker.url)
        return run_pytest("SQLite and embedded Valkey", [*parallel(), *arguments], env)


def on_postgres(arguments: list[str], browser: str | None) -> Outcome:
    """TEST_DATABASE_URL names a server to use; else a private one is started."""
    title = "PostgreSQL and Redis"
    try:
        with contextlib.ExitStack() as stack:
            url = os.environ.get("TEST_DATABASE_URL")
            url = url or stack.enter_context(servers.postgres()).url
            broker = stack.enter_context(servers.redis())
            folder = stack.enter_context(data_folder())
            env = environment(folder, browser, DATABASE_URL=url, REDIS_URL=broker.url)
            chosen = ["-p", "tests.database_only", *parallel(), *arguments]
            return run_pytest(title, chosen, env)
    except Unavailable as error:
        return Outcome(title, skips=Counter({f"the whole run, for want of {error}": 1}))


def is_good(outcomes: list[Outcome], *, no_skips: bool) -> bool:
    """No failure, no crash, no skip where none is allowed, and not nothing at all."""
    if any(outcome.status not in {0, NOTHING_COLLECTED} for outcome in outcomes):
        return False
    if no_skips and any(outcome.skipped for outcome in outcomes):
        return False
    return any(outcome.passed or outcome.skipped for outcome in outcomes)


def summarise(outcomes: list[Outcome], *, no_skips: bool) -> None:
    print("\n== Summary")
    for outcome in outcomes:
        print(outcome.line())
        for note in outcome.notes:
            print(f"  {note}")
        for reason, number in outcome.skips.most_common():
            print(f"  {'not allowed: ' if no_skips else ''}skipped {number} x {reason}")
        if outcome.status not in {0, 1, NOTHING_COLLECTED}:
            print(f"  pytest ended with status {outcome.status}")
    total = [sum(getattr(o, name) for o in outcomes) for name in ("passed", "failed", "skipped")]
    print(counts(*total), flush=True)


def main(argv: list[str]) -> int:
    no_skips = "--no-skips" in argv or os.environ.get("CI") == "true"
    arguments = [argument for argument in argv if argument != "--no-skips"]
    browser = chromium.obtain()
    outcomes = [on_sqlite(arguments, browser), on_postgres(arguments, browser)]
    summarise(outcomes, no_skips=no_skips)
    return 0 if is_good(outcomes, no_skips=no_skips) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted; the private servers are stopped")
        sys.exit(130)
