"""Which films the demo takes, and whose they are said to be."""

from __future__ import annotations

import csv
import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from pneumo_site.demo import films

if TYPE_CHECKING:
    from ml.contracts import FilmLimits

ROOT = Path(__file__).resolve().parents[3]
FIELDS = {"name", "mrn", "birth_date", "sex", "indication", "priority"}


def test_each_film_gets_a_person_of_its_own_and_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for number, name in enumerate(["b.png", "a.JPG", "deep/c.jpeg", "plain"]):
        (tmp_path / name).write_bytes(bytes([number]) * 10)
    chosen, others = films.from_folder(tmp_path)
    assert [film.label for film in chosen] == ["a.JPG", "b.png", "c.jpeg", "plain"]
    assert others == 0
    assert all(set(film.form) == FIELDS for film in chosen)
    assert len({film.form["mrn"] for film in chosen}) == len(chosen)
    assert [film.form for film in films.from_folder(tmp_path)[0]] == [film.form for film in chosen]


def full_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


@pytest.mark.parametrize("year", [2026, 2028, 2040])
def test_fictional_patients_stay_within_the_models_age_range_all_year(year: int) -> None:
    for number in range(500):
        digest = hashlib.sha256(str(number).encode()).digest()
        born = date.fromisoformat(films.fictional_patient(digest, year)["birth_date"])
        assert full_years(born, date(year, 1, 1)) >= 1
        assert full_years(born, date(year, 12, 31)) <= 5


def test_a_run_of_another_year_makes_another_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "film.png").write_bytes(b"film")

    def form_of(year: int, month: int) -> dict[str, str]:
        monkeypatch.setattr(timezone, "now", lambda: datetime(year, month, 5, tzinfo=UTC))
        ((film,), _) = films.from_folder(tmp_path)
        return dict(film.form)

    this, later, following = form_of(2031, 1), form_of(2031, 12), form_of(2032, 1)
    assert this == later
    assert this["mrn"] != following["mrn"]
    assert following["birth_date"] >= "2028-01-01"


def test_leaves_other_files_alone_and_counts_them(tmp_path: Path) -> None:
    for name in ("film.png", "notes.txt", "manifest.csv", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    chosen, others = films.from_folder(tmp_path)
    assert [film.label for film in chosen] == ["film.png"]
    assert others == 2


def test_reads_no_more_films_after_a_stop(tmp_path: Path) -> None:
    for name in ("one.png", "two.png", "three.png"):
        (tmp_path / name).write_bytes(name.encode())
    looks = iter([False, True])
    chosen, _ = films.from_folder(tmp_path, stopped=lambda: next(looks))
    assert [film.label for film in chosen] == ["one.png"]


def test_says_what_is_wrong_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(films.NoFilms, match="no folder"):
        films.from_folder(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(films.NoFilms, match="no JPEG, PNG or DICOM"):
        films.from_folder(tmp_path)


def stub_tags(monkeypatch: pytest.MonkeyPatch, tags: dict[str, str]) -> None:
    from ml.contracts import FilmHeader

    def verify(data: bytes, limits: FilmLimits) -> FilmHeader:
        return FilmHeader("DICOM", 10, 10, 12, tags)

    monkeypatch.setattr(films, "verify", verify)


def test_a_dicom_keeps_the_patient_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.dcm").write_bytes(b"1")
    tags = {
        "patient_name": "Fiction^Ann",
        "patient_id": "F-1",
        "birth_date": "2021-02-03",
        "sex": "F",
        "accession_number": "A7",
    }
    stub_tags(monkeypatch, tags)
    form = films.from_folder(tmp_path)[0][0].form
    named = {key: form[key] for key in ("name", "mrn", "birth_date", "sex", "accession_number")}
    assert list(named.values()) == list(tags.values())


@pytest.mark.parametrize(
    ("taken", "born"), [({}, "1962-01-01"), ({"study_date": "2015-06-07"}, "1951-01-01")]
)
def test_a_stated_age_is_kept_where_the_birth_date_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: dict[str, str], born: str
) -> None:
    (tmp_path / "one.dcm").write_bytes(b"1")
    stub_tags(monkeypatch, {"age_years": "64", **taken})
    assert films.from_folder(tmp_path)[0][0].form["birth_date"] == born


def test_two_films_of_one_patient_number_get_one_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one.dcm", "two.dcm"):
        (tmp_path / name).write_bytes(name.encode())
    stub_tags(monkeypatch, {"patient_id": "F-1", "sex": "?", "birth_date": " "})
    one, two = films.from_folder(tmp_path)[0]
    assert one.form == two.form
    assert one.form["sex"] in {"F", "M"}
    assert one.form["birth_date"]


def test_reads_the_samples_manifest(tmp_path: Path) -> None:
    row = {
        "file": "x.jpg",
        "drawn_as": "NORMAL",
        "name": "Ada Sample",
        "mrn": "S-1",
        "birth_date": "2023-01-01",
        "sex": "F",
        "indication": "cough",
        "priority": "STAT",
    }
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    (film,) = films.from_manifest(tmp_path)
    assert film.path == tmp_path / "x.jpg"
    assert set(film.form) == FIELDS, (
        "what the film was drawn as is no one's business but the test's"
    )


def test_the_committed_samples_agree_with_what_their_dicoms_say() -> None:
    chosen = films.from_manifest(ROOT / "samples")
    assert len(chosen) == 12
    assert len({film.form["mrn"] for film in chosen}) == 12
    named = 0
    for film in chosen:
        stated = films._patient_of(film.path.read_bytes())
        named += bool(stated)
        family, _, given = stated.pop("name", "").partition("^")
        assert not family or film.form["name"] == f"{given} {family}"
        assert stated.items() <= film.form.items()
    assert named == 2
