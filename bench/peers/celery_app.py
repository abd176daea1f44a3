"""Celery as a project starts with it: one task a film, a path in the message, default settings."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

from celery import Celery

from bench.peers import scorers

URL = os.environ["PEERS_BROKER"]
app = Celery("peers", broker=URL, backend=URL)


@cache
def scorer() -> scorers.Scorer:
    return scorers.from_environment()


@app.task(name="score_film")
def score_film(path: str) -> dict[str, float]:
    begun = time.time()
    return {"probability": scorer()(Path(path).read_bytes()), "begun": begun}
