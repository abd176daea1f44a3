"""Drawn chests for the quality gate's training: python -m scripts.drawn_chests FILE.npy"""

from __future__ import annotations

import sys

import numpy as np

from ml.pixels import preprocess
from tests.films import chest


def main() -> None:
    """Write 300 of them, uint8 (n, 224, 224), with seeds that no test uses."""
    rng = np.random.default_rng(5)
    drawn = []
    for seed in range(1000, 1300):
        width = int(rng.integers(130, 420))
        height = max(int(width * rng.uniform(0.9, 1.3)), 130)
        haze = float(rng.choice([0, rng.uniform(0, 1), 1]))
        film = preprocess(chest(seed, haze, (width, height)), 224)
        drawn.append(np.rint(film[..., 0] * 255).astype(np.uint8))
    np.save(sys.argv[1], np.stack(drawn))


if __name__ == "__main__":
    main()
