"""python -m bench.pipeline: a worker's whole path against the bare loop on the same engine.

In turns, in one process: a loop that only reads, decodes and infers film by film, the same with the
quality gate, and `run_batch` (claim, read, gate, infer, record, audit) until the queue is empty.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import drawn_films
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml.contracts import Classifier

    Contestant = tuple[str, Callable[[], None]]

ROOT = Path(__file__).resolve().parents[1]
BARE = "decode and infer"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--films", type=int, default=64, help="a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--engine", default="openvino", choices=["openvino", "keras"])
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    options = parser.parse_args()
    database = nullcontext() if options.sqlite else servers.postgres(durable=True)
    with tempfile.TemporaryDirectory(prefix="pn-bench-") as folder, database as server:
        os.environ |= {
            "DEBUG": "0",
            "PNEUMO_SECRET_KEY": "bench-" * 12,
            "PNEUMO_DATA_DIR": folder,
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
            **({"DATABASE_URL": server.url} if server else {}),
        }
        print("\n".join(_measure(options, Path(folder))))
    return 0


def _measure(options: argparse.Namespace, folder: Path) -> list[str]:
    import django

    django.setup()
    from django.core.management import call_command

    from bench.submitter import Submitter
    from ml import bundle, engines

    call_command("migrate", verbosity=0)
    call_command("register_model", stdout=sys.stderr)
    newest = bundle.latest(ROOT / "models")
    assert newest is not None
    classifier = engines.load(newest, options.engine, cache=folder / "engines")
    (folder / "drawn").mkdir()
    several = drawn_films.draw(folder / "drawn", 8)
    paths = [several[number % len(several)] for number in range(options.films)]
    submitter = Submitter.of_new_site()
    contestants: list[Contestant] = [
        (BARE, lambda: _loop(classifier, paths, gate=False)),
        ("decode, gate and infer", lambda: _loop(classifier, paths, gate=True)),
        ("the whole path", lambda: _drain(classifier)),
    ]
    taken: dict[str, list[float]] = {name: [] for name, _ in contestants}
    cpu: dict[str, list[float]] = {name: [] for name, _ in contestants}
    for number in range(options.rounds + 1):  # the first one warms up
        for path in paths:
            submitter.submit(path.read_bytes())
        for name, run in contestants:
            started, used = time.perf_counter(), time.process_time()
            run()
            if number:
                taken[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - used)
    return _table(taken, cpu, classifier, options)


def _loop(classifier: Classifier, paths: Sequence[Path], *, gate: bool) -> None:
    import numpy as np

    from ml.contracts import FilmLimits, GateFinding
    from ml.inference import read_film

    for path in paths:
        size = classifier.info.input_size
        film = read_film(path.read_bytes(), FilmLimits(), size, gate=gate)
        assert not isinstance(film, GateFinding)
        classifier.classify(film[np.newaxis])


def _drain(classifier: Classifier) -> None:
    from diagnosis.models import Job
    from worker.pipeline import run_batch

    while run_batch(classifier=classifier, worker="bench"):
        pass
    assert set(Job.objects.values_list("status", flat=True)) == {"SUCCEEDED"}


def _table(
    taken: dict[str, list[float]],
    cpu: dict[str, list[float]],
    classifier: Classifier,
    options: argparse.Namespace,
) -> list[str]:
    info, database = classifier.info, "SQLite" if options.sqlite else "PostgreSQL"
    cores = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    medians = f"medians of {options.rounds} rounds of {options.films} films"
    lines = [
        f"{info.name} {info.version} on {info.engine}, {database}, {cores}; {medians}.",
        "",
        "| loop | films/s | times the bare loop | CPU ms a film |",
        "|---|---:|---:|---:|",
    ]
    for name, seconds in taken.items():
        ratio = median(bare / mine for bare, mine in zip(taken[BARE], seconds, strict=True))
        milliseconds = 1000 * median(cpu[name]) / options.films
        speed = options.films / median(seconds)
        lines.append(f"| {name} | {speed:.1f} | {ratio:.2f} | {milliseconds:.1f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
