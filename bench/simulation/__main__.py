"""The command: measures the times of one installation, or simulates many on such times."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import bench.simulation
from bench.simulation import capacity, figure, report, times
from bench.simulation.events import simulate

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
FILMS_A_DAY = (100_000.0, 1_000_000.0, 10_000_000.0)
PAST_THE_LIMIT = 1.2


def main() -> int:
    options = _options()
    if options.measure:
        from bench.simulation import measuring

        measured = measuring.measure(options.films)
        times.save(measured, options.measure)
        print(f"wrote {options.measure}")
        return 0
    try:
        found = times.load(options.times)
    except times.TimesError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if options.cores:
        found = replace(found, cores=options.cores)
    plan = times.Plan(batch=options.batch, poll_s=options.poll)
    _simulate(found, plan, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.simulation",
        description=bench.simulation.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--measure", type=Path, metavar="FILE", help="write the times of this one")
    source.add_argument("--times", type=Path, metavar="FILE", help="simulate on these")
    parser.add_argument("--films", type=int, default=240, help="films to measure with")
    parser.add_argument("--window", type=float, default=60.0, help="simulated seconds")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--cores", type=int, help="of the database server; default: as measured")
    parser.add_argument("--batch", type=int, default=8, help="PNEUMO_BATCH_SIZE")
    parser.add_argument("--poll", type=float, default=2.0, help="PNEUMO_POLL_INTERVAL in seconds")
    parser.add_argument("--out", type=Path, help="the figure, a PNG")
    return parser.parse_args()


def _simulate(found: times.Times, plan: times.Plan, options: argparse.Namespace) -> None:
    workers, window = sorted(options.workers), options.window
    lines = {
        f"{offered:,.0f}": [
            simulate(found, plan, workers=count, rate=times.peak_rate(offered), window=window)
            for count in workers
        ]
        for offered in FILMS_A_DAY
    }
    limits = [PAST_THE_LIMIT * capacity.limit(found, plan, count).rate for count in workers]
    by_workers = lines["past the limit"] = [
        simulate(found, plan, workers=count, rate=rate, window=window)
        for count, rate in zip(workers, limits, strict=True)
    ]
    free = replace(found, skip_ms=0.0)
    last = simulate(free, plan, workers=workers[-1], rate=limits[-1], window=window)
    print("\n".join(report.table(lines)), end="\n\n")
    pressed = report.Pressed(by_workers, last)
    print("\n".join(report.conclusion(found, plan, max(FILMS_A_DAY), pressed)))
    if options.out:
        figure.draw(found, plan, lines, options.out)


if __name__ == "__main__":
    sys.exit(main())
