"""The split keeps a patient, and a film's near-duplicate, on one side."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.datasets import LabelledFilm
from ml.training.split import (
    SHARES,
    SplitError,
    check_disjoint,
    near_duplicates,
    split_csv,
    split_digest,
    split_films,
)


def films_of(patients: int, films_each: int = 3) -> list[LabelledFilm]:
    """Patients of both labels, one in three with pneumonia."""
    return [
        LabelledFilm(f"{patient}-{number}.jpeg", int(patient % 3 == 0), f"patient-{patient}")
        for patient in range(patients)
        for number in range(films_each)
    ]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), each=st.integers(1, 5))
def test_every_patient_is_in_one_part(seed: int, each: int) -> None:
    films = films_of(60, each)
    parts = split_films(films, [], seed)
    seen = defaultdict(set)
    for film, part in zip(films, parts, strict=True):
        seen[film.patient].add(part)
    assert all(len(found) == 1 for found in seen.values())


def test_parts_have_their_shares_within_each_label() -> None:
    films = films_of(600)
    parts = split_films(films, [], seed=4)
    for label in (0, 1):
        count = Counter(p for p, film in zip(parts, films, strict=True) if film.label == label)
        for part, share in SHARES.items():
            assert count[part] / count.total() == pytest.approx(share, abs=0.02)


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    films = films_of(100)
    once, again, other = (split_csv(films, split_films(films, [], seed)) for seed in (1, 1, 2))
    assert once == again
    assert split_digest(once) != split_digest(other)


def test_linked_patients_stay_together() -> None:
    films = films_of(100, 1)
    links = [(i, i + 1) for i in range(30)]  # a chain of near-duplicates
    for seed in range(5):
        assert len(set(split_films(films, links, seed)[:31])) == 1


def test_films_without_a_patient_are_their_own_patients() -> None:
    films = [LabelledFilm(f"{n}.jpeg", n % 2, None) for n in range(100)]
    assert set(split_films(films, [], 1)) == set(SHARES)


def test_a_split_by_film_is_refused() -> None:
    films = films_of(50)
    by_film = np.random.default_rng(0).choice(list(SHARES), len(films)).tolist()
    with pytest.raises(SplitError):
        check_disjoint([film.patient or "" for film in films], by_film)


def test_near_duplicates_are_found_and_strangers_are_not() -> None:
    rng = np.random.default_rng(0)
    films = np.kron(rng.integers(0, 256, (12, 16, 16)), np.ones((1, 14, 14))).astype(np.uint8)
    films[7] = np.clip(films[2] * 0.8 + 20 + rng.normal(0, 2, films[2].shape), 0, 255)
    assert near_duplicates(films) == [(2, 7)]
