"""The command: starts every contestant, takes rounds in turns, prints the tables."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import bench.peers
from bench import drawn_films
from bench.peers import tables
from bench.peers.contestants import PYTHON, HttpServer, RawLoop, Surroundings
from bench.peers.processes import ROOT, Guardian
from bench.peers.queues import CeleryTasks, Ours
from bench.peers.scorers import KERAS, OPENVINO, PREDICT, Setup
from ml import bundle, engines
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.peers.contestants import Contestant

UVICORN = (
    *PYTHON, "uvicorn", "bench.peers.fastapi_app:app", "--host", "127.0.0.1", "--port", "{port}",
    "--log-level", "warning", "--no-access-log",
)  # fmt: skip
LITSERVE = (*PYTHON, "bench.peers.litserve_app", "{port}")
DRAWN = 12


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pn-peers-")))
        setup = Setup(options.bundle, options.cache or folder / "engines", gate=options.gate)
        setup.cache.mkdir(parents=True, exist_ok=True)
        engines.prepare(setup.bundle, OPENVINO, cache=setup.cache)
        guardian = stack.enter_context(Guardian())
        around = Surroundings(
            setup, drawn_films.draw(folder, min(DRAWN, options.films)), folder, guardian
        )
        entries = [
            tables.Entry(contestant) for contestant in _contestants(stack, around, options.only)
        ]
        for entry in entries:
            stack.callback(entry.contestant.end)
            _say(f"starting {entry.contestant.name}")
            entry.seconds_to_ready = entry.contestant.start()
            entry.contestant.freeze()
        _take_rounds(entries, options)
        print("\n".join(tables.report(entries, options)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=bench.peers.__doc__)
    parser.add_argument("--bundle", type=Path, help="default: the last folder below models/")
    parser.add_argument("--cache", type=Path, help="of OpenVINO's exports; default: a new one")
    parser.add_argument("--films", type=int, default=64, help="films of a round")
    parser.add_argument("--alone", type=int, default=16, help="films of a round one at a time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="names that hold one of these")
    parser.add_argument(
        "--no-gate",
        dest="gate",
        action="store_false",
        help="spare the others the quality gate, which the product always has",
    )
    options = parser.parse_args()
    options.bundle = options.bundle or bundle.latest(ROOT / "models")
    return options


def _contestants(
    stack: contextlib.ExitStack, around: Surroundings, only: Sequence[str] | None
) -> Iterator[Contestant]:
    """Those that were asked for; the raw loop on OpenVINO always, because it is the measure."""

    def redis() -> str:
        return stack.enter_context(servers.redis()).url

    makers: dict[str, Callable[[str], Contestant]] = {
        "raw loop, Keras": lambda name: RawLoop(name, KERAS, around),
        "FastAPI, model.predict": lambda name: HttpServer(name, PREDICT, around, UVICORN),
        "FastAPI, OpenVINO": lambda name: HttpServer(name, OPENVINO, around, UVICORN),
        "LitServe, OpenVINO": lambda name: HttpServer(name, OPENVINO, around, LITSERVE),
        "Celery, model.predict": lambda name: CeleryTasks(name, PREDICT, around, redis()),
        "Celery, OpenVINO": lambda name: CeleryTasks(name, OPENVINO, around, redis()),
        "Pneumo, PostgreSQL and Redis": lambda name: Ours(
            name,
            around,
            broker=redis(),
            database=stack.enter_context(servers.postgres(durable=True)).url,
        ),
        "Pneumo, SQLite and Valkey": lambda name: Ours(
            name, around, broker=stack.enter_context(servers.valkey()).url, database=None
        ),
    }
    yield RawLoop("raw loop, OpenVINO", OPENVINO, around)
    for name, make in makers.items():
        if only is None or any(word.lower() in name.lower() for word in only):
            yield make(name)


def _take_rounds(entries: Sequence[tables.Entry], options: argparse.Namespace) -> None:
    for number in range(options.rounds + 1):
        _say(f"round {number} of {options.rounds}" + ("" if number else ", to warm up"))
        for entry in entries:
            contestant = entry.contestant
            contestant.fill(options.films)
            contestant.thaw()
            rate, alone = contestant.rate(options.films), contestant.alone(options.alone)
            if number:
                entry.rounds.append(rate)
                entry.alone.append(alone)
            entry.memory = contestant.memory()
            contestant.freeze()


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
