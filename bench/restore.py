"""python -m bench.restore: how long a backup takes, and until a lost installation is back (Linux).

The films are of a few hundred bytes, so that what is measured is the number of studies and films;
larger ones add what the disks take to copy them. A backup made again copies only what is new.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests import servers
from tests.binaries import Unavailable, postgres_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
MANAGE = str(ROOT / "manage.py")
COLUMNS = ("database", "backup, s", "backup again, s", "restore and verify, s", "backup, MB")


@dataclass(frozen=True, slots=True)
class Place:
    """An installation: its data folder and its database."""

    folder: Path
    url: str

    def run(self, *command: str) -> float:
        """Seconds that the command takes here."""
        ours = {
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
            "DATABASE_URL": self.url,
            "PNEUMO_DATA_DIR": str(self.folder),
        }
        started = time.monotonic()
        environment = {**os.environ, **ours}
        subprocess.run(
            [sys.executable, *command], check=True, cwd=ROOT, env=environment, stdout=sys.stderr
        )
        return time.monotonic() - started


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="pn-bench-", dir=options.folder) as name:
        rows = [_row("SQLite", _of_sqlite(Path(name) / "sqlite"), options.studies)]
        with contextlib.suppress(Unavailable), _postgres(Path(name) / "postgres") as places:
            rows.append(_row("PostgreSQL", places, options.studies))
    print(
        f"{options.studies:,} studies with a film each, {os.cpu_count()} cores with a load of "
        f"{os.getloadavg()[0]:.1f}.\n"
    )
    print(f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * 4}", *rows, sep="\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.restore", description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: temporary")
    return parser.parse_args()


def _of_sqlite(folder: Path) -> list[Place]:
    return [
        Place(folder / name, f"sqlite:///{folder / name}/pneumo.sqlite3") for name in ("old", "new")
    ]


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[list[Place]]:
    """Raises Unavailable. The client programs are of the server's version where it has them."""
    os.environ["PATH"] = f"{postgres_binaries()}{os.pathsep}{os.environ['PATH']}"
    with servers.postgres() as server:
        with psycopg.connect(server.url, autocommit=True) as session:
            for name in ("old", "new"):
                session.execute(f"CREATE DATABASE {name}")
        base = server.url.rpartition("/")[0]
        yield [Place(folder / name, f"{base}/{name}") for name in ("old", "new")]


def _row(title: str, places: list[Place], studies: int) -> str:
    old, new = places
    kept = old.folder.parent / "backup"
    old.run("-m", "bench.scale_child", "fill", "--films", "--studies", str(studies))
    backups = [old.run(MANAGE, "backup", str(kept)) for _ in range(2)]
    restored = new.run(MANAGE, "restore", "--verify", str(kept))
    size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) / 1e6
    seconds = " | ".join(f"{taken:.1f}" for taken in (*backups, restored))
    return f"| {title} | {seconds} | {size:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
