"""Labelled films on disk: what a table of findings may hold, and what a manifest tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml.datasets import DatasetError, open_films, open_listed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in ("NORMAL/a.png", "PNEUMONIA/b.png"):
        (tmp_path / "films" / name).parent.mkdir(parents=True)
        (tmp_path / "films" / name).write_bytes(b"film")
    return tmp_path / "films"


def listed(films: Path, table: str) -> tuple[tuple[str, ...], list[list[float]]]:
    path = films.parent / "findings.csv"
    path.write_text(table)
    _films, names, values = open_listed(films, path)
    return names, values


def test_an_empty_value_is_unknown(films: Path) -> None:
    table = "path,patient_id,mass,fluid\nPNEUMONIA/b.png,p2,1,\nNORMAL/a.png,p1,0,0\n"
    assert listed(films, table) == (("mass", "fluid"), [[0.0, 0.0], [1.0, -1.0]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("NORMAL/a.png,p1,yes\n", "must be 1, 0 or empty"),
        ("NORMAL/a.png,,1\n", "line 2: patient_id is missing"),
        ("NORMAL/a.png,p1,\n", "nothing is known of NORMAL/a.png"),
        ("NORMAL/c.png,p1,1\n", "lists NORMAL/c.png"),
        ("", "must list films"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(films: Path, rows: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        listed(films, "path,patient_id,mass\n" + rows)


def test_a_manifest_tells_subtype_and_true_size_where_it_knows(films: Path) -> None:
    (films / "manifest.csv").write_text(
        "path,patient_id,subtype,orig_width,orig_height\n"
        "NORMAL/a.png,p1,normal,,\nPNEUMONIA/b.png,p2,virus,1000,2000\n"
    )
    normal, ill = open_films(films).films
    assert (normal.patient, normal.subtype, normal.megapixels) == ("p1", "normal", None)
    assert (ill.patient, ill.subtype, ill.megapixels) == ("p2", "virus", 2.0)
