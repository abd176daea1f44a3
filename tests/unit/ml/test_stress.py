"""The stress report: what moves a score is found, what does not is not, and no refusal is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ml.contracts import Prediction
from ml.contracts.fake import FakeClassifier
from ml.datasets import open_films
from ml.reports import stress as stress_module
from ml.reports.evaluation import EvaluationError
from ml.reports.stress import stress
from ml.reports.stress_changes import CHANGES, Change
from ml.reports.stress_encodings import ENCODINGS
from ml.reports.stress_pages import findings, write_stress
from tests.films import as_jpeg, as_png8, as_png16, chest, text_named_jpg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.contracts import FloatArray

    Report = dict[str, Any]


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def run(folder: Path, classifier: FakeClassifier | None = None, **options: Any) -> Report:
    return stress(classifier or FakeClassifier(), open_films(folder), progress=quiet, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn films, three of each label."""
    root = tmp_path_factory.mktemp("films")
    for label, haze in (("NORMAL", 0.0), ("PNEUMONIA", 0.8)):
        (root / label).mkdir()
        for number, encode in enumerate((as_jpeg, as_png8, as_png16)):
            film = chest(number, haze=haze, size=(300, 260))
            (root / label / f"film{number}").write_bytes(encode(film))
    return root


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return run(folder)


def of(report: Report, change: str) -> list[Report]:
    rows = [row for row in report["changes"] if row["change"] == change]
    assert rows
    return rows


class Unmoved(FakeClassifier):
    """A classifier that does not look."""

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        return [Prediction(0.7) for _ in batch]


class Broken(FakeClassifier):
    """A classifier whose weights are spoilt."""

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        return [Prediction(float("nan")) for _ in batch]


def test_a_classifier_that_does_not_look_is_moved_by_nothing(folder: Path) -> None:
    report = run(folder, Unmoved())
    for row in report["changes"]:
        if row["scored"]:
            moved = [row[key] for key in ("median", "p95", "maximum", "mean_signed", "relabelled")]
            assert moved == [0, 0, 0, 0, 0]
            assert row["sensitivity"] in {1.0, None}
            assert row["specificity"] in {0.0, None}
    assert findings(report)[:2] == ["No change moves a score.", "No change turns a label."]


def test_a_classifier_of_brightness_is_found_out(report: Report) -> None:
    """The fake scores mean brightness, which a flip leaves alone."""
    dark, *_, bright = of(report, "Brightness")
    assert dark["mean_signed"] < -0.1
    assert bright["mean_signed"] == pytest.approx(0.2, abs=0.02)
    assert of(report, "Flip")[0]["maximum"] < 1e-4
    assert dark["p95"] > 0.05
    assert bright["p95"] > 0.15


def test_a_changed_label_and_the_truth_are_counted(folder: Path) -> None:
    """The threshold parts the films as they are; once bright, every film is above it."""
    classifier = FakeClassifier()
    classifier.info = replace(classifier.info, threshold=0.45)
    report = run(folder, classifier)
    assert report["unchanged"] == {**truth(1.0, 1.0, 1.0), "near_an_end": 0}
    bright = of(report, "Brightness")[-1]
    assert (bright["relabelled"], bright["relabelled_share"]) == (3, 0.5)
    assert bright | truth(0.5, 1.0, 0.0) == bright


def truth(accuracy: float, sensitivity: float, specificity: float) -> dict[str, float]:
    return {"accuracy": accuracy, "sensitivity": sensitivity, "specificity": specificity}


def test_encodings_agree(report: Report) -> None:
    assert [row["encoding"] for row in report["encodings"]] == list(ENCODINGS)
    for row in report["encodings"]:
        assert row["scored"] == 6
        assert row["maximum"] < 0.001
        assert row["agrees"]


def test_an_encoding_that_is_read_otherwise_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(ENCODINGS)
    darker = dict(ENCODINGS)
    darker[names[1]] = lambda film: as_png16((film * 0.9).astype(np.uint16))
    darker[names[2]] = lambda film: text_named_jpg()
    monkeypatch.setattr(stress_module, "ENCODINGS", darker)
    report = run(folder, most=1)
    assert [row["agrees"] for row in report["encodings"]] == [True, False, False, True]
    assert report["encodings"][2]["not_assessable_by_code"] == {"UNSUPPORTED_TYPE": 2}
    assert f"Not within 0.02 of the {names[0]}: {names[1]}, {names[2]}." in findings(report)


def test_what_the_gate_refuses_is_counted_and_not_scored(report: Report) -> None:
    """A quarter of 260 pixels is too small for the gate."""
    (row,) = [row for row in of(report, "Smaller copy") if row["strength"] == 25]
    assert (row["scored"], row["not_assessable"]) == (0, 6)
    assert row["not_assessable_by_code"] == {"TOO_SMALL": 6}
    assert row["median"] is row["p95"] is row["maximum"] is row["accuracy"] is None
    for other in report["changes"]:
        assert other["scored"] + other["not_assessable"] == 6
        assert sum(other["not_assessable_by_code"].values()) == other["not_assessable"]


def test_films_that_cannot_be_compared_are_counted(folder: Path, tmp_path: Path) -> None:
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "good").write_bytes((folder / label / "film1").read_bytes())
    (tmp_path / "NORMAL" / "letter.jpg").write_bytes(text_named_jpg())
    (tmp_path / "NORMAL" / "small").write_bytes(as_png8(chest(9, size=(90, 90))))
    assert run(tmp_path)["films"] == {
        "given": 4,
        "compared": 2,
        "pneumonia": 1,
        "unreadable_by_code": {"UNSUPPORTED_TYPE": 1},
        "not_assessable_by_code": {"TOO_SMALL": 1},
    }


def test_a_report_on_no_film_is_an_error(tmp_path: Path) -> None:
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "letter.jpg").write_bytes(text_named_jpg())
    with pytest.raises(EvaluationError, match="No film"):
        run(tmp_path)


def test_most_takes_the_first_films_of_each_label(folder: Path) -> None:
    read: list[str] = []
    films = open_films(folder)

    def note(name: str) -> bytes:
        read.append(name)
        return films.read(name)

    stress(FakeClassifier(), replace(films, read=note), progress=quiet, most=1)
    assert sorted(read) == ["NORMAL/film0", "PNEUMONIA/film0"]


def test_the_report_repeats(folder: Path, report: Report) -> None:
    assert run(folder) == report


def test_a_broken_model_is_an_error_not_a_report(folder: Path) -> None:
    with pytest.raises(EvaluationError, match="finite"):
        run(folder, Broken(), most=1)


def test_the_files_say_what_the_report_says(report: Report, tmp_path: Path) -> None:
    write_stress(report, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "stress.json").read_text(), parse_constant=pytest.fail)
    page = (tmp_path / "out" / "stress.md").read_text()
    for said in ("Research use only, not a diagnosis", report["model"]["digest"], "fake 1"):
        assert said in page
    assert "6 films compared (3 normal, 3 pneumonia)" in page
    assert all(page.count(f"{row['change']}, {row['told']} |") for row in report["changes"])
    assert "nan" not in page.lower()
    assert "film0" not in page
    with Image.open(tmp_path / "out" / "stress.png") as figure:
        assert figure.width > 800


def test_the_worst_change_comes_first(report: Report, tmp_path: Path) -> None:
    """Were the flip the worst of all, sentence and table would begin with it."""
    changes = [
        row | {"p95": 0.9, "maximum": 0.95} if row["change"] == "Flip" else row
        for row in report["changes"]
    ]
    write_stress(report | {"changes": changes}, tmp_path)
    page = (tmp_path / "stress.md").read_text()
    assert "most under flip (left for right): 95 % of the films by at most 0.900" in page
    head, _rule, none, worst, *_ = page.split("worst first\n\n")[1].splitlines()
    assert "change" in head
    assert "none" in none
    assert "| Flip, left for right |" in worst
    assert "most under flip" not in findings(report)[0]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_changes_the_film_and_grows(change: Change) -> None:
    film = chest(1, size=(300, 260))
    kept = film.copy()
    far: dict[float, float] = {}
    for strength in change.strengths:
        changed = change.apply(film, strength, np.random.default_rng(1))
        assert changed.dtype == np.uint16
        size = Image.fromarray(changed.astype(np.float32)).resize(film.shape[::-1])
        far[strength] = float(np.abs(np.asarray(size) - film).mean())
    np.testing.assert_array_equal(film, kept)
    assert min(far.values()) > 0
    for side in (
        [s for s in change.strengths if s < 0][::-1],
        [s for s in change.strengths if s > 0],
    ):
        if change.name in {"JPEG", "Rotation", "Shift across", "Shift along", "Noise", "Flip"}:
            assert [far[s] for s in side] == sorted(far[s] for s in side)


def changed(name: str, film: np.ndarray, strength: float) -> np.ndarray:
    (change,) = [change for change in CHANGES if change.name == name]
    return change.apply(film, strength, np.random.default_rng(1))


def test_a_shift_repeats_the_edge_and_a_border_is_black() -> None:
    ramp = np.tile(np.arange(1, 101, dtype=np.uint16), (50, 1))
    right, left = (changed("Shift across", ramp, by)[0] for by in (10, -10))
    assert right.tolist() == [1] * 10 + list(range(1, 91))
    assert left.tolist() == [*range(11, 101)] + [100] * 10
    np.testing.assert_array_equal(changed("Shift along", ramp.T, 10)[:, 0], right)
    assert changed("Rotation", ramp, 10).min() >= 1
    border = changed("Black border", ramp, 10)
    np.testing.assert_array_equal(border[5:-5, 10:-10], ramp[5:-5, 10:-10])
    assert np.count_nonzero(border) == 40 * 80
