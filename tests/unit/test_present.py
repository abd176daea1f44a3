"""Words and numbers as people read them."""

from __future__ import annotations

from datetime import date

import pytest

from diagnosis.models.patient import full_months
from diagnosis.web.present import Score, age, duration, percent


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "< 0.1 %"),
        (0.0004, "< 0.1 %"),
        (0.5, "50.0 %"),
        (0.4967, "49.7 %"),
        (0.999, "99.9 %"),
        (0.9996, "> 99.9 %"),
        (1.0, "> 99.9 %"),
    ],
)
def test_no_probability_is_shown_as_a_certainty(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("born", "on", "text"),
    [
        (date(2023, 5, 2), date(2026, 5, 1), "2 y"),
        (date(2023, 5, 2), date(2026, 5, 2), "3 y"),
        (date(2026, 1, 31), date(2026, 2, 28), "0 mo"),
        (date(2024, 6, 1), date(2026, 5, 31), "23 mo"),
        (date(2024, 6, 1), date(2026, 6, 1), "2 y"),
    ],
)
def test_age_is_told_in_full_years_or_months(born: date, on: date, text: str) -> None:
    assert age(full_months(born, on)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (59, "0 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (-5400, "1 h 30 min"),
        (86340, "23 h"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_label_is_taken_at_the_decision_point_itself() -> None:
    assert Score(0.5, 0.5).label == "Suggests pneumonia"
    assert Score(0.4999, 0.5).label == "Does not suggest pneumonia"
