"""python -m bench.submits: submissions through gunicorn, against what the films alone take (Linux).

The server runs as docs/deployment.md says, on a private PostgreSQL that syncs its commits and a
private Redis. The ceiling is the same films checked, decoded and stored by as many processes as
gunicorn has workers, with no request, database or queue around it. Both take turns, and the ratio
is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from bench import ceiling, drawn_films
from pneumo_site.demo.client import multipart
from tests import servers
from tests.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
WARM_UP = 20
PYTHON = [sys.executable, "-W", "ignore"]


@dataclass
class Round:
    """Seconds for the same films, and CPU seconds by who took them."""

    ceiling: float
    submits: float
    waits: list[float]
    cpu: dict[str, float]


@dataclass
class Site:
    """The product, ready for submissions."""

    port: int
    token: str
    processes: dict[str, list[int]]


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="pn-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        drawn = ceiling.draw(folder / "drawn")
        site = stack.enter_context(_site(folder, options))
        alone = stack.enter_context(
            ceiling.processes(folder, _environment(folder), options.workers)
        )
        _round(site, alone, drawn, WARM_UP, options.clients)
        rounds = [
            _round(site, alone, drawn, options.films, options.clients)
            for _ in range(options.rounds)
        ]
        size = sum(map(len, drawn)) // len(drawn)
    print("\n".join(_table(rounds, size, options)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.submits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--films", type=int, default=200, help="a round")
    parser.add_argument("--workers", type=int, default=2, help="of gunicorn, and of the ceiling")
    parser.add_argument("--threads", type=int, default=4, help="of each worker of gunicorn")
    parser.add_argument("--clients", type=int, default=8, help="connections at once, kept alive")
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    parser.add_argument("--profile", type=Path, help="write gunicorn's profiles into this folder")
    return parser.parse_args()


# The product


@contextlib.contextmanager
def _site(folder: Path, options: argparse.Namespace) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        processes = {}
        env = _environment(folder)
        if options.profile:
            env["PNEUMO_BENCH_PROFILE"] = str(options.profile.resolve())
        broker = stack.enter_context(servers.redis())
        env["REDIS_URL"], processes["broker"] = broker.url, [broker.pid]
        if not options.sqlite:
            database = stack.enter_context(servers.postgres(durable=True))
            env["DATABASE_URL"], processes["database"] = database.url, [database.pid]
        token = _prepared(env)
        port = servers.free_port()
        web = stack.enter_context(_running(_gunicorn(port, options), env, folder / "web.log"))
        processes["web"] = [web.pid]
        servers.wait_for(lambda: _is_up(port, web), 60, "an answer of gunicorn")
        yield Site(port, token, processes)


def _environment(folder: Path) -> dict[str, str]:
    """As in production, but for the caps: no worker takes anything off this queue."""
    return {
        **os.environ,
        "DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
        "PNEUMO_SECRET_KEY": secrets.token_hex(32),
        "PNEUMO_DATA_DIR": str(folder / "data"),
        "PNEUMO_MAX_WAITING_PER_USER": "1000000",
        "PNEUMO_MAX_WAITING_PER_SITE": "1000000",
        "PNEUMO_DISK_MAX_PERCENT": "100",
        "PNEUMO_DISK_MIN_FREE_MB": "0",
    }


def _prepared(env: dict[str, str]) -> str:
    """Tables, model, site and user; the user's token."""
    _manage(env, "migrate", "--verbosity", "0")
    # Registering with a real engine would export the model first.
    _manage({**env, "DEBUG": "1", "PNEUMO_ENGINE": "fake"}, "register_model")
    _manage(env, "add_user", "ward", "--role", "submitter", "--new-site", "main", "Main Hospital")
    return _manage(env, "issue_token", "ward").strip()


def _manage(env: dict[str, str], *words: str) -> str:
    command = [*PYTHON, str(ROOT / "manage.py"), *words]
    return subprocess.run(
        command, cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout


def _gunicorn(port: int, options: argparse.Namespace) -> list[str]:
    application = "bench.profiling" if options.profile else "pneumo_site.wsgi"
    return [
        *(sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
        *("--workers", str(options.workers), "--threads", str(options.threads)),
        "--no-control-socket",
    ]


@contextlib.contextmanager
def _running(
    command: list[str], env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=out,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (no threads here)
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _is_up(port: int, web: subprocess.Popen[bytes]) -> bool:
    if web.poll() is not None:
        raise RuntimeError("gunicorn ended at start")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
        return connection.getresponse().status == 200
    return False


# The submissions


def _round(
    site: Site,
    alone: ceiling.Processes,
    drawn: Sequence[bytes],
    count: int,
    clients: int,
) -> Round:
    processes = site.processes | {"ceiling": [process.pid for process in alone]}
    idle = _cpu(processes)
    seconds = ceiling.take(alone, count)
    between = _cpu(processes)
    started = time.perf_counter()
    waits = _submit(site, drawn, count, clients)
    taken = time.perf_counter() - started
    ended = _cpu(processes)
    cpu = {who: ended[who] - between[who] for who in ended}
    return Round(seconds, taken, waits, cpu | {"ceiling": between["ceiling"] - idle["ceiling"]})


def _submit(site: Site, drawn: Sequence[bytes], count: int, clients: int) -> list[float]:
    """Seconds until each of so many submissions was answered."""
    waits: list[float] = []
    numbers = iter(range(count))
    threads = [
        threading.Thread(target=_send, args=(site, drawn, numbers, waits)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(waits) != count:
        raise RuntimeError("a submission was not accepted")
    return waits


def _send(site: Site, drawn: Sequence[bytes], numbers: Iterator[int], waits: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    with contextlib.closing(connection):
        for number in numbers:
            body, headers = _request(site, drawn, number)
            started = time.perf_counter()
            connection.request("POST", "/api/v1/studies/", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{answer.status}: {text[:500]!r}")
            waits.append(time.perf_counter() - started)


def _request(site: Site, drawn: Sequence[bytes], number: int) -> tuple[bytes, dict[str, str]]:
    """A study of a patient not seen before."""
    key = uuid.uuid4().hex
    form = {"mrn": key, "name": "Drawn Child", "birth_date": "2022-05-01", "sex": "F"}
    headers = {
        "Authorization": f"Token {site.token}",
        "Content-Type": f"multipart/form-data; boundary={key}",
        "Idempotency-Key": key,
        "X-Forwarded-Proto": "https",
    }
    return multipart(key, form, ceiling.distinct(drawn, number), "film.jpg"), headers


def _cpu(processes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """CPU seconds so far of the clients, and of the processes named with their children."""
    parents = {}
    spent: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])
            spent[pid] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    told = {"clients": time.process_time()}
    for name, roots in processes.items():
        told[name] = sum(spent[pid] for pid in spent if {pid, parents[pid]} & {*roots})
    return told


# What is printed


def _table(rounds: Sequence[Round], size: int, options: argparse.Namespace) -> list[str]:
    waits = quantiles([wait * 1000 for one in rounds for wait in one.waits], n=100)
    submits, most = (
        [options.films / getattr(one, name) for one in rounds] for name in ("submits", "ceiling")
    )
    ratios = [mine / alone for mine, alone in zip(submits, most, strict=True)]
    cpu = {who: median(one.cpu[who] for one in rounds) for who in rounds[0].cpu}
    database = "SQLite" if options.sqlite else "PostgreSQL"
    cores = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    server = f"gunicorn with {options.workers} workers of {options.threads} threads"
    taken = f"{options.rounds} rounds of {options.films} JPEG films"
    shape = f"{drawn_films.SIZE[0]} x {drawn_films.SIZE[1]}, {size / 1000:.0f} KB"
    return [
        f"{database}, {cores}; {server}, {options.clients} clients; medians of {taken}, {shape}.",
        "",
        "| submits/s | ceiling/s | ratio | lowest and highest ratio | p50 ms | p95 ms |",
        "|---:|---:|---:|---|---:|---:|",
        _row(median(submits), median(most), ratios, waits),
        "",
        "CPU milliseconds a submission:",
        "",
        f"| {' | '.join(cpu)} |",
        f"|{'---:|' * len(cpu)}",
        f"| {' | '.join(f'{seconds * 1000 / options.films:.1f}' for seconds in cpu.values())} |",
    ]


def _row(submits: float, most: float, ratios: Sequence[float], waits: Sequence[float]) -> str:
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return (
        f"| {submits:.1f} | {most:.1f} | {median(ratios):.2f} | {spread} "
        f"| {waits[49]:.0f} | {waits[94]:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
