"""python -m bench.engines: the engines side by side, as a worker would run them (Linux).

Seconds are from the start of the process to a proved model, with all that a worker imports. Films
per second are taken in turns, so that a busy moment hits every engine, and compared by the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KINDS = (("keras", "float32"), ("openvino", "float32"), ("openvino", "bfloat16"))
COLUMNS = (
    "engine", "s to ready", "CPU s to ready", "MB ready", "MB at most", "TensorFlow", "films/s",
    "times Keras",
)  # fmt: skip
BATCH = 8  # as many as a worker claims by default


@dataclass
class Served:
    """A process that holds a ready engine and classifies one batch a line."""

    process: subprocess.Popen[str]
    seconds_to_ready: float
    facts: dict[str, Any]
    taken: list[float] = field(default_factory=list)

    def classify(self) -> float:
        """Milliseconds a film."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def main() -> int:
    options = _options()
    if options.serve:
        engine, precision = options.serve
        return _serve(engine, precision, options.bundle, options.cache)
    with tempfile.TemporaryDirectory(prefix="pn-bench-") as folder:
        cache = options.cache or Path(folder) / "engines"
        _start("openvino", "float32", options.bundle, cache).end()  # exports
        starts = [
            {kind: _start(*kind, options.bundle, cache) for kind in KINDS}
            for _ in range(options.starts)
        ]
        *ended, last = starts
        for served in (one for start in ended for one in start.values()):
            served.end()
        _take_turns([one for one in last.values() if "refused" not in one.facts], options.rounds)
        print("\n".join(_table(starts, options)))
        for served in last.values():
            served.end()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="default: the last folder below models/")
    parser.add_argument("--cache", type=Path, help="with approvals of lower precision in it")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", nargs=2, metavar=("ENGINE", "PRECISION"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bundle is None:
        from ml import bundle

        options.bundle = bundle.latest(ROOT / "models")
    return options


def _start(engine: str, precision: str, directory: Path, cache: Path) -> Served:
    command = [sys.executable, "-m", "bench.engines", "--serve", engine, precision]
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--bundle", str(directory), "--cache", str(cache)],
        cwd=ROOT,
        env={**os.environ, "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "pneumo_site.settings"}
        | {"PNEUMO_DATA_DIR": str(cache.parent), "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return Served(process, time.monotonic() - started, json.loads(line))


def _serve(engine: str, precision: str, directory: Path, cache: Path) -> int:
    import django

    django.setup()
    import numpy as np

    import worker.tasks  # noqa: F401 (a worker's memory, not a script's)
    from ml import bundle, engines
    from ml.engines.proof import golden_films

    try:
        classifier = engines.load(directory, engine, cache=cache, precision=precision)
    except bundle.BundleError as error:
        print(json.dumps({"refused": error.code}), flush=True)
        return 1
    facts = {"engine": classifier.info.engine, "tensorflow": "tensorflow" in sys.modules}
    print(json.dumps({**facts, "cpu": time.process_time(), **_memory()}), flush=True)
    golden = [film for _name, film in golden_films(directory, bundle.load_manifest(directory))]
    batch = np.stack([golden[number % len(golden)] for number in range(BATCH)])
    for _line in sys.stdin:
        started = time.perf_counter()
        classifier.classify(batch)
        print((time.perf_counter() - started) * 1000 / BATCH, flush=True)
    return 0


def _memory() -> dict[str, float]:
    """Resident memory in MB, now and at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return {"now": int(found["VmRSS"]) / 1000, "most": int(found["VmHWM"]) / 1000}


def _take_turns(served: list[Served], rounds: int) -> None:
    for number in range(rounds + 1):  # the first one warms up
        for one in served:
            taken = one.classify()
            if number:
                one.taken.append(taken)


def _table(starts: list[dict[tuple[str, str], Served]], options: argparse.Namespace) -> list[str]:
    cores = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    medians = f"medians of {options.starts} starts and {options.rounds} rounds"
    lines = [
        f"{options.bundle.name}, batches of {BATCH}, {cores}; {medians}.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * 4}---|{'---:|' * 2}",
    ]
    for kind, served in starts[-1].items():
        if "refused" in served.facts:
            lines.append(f"| {' '.join(kind)} | {served.facts['refused']} | | | | | | |")
        else:
            lines.append(_row([start[kind] for start in starts], starts[-1][KINDS[0]].taken))
    return lines


def _row(starts: list[Served], keras: list[float]) -> str:
    *_, last = starts
    seconds = median(one.seconds_to_ready for one in starts)
    cpu, now, most = (median(one.facts[key] for one in starts) for key in ("cpu", "now", "most"))
    ratio = median(theirs / mine for theirs, mine in zip(keras, last.taken, strict=True))
    imported = "imported" if last.facts["tensorflow"] else "not imported"
    return (
        f"| {last.facts['engine']} | {seconds:.1f} | {cpu:.1f} | {now:.0f} | {most:.0f} "
        f"| {imported} | {1000 / median(last.taken):.0f} | {ratio:.2f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
