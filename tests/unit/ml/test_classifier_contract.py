"""What every `Classifier` promises: the double and the real engines take the same tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.contracts.fake import FakeClassifier
from ml.pixels import PREPROCESSING_ID, preprocess
from tests.films import chest

if TYPE_CHECKING:
    from pathlib import Path

    from ml.contracts import Classifier, FloatArray


ENGINES = [pytest.param(name, marks=pytest.mark.model) for name in ("keras", "openvino")]


@pytest.fixture(scope="module", params=["fake", *ENGINES])
def classifier(request: pytest.FixtureRequest, committed_bundle: Path) -> Classifier:
    if request.param == "fake":
        return FakeClassifier()
    from ml.engines import load

    cache = request.getfixturevalue("openvino_cache") if request.param == "openvino" else None
    return load(committed_bundle, request.param, cache=cache)


@pytest.fixture(scope="module")
def films(classifier: Classifier) -> FloatArray:
    """32 drawn chests, of all degrees of haze."""
    size = classifier.info.input_size
    drawn = [chest(n, haze=n / 31, size=(240, 220)) for n in range(32)]
    return np.stack([preprocess(film, size) for film in drawn])


def test_it_says_what_it_is(classifier: Classifier) -> None:
    info = classifier.info
    assert info.preprocessing_id == PREPROCESSING_ID
    assert len(info.digest) == 64
    assert 0 < info.threshold < 1
    assert info.name
    assert info.version
    assert info.engine


def test_one_prediction_a_film_in_order(classifier: Classifier, films: FloatArray) -> None:
    found = classifier.classify(films)
    assert len(found) == len(films)
    assert all(type(one.probability) is float and 0 <= one.probability <= 1 for one in found)
    assert len({round(one.probability, 6) for one in found}) > 1
    backwards = classifier.classify(films[::-1])
    for one, other in zip(found, reversed(backwards), strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_a_score_does_not_depend_on_the_batch(
    classifier: Classifier, films: FloatArray, size: int
) -> None:
    whole = [one.probability for one in classifier.classify(films)]
    pieces = [
        one.probability
        for start in range(0, len(films), size)
        for one in classifier.classify(films[start : start + size])
    ]
    assert pieces == pytest.approx(whole, abs=1e-5)


def test_a_repeated_score_is_the_same(classifier: Classifier, films: FloatArray) -> None:
    """No augmentation, no dropout."""
    once, again = (classifier.classify(films[:8]) for _ in range(2))
    assert [one.probability for one in once] == [one.probability for one in again]


def test_an_empty_batch_gives_nothing(classifier: Classifier, films: FloatArray) -> None:
    assert list(classifier.classify(films[:0])) == []


def test_the_map_explains_the_score_exactly(classifier: Classifier, films: FloatArray) -> None:
    assert classifier.info.explains
    for one in classifier.classify(films[:8]):
        plane = one.activation_map
        assert plane is not None
        assert plane.dtype == np.float32
        assert plane.ndim == 2
        logit = math.log(one.probability) - math.log1p(-one.probability)
        assert float(plane.mean(dtype=np.float64)) == pytest.approx(logit, abs=1e-3)
