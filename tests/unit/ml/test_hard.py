"""The hard validation spreads what films as they are cannot tell apart."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.datasets import FilmSet, LabelledFilm
from ml.reports.hard import hardness, trials
from ml.training import targets
from ml.training.corpus import SIDE, Corpus

if TYPE_CHECKING:
    from ml.training.scoring import Scores

FILMS = 240


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Pneumonia is a fine grain; exposure goes along with it, except in every eighth film."""
    rng = np.random.default_rng(0)
    labels = np.arange(FILMS) % 2 == 1
    exposed = labels ^ (np.arange(FILMS) % 16 >= 14)
    pixels = rng.normal(90, 12, (FILMS, SIDE, SIDE)) + 60 * exposed[:, None, None]
    grain = 35 * (-1.0) ** np.add.outer(np.arange(40), np.arange(40))
    pixels[labels, 90:130, 60:100] += grain  # too fine for a thumbnail
    films = tuple(
        LabelledFilm(f"{n}.png", int(label), f"p{n // 2}") for n, label in enumerate(labels)
    )
    parts = np.where(np.arange(FILMS) < FILMS // 2, "train", "validation")
    whole = FilmSet(films, lambda _name: b"")
    shown = np.clip(pixels, 0, 255).astype(np.uint8)
    return Corpus(whole, shown, targets.binary(films), parts)


def scored(corpus: Corpus, clean: object, tried: list[object]) -> Scores:
    return {("validation", trial.view): np.asarray(clean, float) for trial in tried}  # type: ignore[attr-defined]


def test_deceptive_films_are_those_whose_glance_is_wrong(corpus: Corpus) -> None:
    by_name = {trial.name: trial for trial in trials(corpus)}
    chosen = np.flatnonzero(by_name["deceptive, clean"].counts)
    numbers = corpus.where("validation")[chosen]
    odd_ones_out = [n for n in corpus.where("validation") if n % 16 >= 14]
    assert len(set(odd_ones_out) & set(numbers)) > 0.7 * len(odd_ones_out)  # a quarter by chance
    truth = corpus.truth("validation")[chosen]
    assert 0.4 < truth.mean() < 0.6


def test_who_goes_by_exposure_fails_and_who_sees_the_grain_does_not(corpus: Corpus) -> None:
    tried = trials(corpus)
    where = corpus.where("validation")
    exposure = corpus.pixels[where][:, :40].mean((1, 2))
    grain = corpus.pixels[where][:, 90:130, 60:100].std((1, 2))
    shortcut = hardness(corpus, scored(corpus, exposure, list(tried)), tried, resamples=50)
    sees = hardness(corpus, scored(corpus, grain, list(tried)), tried, resamples=50)
    assert sees.mean.value > 0.98
    assert shortcut.trials["deceptive, clean"] < 0.8
    assert shortcut.trials["changed"] > 0.8  # all films: this alone would not have told
    assert len(sees.drawn) == 50


def test_scores_far_apart_are_ranked_as_they_are(corpus: Corpus) -> None:
    tried = trials(corpus)
    truth = corpus.truth("validation")
    huge = np.where(truth, 900.0, 800.0)  # a sigmoid would round both to 1
    found = hardness(corpus, scored(corpus, huge, list(tried)), tried, resamples=20)
    assert found.mean.value == 1.0


def test_the_test_part_has_no_say_in_the_trials(corpus: Corpus) -> None:
    """Other test films, the same trials: nothing that is chosen by them has seen the test part."""
    where = np.arange(FILMS)
    parts = np.where(where % 4 == 0, "test", corpus.parts)
    other = corpus.pixels.copy()
    other[parts == "test"] = 255 - other[parts == "test"]
    one, another = (
        dataclasses.replace(corpus, parts=parts, pixels=p) for p in (corpus.pixels, other)
    )
    for first, second in zip(trials(one), trials(another), strict=True):
        assert first.name == second.name
        np.testing.assert_array_equal(first.counts, second.counts)
