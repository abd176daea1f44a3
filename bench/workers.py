"""python -m bench.workers: films per second of several workers on one PostgreSQL and Redis (Linux).

The workers are real ones. The fake model waits for as long as a model would compute, so that the
cores are not the limit and what is seen is whether queue and database let workers run side by side;
an engine shows what this machine's cores give. All films of a run wait until every worker is ready;
the rate is that of the middle eight tenths of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests import films, servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.submitter import Submitter

ROOT = Path(__file__).resolve().parents[1]
WORKER = [sys.executable, "-m", "celery", "-A", "pneumo_site", "worker", "--loglevel", "WARNING"]
READY_SECONDS, DRAIN_SECONDS = 120.0, 600.0


def main() -> int:
    options = _options()
    with (
        servers.postgres() as database,
        servers.redis() as broker,
        tempfile.TemporaryDirectory(prefix="pn-bench-") as folder,
    ):
        os.environ.update(
            DJANGO_SETTINGS_MODULE="pneumo_site.settings",
            PNEUMO_SECRET_KEY="of-a-database-that-goes-with-this-process",  # noqa: S106
            # Outside of a test machine no worker starts with the fake model.
            DEBUG="1" if options.engine == "fake" else "0",
            DATABASE_URL=database.url,
            REDIS_URL=broker.url,
            PNEUMO_DATA_DIR=folder,
            PNEUMO_ENGINE=options.engine,
            PNEUMO_FAKE_MS=str(options.fake_ms),
            PNEUMO_POLL_INTERVAL="0.1s",
        )
        submitter = _set_up(options)
        claim = _claim_cost(submitter)
        rates: dict[int, list[float]] = defaultdict(list)
        for _ in range(options.rounds):
            for count in options.workers:
                rates[count].append(_run(count, options.films, submitter))
        print("\n".join(_told(rates, claim, options)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--films", type=int, default=640, help="in each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=["fake", "openvino", "keras"], default="fake")
    parser.add_argument("--fake-ms", type=int, default=40, help="the fake model's time for a film")
    parser.add_argument(
        "--film-ms", type=float, default=30.0, help="a film's time, to hold the claim against"
    )
    return parser.parse_args()


def _set_up(options: argparse.Namespace) -> Submitter:
    import django

    django.setup()
    from django.core.management import call_command

    from bench import scale_world
    from bench.submitter import Submitter

    call_command("migrate", verbosity=0)
    world = scale_world.make(scale_world.Shape(studies=0, sites=1))
    if options.engine != "fake":
        call_command("register_model", "--activate", stdout=sys.stderr)
    return Submitter(world.submitter, world.sites[0])


def _submit(count: int, submitter: Submitter) -> None:
    """Films that no worker may claim yet."""
    from diagnosis.models import Job
    from diagnosis.models.clock import db_now

    for film in islice(cycle(_drawn()), count):
        study = submitter.submit(film)
        later = db_now() + timedelta(days=1)
        Job.objects.filter(image__study=study).update(not_before=later)


def _drawn() -> Sequence[bytes]:
    return [films.as_jpeg(films.chest(seed)) for seed in range(8)]


def _claim_cost(submitter: Submitter, batches: int = 20) -> float:
    """Milliseconds a film, of a worker that is alone."""
    from django.conf import settings

    from diagnosis.models import Job, ModelVersion
    from diagnosis.models.clock import db_now
    from diagnosis.models.model_version import Stage
    from diagnosis.permissions import Actor
    from diagnosis.services import jobs

    size = settings.BATCH_SIZE
    _submit(batches * size, submitter)
    Job.objects.update(not_before=db_now())
    digest = ModelVersion.objects.get(stage=Stage.ACTIVE).digest
    taken, claimed = [], []
    for _ in range(batches):
        started = time.perf_counter()
        claimed += jobs.claim(worker="bench", model_digest=digest, limit=size)
        taken.append((time.perf_counter() - started) * 1000 / size)
    for job in claimed:
        jobs.cancel(job=Job.objects.get(pk=job.id), actor=Actor.system("bench"))
    return median(taken)


def _run(count: int, number: int, submitter: Submitter) -> float:
    """Films per second of `count` workers."""
    from django.db.models import Max

    from diagnosis import dispatch
    from diagnosis.models import Job, WorkerHeartbeat
    from diagnosis.models.clock import db_now
    from diagnosis.states import ACTIVE_JOB

    last = Job.objects.aggregate(last=Max("pk"))["last"] or 0
    _submit(number, submitter)
    mine = Job.objects.filter(pk__gt=last)
    begin = db_now()
    with _workers(count) as running:
        ready = WorkerHeartbeat.objects.filter(seen_at__gt=begin)

        def all_ready() -> bool:
            if any(process.poll() is not None for process in running):
                raise RuntimeError("a worker ended at its start")
            return ready.count() >= count

        servers.wait_for(all_ready, READY_SECONDS, f"{count} workers")
        mine.update(not_before=db_now())
        dispatch.ring()
        left = mine.filter(status__in=ACTIVE_JOB)
        servers.wait_for(lambda: not left.exists(), DRAIN_SECONDS, "the end of all films")
    return _rate(sorted(mine.values_list("finished_at", flat=True)))


def _rate(ends: Sequence[Any]) -> float:
    first, last = len(ends) // 10, len(ends) * 9 // 10
    between: timedelta = ends[last] - ends[first]
    return (last - first) / between.total_seconds()


@contextlib.contextmanager
def _workers(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    silent = subprocess.DEVNULL
    running = [subprocess.Popen(WORKER, cwd=ROOT, stdout=silent) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)


def _told(
    rates: dict[int, list[float]], claim: float, options: argparse.Namespace
) -> Iterator[str]:
    engine = f"fake, {options.fake_ms} ms a film" if options.engine == "fake" else options.engine
    yield (
        f"Engine {engine}; medians of {options.rounds} runs of {options.films} films; "
        f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}."
    )
    yield ""
    yield "| workers | films/s | times one worker |"
    yield "|---:|---:|---:|"
    one = median(next(iter(rates.values())))
    for count, found in rates.items():
        yield f"| {count} | {median(found):.1f} | {median(found) / one:.2f} |"
    yield ""
    share = claim / options.film_ms
    yield (
        f"A claim costs {claim:.2f} ms a film: {share:.1%} of the {options.film_ms:g} ms that a "
        "film takes."
    )


if __name__ == "__main__":
    sys.exit(main())
