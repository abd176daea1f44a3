"""Lower precision serves where it was shown to change nothing, and nowhere else."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import BundleError
from ml.cli import main
from ml.engines import load
from ml.engines.export import Export
from ml.engines.precisions import LEAST_FILMS, Comparison, approve, compare, require_approval
from tests.films import as_png8, chest
from tests.unit.ml.bundles import flatten

if TYPE_CHECKING:
    from pathlib import Path

POINTS = (0.2, 0.5, 0.8)
FINE = Comparison(LEAST_FILMS, 0.01, 0)
PROCESSOR = "a processor"


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(b"", b"", "d" * 64, tmp_path / "export")


def scores(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def test_a_comparison_counts_films_distance_and_crossed_points() -> None:
    exact, lower = scores(0.1, 0.499, 0.9), scores(0.105, 0.501, 0.9)
    found = compare(exact, lower, POINTS)
    assert (found.films, found.changed_decisions) == (3, 1)
    assert found.largest_difference == pytest.approx(0.005)
    assert compare(exact, exact, POINTS) == Comparison(3, 0.0, 0)


def test_a_score_on_the_point_is_positive_in_both() -> None:
    assert compare(scores(0.5), scores(0.5), POINTS).changed_decisions == 0
    assert compare(scores(0.5), scores(0.4999), POINTS).changed_decisions == 1


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Comparison(LEAST_FILMS, 0.0101, 0), "PRECISION_REFUSED"),
        (Comparison(LEAST_FILMS, 0.0001, 1), "PRECISION_REFUSED"),
        (compare(scores(*[0.1] * 200), scores(*[math.nan] * 200), POINTS), "PRECISION_REFUSED"),
        (Comparison(LEAST_FILMS - 1, 0.0, 0), "PRECISION_UNPROVEN"),
    ],
)
def test_what_changes_too_much_is_not_approved(
    found: Comparison, code: str, export: Export
) -> None:
    with pytest.raises(BundleError) as caught:
        approve(export, "bfloat16", PROCESSOR, found)
    assert caught.value.code == code
    assert not list(export.folder.parent.glob("export*"))


def test_an_approval_holds_for_one_export_and_one_processor(export: Export) -> None:
    path = approve(export, "bfloat16", PROCESSOR, FINE)
    require_approval(export, "bfloat16", PROCESSOR)
    other = Export(b"", b"", "e" * 64, export.folder)
    for asked in ((other, PROCESSOR), (export, "another processor")):
        with pytest.raises(BundleError) as caught:
            require_approval(asked[0], "bfloat16", asked[1])
        assert caught.value.code == "PRECISION_NOT_APPROVED"
    path.write_text("{")
    with pytest.raises(BundleError, match="check-precision"):
        require_approval(export, "bfloat16", PROCESSOR)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many drawn films as an approval needs, half of each label."""
    root = tmp_path_factory.mktemp("films")
    for number in range(LEAST_FILMS):
        label = ("NORMAL", "PNEUMONIA")[number % 2]
        (root / label).mkdir(exist_ok=True)
        film = chest(number, haze=number / LEAST_FILMS, size=(256, 240))
        (root / label / f"{number}.png").write_bytes(as_png8(film))
    return root


@pytest.fixture
def cache(openvino_cache: Path) -> Path:
    from ml.engines.openvino_runtime import import_openvino

    if "BF16" not in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16")
    return openvino_cache


def serves(directory: Path, cache: Path) -> bool:
    try:
        found = load(directory, "auto", cache=cache, precision="bfloat16")
    except BundleError as error:
        return error.code != "PRECISION_NOT_APPROVED"
    return found.info.engine.endswith("bfloat16")


def check(directory: Path, cache: Path, films: Path) -> int:
    return main(
        ["check-precision", "--bundle", str(directory), "--data", str(films), "--cache", str(cache)]
    )


@pytest.mark.model
def test_bfloat16_serves_after_the_check_and_not_before(
    bundle_copy: Path, cache: Path, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flatten(bundle_copy, 100)  # so that what bfloat16 loses moves no score by much
    assert not serves(bundle_copy, cache)
    assert check(bundle_copy, cache, films) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["films"] >= LEAST_FILMS
    assert said["changed_decisions"] == 0
    assert serves(bundle_copy, cache)


@pytest.mark.model
def test_bfloat16_that_moves_scores_is_refused(
    committed_bundle: Path, cache: Path, films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(committed_bundle, cache, films) == 2
    assert json.loads(capsys.readouterr().out)["refused"] == "PRECISION_REFUSED"
    assert not serves(committed_bundle, cache)
