"""Logits of an entrant on every view of the held-out films, measured once and kept beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from ml import bundle
from ml.training import views
from ml.training.corpus import LEFT_OUT, at_size
from ml.training.films import Epoch
from ml.training.fit import raw_logits
from ml.training.split import TEST, VALIDATION, split_digest
from ml.training.targets import pneumonia_logit

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.contracts import Progress
    from ml.metrics.scores import Float64Array
    from ml.training.corpus import Corpus
    from ml.training.entrants import Entrant

    Scores = dict[tuple[str, str], Float64Array]  # (part, view) -> logits of pneumonia (n,)

SCORES = "scores.npz"
SEED = 1
_BATCH = 32
# The test part decides nothing, so it is looked at in two ways only.
TEST_VIEWS = (views.CLEAN, views.CHANGED)


def score(entrant: Entrant, corpus: Corpus, cache: Path, progress: Progress) -> Scores:
    """Logits of pneumonia for each (part, view).

    corpus: with the parts that the entrant's own split names; cache: a folder. Raises ValueError
    on a logit that is not finite.
    """
    if not entrant.is_network:
        return _scores_of_a_classifier(entrant, corpus)
    identity = _identity(corpus, bundle.file_digest(entrant.weights))
    path = cache / f"{entrant.name}-{SCORES}"
    if (found := _kept(path, identity)) is not None:
        return found
    scores = score_model(entrant, entrant.load(), corpus, progress)
    cache.mkdir(parents=True, exist_ok=True)
    _keep(path, identity, scores)
    return scores


def keep_scores(folder: Path, corpus: Corpus, scores: Scores) -> None:
    """Keep the scores of a classifier that is not kept itself, in its run's folder."""
    _keep(folder / f"{folder.name}-{SCORES}", _identity(corpus), scores)


def _scores_of_a_classifier(entrant: Entrant, corpus: Corpus) -> Scores:
    found = _kept(entrant.folder / f"{entrant.name}-{SCORES}", _identity(corpus))
    if found is None:
        raise ValueError(f"The scores of {entrant.name} are of other films or views; fit it again.")
    return found


def _keep(path: Path, identity: str, scores: Scores) -> None:
    arrays = {f"{part}|{view}": logits for (part, view), logits in scores.items()}
    partial = path.with_name(f".{path.name}")
    np.savez(partial, allow_pickle=False, identity=np.array(identity), **arrays)
    partial.rename(path)


def score_model(entrant: Entrant, model: keras.Model, corpus: Corpus, progress: Progress) -> Scores:
    """The same for weights that are loaded already."""
    return {
        (part, view): _pass(entrant, model, corpus, (part, view), progress)
        for part, view in wanted(corpus)
    }


def wanted(corpus: Corpus) -> list[tuple[str, str]]:
    """The (part, view) that entrants are scored on."""
    if len(corpus.where(LEFT_OUT)):
        return [(LEFT_OUT, view) for view in TEST_VIEWS]
    return [(VALIDATION, view) for view in views.VIEWS] + [(TEST, view) for view in TEST_VIEWS]


def _pass(
    entrant: Entrant, model: keras.Model, corpus: Corpus, what: tuple[str, str], progress: Progress
) -> Float64Array:
    part, name = what
    seen = views.view(corpus.pixels[corpus.where(part)], corpus.truth(part), name, SEED)
    small = at_size(seen, entrant.size)
    logits = raw_logits(model, Epoch(small, np.arange(len(small)), _BATCH))
    if not np.isfinite(logits).all():
        raise ValueError(f"{entrant.name} gives a score that is not a finite number.")
    progress(f"{entrant.name}, {part}, {name}", len(seen), len(seen))
    return pneumonia_logit(entrant.head, entrant.outputs, logits)


def _identity(corpus: Corpus, weights: str = "") -> str:
    """What scores depend on; another identity is scored anew."""
    split = split_digest(corpus.split_csv())
    return json.dumps([weights, split, corpus.digest(), views.NUMBER, SEED])


def _kept(path: Path, identity: str) -> Scores | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["identity"]) != identity:
            return None
        keys = [key for key in stored.files if key != "identity"]
        return {(part, view): stored[key] for key in keys for part, view in [key.split("|")]}
