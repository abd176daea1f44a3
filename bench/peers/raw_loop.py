"""The bare work: read and score, film after film, in one process. One line in, one line out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from bench.peers import scorers


def main() -> int:
    scorer = scorers.from_environment()
    films = [Path(name).read_bytes() for name in sys.argv[1:]]
    scorer(films[0])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        read_ms, score_ms = [], []
        for number in range(int(line)):
            begun = time.perf_counter()
            film = scorer.read(films[number % len(films)])
            read = time.perf_counter()
            scorer.score(film[np.newaxis])
            read_ms.append((read - begun) * 1000)
            score_ms.append((time.perf_counter() - read) * 1000)
        print(json.dumps({"read_ms": read_ms, "score_ms": score_ms}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
