"""The times of the product on this machine: its services on a private PostgreSQL, one at a time."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import drawn_films
from bench.simulation.meter import Meter, cpu_seconds, wall_ms
from bench.simulation.times import Step, Times
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.simulation.ward import Ward

ROOT = Path(__file__).resolve().parents[2]
MEGABYTES = 64  # written to learn the disk's speed
BELLS = 2000
HELD = 200  # rows in the open claim of somebody else
CLAIMS = 7  # beside it, and as many without it


def measure(films: int) -> Times:
    """Minutes, mostly of submitting. films: how many; more than HELD are needed to measure claims."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pn-times-")))
        redis = stack.enter_context(servers.redis())
        database = stack.enter_context(servers.postgres(durable=True))
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
            "DEBUG": "0",
            "PNEUMO_SECRET_KEY": secrets.token_urlsafe(60),
            "PNEUMO_DATA_DIR": str(folder),
            "DATABASE_URL": database.url,
            "REDIS_URL": redis.url,
        }
        import django

        django.setup()
        from bench.simulation.ward import Ward

        drawn = drawn_films.draw(folder, 4)
        ward = Ward([path.read_bytes() for path in drawn])
        disk = _megabytes_a_second(folder / "written")
        meter = Meter(disk)
        skip_ms, steps = _steps(ward, meter, max(films, HELD + 2 * CLAIMS * ward.batch))
        return Times(
            film_ms=_film_ms(drawn, folder / "engines"),
            film_mb=median(path.stat().st_size for path in drawn) / 1e6,
            cores=os.cpu_count() or 1,
            flush_ms=meter.flush_ms,
            skip_ms=skip_ms,
            message_ms=_message_ms(ward, redis.pid),
            store_mb_s=disk,
            steps=steps,
        )


def _steps(ward: Ward, meter: Meter, films: int) -> tuple[float, dict[str, Step]]:
    """skip_ms, and what each transaction takes."""
    steps = {
        "look": meter.step(ward.claim, films),
        "submit": meter.step(ward.submit, films),
    }
    with ward.rows_held(HELD):
        beside = median(wall_ms(ward.claim, CLAIMS))
    skip_ms = max(0.0, beside - median(wall_ms(ward.claim, CLAIMS))) / HELD
    batch = meter.step(ward.claim, (films - 2 * CLAIMS * ward.batch) // ward.batch)
    steps |= {
        "claim": batch.minus(steps["look"]).over(ward.batch),
        "heartbeat": meter.step(ward.heartbeat, CLAIMS),
    }
    batches = len(ward.claimed) // (ward.batch + 1)
    one = meter.step(partial(ward.record, 1), batches)
    full = meter.step(partial(ward.record, ward.batch), batches)
    steps |= {
        "record": one,
        "result": full.minus(one).over(ward.batch - 1),
        "seen": meter.step(ward.seen, films),
        "sweep": meter.step(ward.sweep, CLAIMS),
    }
    return skip_ms, steps


def _megabytes_a_second(path: Path) -> float:
    """What the disk takes, synced."""
    block = os.urandom(1_000_000)
    begun = time.perf_counter()
    with path.open("wb") as file:
        for _ in range(MEGABYTES):
            file.write(block)
        os.fsync(file.fileno())
    return MEGABYTES / (time.perf_counter() - begun)


def _message_ms(ward: Ward, broker: int) -> float:
    """The broker's own time for a bell that is sent and taken."""
    before = cpu_seconds(broker)
    for _ in range(BELLS):
        ward.ring()
    ward.take(BELLS)
    return (cpu_seconds(broker) - before) * 1000 / BELLS


def _film_ms(films: Sequence[Path], cache: Path) -> float:
    """Read and score, on the committed bundle in OpenVINO."""
    from bench.peers.scorers import OPENVINO, Scorer
    from ml import bundle

    found = bundle.latest(ROOT / "models")
    assert found is not None
    scorer = Scorer(OPENVINO, found, cache, gate=True)
    contents = [path.read_bytes() for path in films]
    return median(ms for data in contents for ms in wall_ms(partial(scorer, data), 7))
