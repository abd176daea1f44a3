"""The committed sample films: whole, readable, varied, and whose the manifest says they are."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from ml.contracts import FilmLimits
from ml.pixels import normalise, preprocess, verify
from ml.quality import assess
from scripts import sample_checks

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
GOLDEN = sorted((SAMPLES / "golden").glob("*.png"))
LIMITS = FilmLimits()
with (SAMPLES / "manifest.csv").open(newline="", encoding="utf-8") as manifest:
    ROWS = list(csv.DictReader(manifest))


def test_twelve_films_six_of_each_class_within_two_megabytes() -> None:
    assert Counter(row["drawn_as"] for row in ROWS) == {"NORMAL": 6, "PNEUMONIA": 6}
    assert len({row["mrn"] for row in ROWS}) == 12
    assert sum((SAMPLES / row["file"]).stat().st_size for row in ROWS) <= 2 * 1024 * 1024


def test_every_format_is_there() -> None:
    headers = [verify((SAMPLES / row["file"]).read_bytes(), LIMITS) for row in ROWS]
    kinds = Counter((header.format, header.bits) for header in headers)
    assert kinds[("PNG", 8)] == kinds[("PNG", 16)] == 1
    assert kinds[("JPEG", 8)] == 8
    polarities = {h.tags["photometric"] for h in headers if h.format == "DICOM"}
    assert polarities == {"MONOCHROME1", "MONOCHROME2"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_sample_passes_the_gate_and_is_one_film_of_its_patient(row: dict[str, str]) -> None:
    data = (SAMPLES / row["file"]).read_bytes()
    tags = verify(data, LIMITS).tags
    if tags:
        family, given = tags["patient_name"].split("^")
        assert f"{given} {family}" == row["name"]
        assert (tags["patient_id"], tags["birth_date"], tags["sex"]) == (
            row["mrn"],
            row["birth_date"],
            row["sex"],
        )
    image = normalise(data, LIMITS)
    assert assess(image) is None
    # dense tissue is bright: the middle (spine, heart) outshines the border on every film
    width = image.shape[1]
    middle = image[:, int(width * 0.42) : int(width * 0.58)].mean()
    assert middle > image[:, : width // 16].mean() + 6000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_patients_are_children_of_the_intended_age(row: dict[str, str]) -> None:
    born = date.fromisoformat(row["birth_date"])
    # between their first birthday and the day before their sixth, from 2025-11 to 2028-12
    assert date(2023, 1, 1) <= born <= date(2024, 10, 31)


def test_golden_films_are_small_and_assessable() -> None:
    assert [re.sub(r"-\d", "", film.stem) for film in GOLDEN] == ["normal"] * 3 + ["pneumonia"] * 3
    for film in GOLDEN:
        data = film.read_bytes()
        assert len(data) <= 60_000
        assert assess(normalise(data, LIMITS)) is None


def test_no_film_is_there_twice() -> None:
    films = [normalise(path.read_bytes(), LIMITS) for path in GOLDEN]
    films += [normalise((SAMPLES / row["file"]).read_bytes(), LIMITS) for row in ROWS]
    small = [np.asarray(film[::40, ::40]).tobytes() for film in films]
    assert len(set(small)) == len(films)


def test_readme_says_until_when_the_patients_are_children() -> None:
    said = re.search(r"until (\d{4})-(\d\d)\.", (SAMPLES / "README.md").read_text(encoding="utf-8"))
    assert said
    year, month = map(int, said.groups())
    eldest = min(date.fromisoformat(row["birth_date"]) for row in ROWS)
    sixth_birthday = date(eldest.year + 6, eldest.month, eldest.day)
    assert (year * 12 + month) + 1 == sixth_birthday.year * 12 + sixth_birthday.month


def test_readme_is_what_the_script_writes() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for words, _field, _format, _conversion in Formatter().parse(sample_checks.README):
        assert words in text


def test_readme_says_that_they_are_synthetic_and_whose_data_they_come_from() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for said in ("Synthetic", "CC BY 4.0", "Kermany", "rscbjbr9sj", "Research use only"):
        assert said in text


@pytest.mark.model
def test_the_committed_model_classifies_them_as_drawn() -> None:
    """A new model may need new samples: scripts/make_sample_films.py --model."""
    from ml.engines import load

    classifier = load(max((SAMPLES.parent / "models").glob("*/manifest.json")).parent)
    info = classifier.info
    films = [normalise((SAMPLES / row["file"]).read_bytes(), LIMITS) for row in ROWS]
    batch = np.stack([preprocess(film, info.input_size) for film in films])
    scores = [prediction.probability for prediction in classifier.classify(batch)]
    labels = ["PNEUMONIA" if score >= info.threshold else "NORMAL" for score in scores]
    assert np.isfinite(scores).all()
    assert labels == [row["drawn_as"] for row in ROWS]
