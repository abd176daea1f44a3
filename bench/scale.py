"""python -m bench.scale: the product's queries on few and on many studies, side by side (Linux).

Each size has a database and a process of its own. The operations are measured in turns, so that a
busy moment hits both sizes; SQL is what the database took of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psycopg

from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("operation", "few, ms", "many, ms", "ratio", "SQL few, ms", "SQL many, ms", "SQL ratio")


@dataclass
class Side:
    """A process that holds a full database and carries out one operation a line."""

    studies: int
    url: str
    broker: str
    folder: Path
    process: subprocess.Popen[str] | None = None
    taken: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def fill(self, options: argparse.Namespace) -> float:
        """Seconds."""
        given = (
            "--studies",
            self.studies,
            "--waiting",
            options.waiting,
            "--to-read",
            options.to_read,
        )
        started = time.monotonic()
        subprocess.run([*self._command("fill"), *map(str, given)], check=True, **self._place())
        return time.monotonic() - started

    def serve(self) -> list[str]:
        """The operations' names."""
        self.process = subprocess.Popen(
            self._command("serve"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **self._place(),
        )
        names: list[str] = self._answer()
        self.taken = {name: [] for name in names}
        return names

    def ask(self, what: str, name: str) -> Any:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {name}\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def of(self, name: str, key: str) -> float:
        return median(one[key] for one in self.taken[name])

    def _answer(self) -> Any:
        assert self.process is not None
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def _command(self, what: str) -> list[str]:
        return [sys.executable, "-m", "bench.scale_child", what]

    def _place(self) -> dict[str, Any]:
        ours = {
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
            "DATABASE_URL": self.url,
            "REDIS_URL": self.broker,
            "PNEUMO_DATA_DIR": str(self.folder),
        }
        return {"cwd": ROOT, "env": {**os.environ, **ours}}


def main() -> int:
    options = _options()
    with _databases(options) as (title, url_of), contextlib.ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="pn-bench-")))
        broker = ends.enter_context(servers.redis()).url
        sides = [
            Side(studies, url_of(name), broker, folder / name)
            for name, studies in (("few", options.few), ("many", options.many))
        ]
        filled = [side.fill(options) for side in sides]
        for side in sides:
            ends.callback(side.end)
            names = side.serve()
        _take_turns(sides, names, options.rounds)
        print("\n".join([*_head(title, sides, filled, options), *_table(sides, names)]))
        if options.plans:
            options.plans.write_text(_plans(sides[-1], names), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--few", type=int, default=10_000, help="studies of the small database")
    parser.add_argument("--many", type=int, default=1_000_000, help="studies of the large one")
    parser.add_argument("--waiting", type=int, default=1_000, help="films in the queue")
    parser.add_argument("--to-read", type=float, default=0.1, help="share that waits for a reader")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--plans", type=Path, help="file for the query plans on the large database")
    parser.add_argument("--sqlite", action="store_true", help="SQLite, instead of PostgreSQL")
    return parser.parse_args()


@contextlib.contextmanager
def _databases(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[str], str]]]:
    """What to call them, and the URL of a new one of that name."""
    if options.sqlite:
        with tempfile.TemporaryDirectory(prefix="pn-bench-") as folder:
            yield "SQLite", lambda name: f"sqlite:///{folder}/{name}.sqlite3"
        return
    with servers.postgres() as server:
        with psycopg.connect(server.url, autocommit=True) as session:
            ((version,),) = session.execute("SHOW server_version").fetchall()
            for name in ("few", "many"):
                session.execute(f"CREATE DATABASE {name}")
        yield f"PostgreSQL {version}", lambda name: f"{server.url.rpartition('/')[0]}/{name}"


def _take_turns(sides: list[Side], names: list[str], rounds: int) -> None:
    for number in range(rounds + 1):  # the first one warms up
        for name in names:
            for side in sides:
                taken = side.ask("measure", name)
                if number:
                    side.taken[name].append(taken)


def _head(
    title: str, sides: list[Side], filled: list[float], options: argparse.Namespace
) -> Iterator[str]:
    few, many = (f"{side.studies:,} studies" for side in sides)
    yield (
        f"{title}, few: {few}, many: {many}, {options.to_read:.0%} of them to read, and "
        f"{options.waiting:,} films in the queue. Medians of {options.rounds} rounds, "
        f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}. "
        f"Generated in {filled[0]:.0f} s and {filled[1]:.0f} s."
    )
    yield ""


def _table(sides: list[Side], names: list[str]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|---|{'---:|' * (len(COLUMNS) - 1)}"
    for name in names:
        cells = []
        for key in ("ms", "sql"):
            few, many = (side.of(name, key) for side in sides)
            cells += [f"{few:.2f}", f"{many:.2f}", f"{many / few:.2f}" if few else ""]
        yield f"| {name} | {' | '.join(cells)} |"


def _plans(side: Side, names: list[str]) -> str:
    parts = [f"# Query plans, {side.studies:,} studies\n"]
    for name in names:
        parts.append(f"## {name}\n")
        parts += [f"```\n{plan}\n```\n" for plan in side.ask("plans", name)]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
