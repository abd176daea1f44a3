"""What was measured, as Markdown."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.peers.contestants import AT_ONCE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from bench.peers.contestants import Alone, Contestant, Round
    from bench.peers.processes import Memory

COLUMNS = (
    "served by", "films/s", "times raw loop", "p50 ms", "p95 ms", f"p50 ms, {AT_ONCE} at once",
    f"p95 ms, {AT_ONCE} at once", "MB resident", "MB proportional", "s to first score",
)  # fmt: skip
LIBRARIES = (
    "fastapi",
    "uvicorn",
    "litserve",
    "celery",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "openvino",
)
RAW, PREDICT, LITSERVE = "raw loop, OpenVINO", "FastAPI, model.predict", "LitServe, OpenVINO"


@dataclass
class Entry:
    """A contestant and its measured rounds."""

    contestant: Contestant
    seconds_to_ready: float = 0.0
    rounds: list[Round] = field(default_factory=list)
    alone: list[Alone] = field(default_factory=list)
    memory: Memory | None = None

    @property
    def name(self) -> str:
        return self.contestant.name

    def ms_alone(self, part: str = "") -> list[float]:
        return _flat(one.parts[part] if part else one.each_ms for one in self.alone)

    def ms_at_once(self) -> list[float]:
        return _flat(one.each_ms for one in self.rounds)


def report(entries: Sequence[Entry], options: argparse.Namespace) -> Iterator[str]:
    raw = entries[0]
    yield _conditions(raw, options)
    yield ""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|---|{'---:|' * (len(COLUMNS) - 1)}"
    yield from (_row(entry, raw) for entry in entries)
    yield ""
    yield from _parts(raw)
    by_name = {entry.name: entry for entry in entries}
    for ours in (entry for entry in entries if entry.name.startswith("Pneumo")):
        yield from _goals(ours, raw, by_name)


def times(mine: Entry, theirs: Entry) -> float:
    """How many times as fast, as the median over rounds that were taken side by side."""
    pairs = zip(mine.rounds, theirs.rounds, strict=True)
    return median(one.rate / other.rate for one, other in pairs)


def _conditions(raw: Entry, options: argparse.Namespace) -> str:
    sizes = [film.stat().st_size / 1000 for film in raw.contestant.around.films]
    versions = ", ".join(_versions())
    gate = (
        "everybody runs the quality gate" if options.gate else "Pneumo alone runs the quality gate"
    )
    return (
        f"{options.bundle.name}, float32; films of about {median(sizes):.0f} kB; {gate}. "
        f"{options.rounds} rounds in turns of {options.films} films, and of {options.alone} films one "
        f"at a time; {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}. Memory is that of the "
        f"serving processes, without brokers and databases. {versions}."
    )


def _versions() -> Iterator[str]:
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"


def _row(entry: Entry, raw: Entry) -> str:
    assert entry.memory is not None
    at_once = entry.ms_at_once()
    cells = [
        f"{median(one.rate for one in entry.rounds):.1f}",
        f"{times(entry, raw):.2f}",
        *_percentiles(entry.ms_alone()),
        *(_percentiles(at_once) if at_once else ("", "")),
        f"{entry.memory.resident:.0f}",
        f"{entry.memory.proportional:.0f}",
        f"{entry.seconds_to_ready:.1f}",
    ]
    return f"| {entry.name} | {' | '.join(cells)} |"


def _percentiles(values: Sequence[float]) -> tuple[str, str]:
    low, high = np.percentile(values, (50, 95))
    return f"{low:.1f}", f"{high:.1f}"


def _parts(raw: Entry) -> Iterator[str]:
    read, score = (median(raw.ms_alone(part)) for part in ("read_ms", "score_ms"))
    yield f"The raw loop reads a film in {read:.1f} ms and scores it in {score:.1f} ms (medians)."


def _goals(ours: Entry, raw: Entry, by_name: dict[str, Entry]) -> Iterator[str]:
    yield ""
    yield f"{ours.name}:"
    yield ""
    yield f"- {times(ours, raw):.2f} x the raw loop on the same engine (goal: 0.95)"
    for name, goal in ((PREDICT, 4.0), (LITSERVE, 1.1)):
        if name in by_name:
            yield f"- {times(ours, by_name[name]):.2f} x {name} (goal: {goal:g})"
    bare, called = median(raw.ms_alone()), median(ours.ms_alone())
    accepted = median(ours.ms_alone("accepted_ms"))
    yield (
        f"- idle: {called:.1f} ms from the call of submit to the result, {accepted:.1f} ms from its "
        f"return; bare {bare:.1f} ms (goal: {1.15 * bare + 20:.1f})"
    )


def _flat(rows: Iterable[Sequence[float]]) -> list[float]:
    return [value for row in rows for value in row]
