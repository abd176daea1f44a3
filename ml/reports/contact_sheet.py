"""The pneumonias that a network missed worst, as one picture. It shows real films: keep it local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ml.training import views
from ml.training.split import TEST

if TYPE_CHECKING:
    from pathlib import Path

    from ml.reports.comparison import Judged
    from ml.training.corpus import Corpus

SHOWN = 12


def worst_false_negatives(one: Judged, corpus: Corpus, path: Path) -> int:
    """Draw at most `SHOWN` test films with pneumonia below the decision point, the lowest first.

    Returns how many films were missed in all. No names: the number is the row of split.csv.
    """
    scored = one.scored(corpus, TEST, views.CLEAN)
    missed = np.flatnonzero(scored.labels & (scored.probabilities < one.threshold))
    worst = missed[np.argsort(scored.probabilities[missed])][:SHOWN]
    figure = Figure(figsize=(9, 7), layout="constrained")
    places = np.ravel(figure.subplots(3, 4))
    where = corpus.where(TEST)
    for axes, position in zip(places, worst, strict=False):
        axes.imshow(corpus.pixels[where[position]], cmap="gray", vmin=0, vmax=255)
        kind = corpus.films.films[where[position]].subtype or "pneumonia"
        row = where[position] + 2  # as an editor counts, below the heading
        axes.set_title(f"{scored.probabilities[position]:.3f}  {kind}  line {row}", fontsize=8)
    for axes in places:
        axes.set_axis_off()
    figure.suptitle(
        f"{one.entrant.name}: {len(missed)} of {int(scored.labels.sum())} pneumonias missed at "
        f"{one.threshold:.3f}. Research use only, not a diagnosis.",
        fontsize=10,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return len(missed)
