"""Runs that learnt without one cluster of appearance, measured on its films."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml.metrics.scores import ranked, weighted_metrics
from ml.training import views
from ml.training.corpus import LEFT_OUT
from ml.training.scoring import score

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import Progress
    from ml.training.corpus import Corpus
    from ml.training.entrants import Entrant


def left_out_row(
    entrant: Entrant, corpus: Corpus, cache: Path, progress: Progress
) -> dict[str, Any]:
    """ROC AUC on the cluster that the entrant never saw. corpus: with the entrant's own parts."""
    scores = score(entrant, corpus, cache, progress)
    truth = corpus.truth(LEFT_OUT)
    areas = {}
    for view in (views.CLEAN, views.CHANGED):
        ranks = ranked(scores[LEFT_OUT, view])
        found = weighted_metrics(truth, ranks, 0.5, np.ones((1, len(truth))))
        area = float(found["roc_auc"][0])
        areas[view] = None if np.isnan(area) else area  # a cluster of one label has none
    return {
        "name": entrant.name,
        "cluster": entrant.leave_out,
        "films": len(truth),
        "pneumonia": int(truth.sum()),
        "roc_auc": areas,
        "command": entrant.command,
    }
