"""What one installation's parts take, as measured, and how the installation is set."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

# Films of each hour from midnight on, as shares of a day: wards by day, emergencies by night.
DAY = (
    0.015, 0.012, 0.010, 0.010, 0.010, 0.015, 0.030, 0.055, 0.080, 0.085, 0.085, 0.075,
    0.065, 0.070, 0.070, 0.065, 0.055, 0.045, 0.035, 0.030, 0.025, 0.022, 0.020, 0.016,
)  # fmt: skip
STEPS = ("submit", "look", "claim", "heartbeat", "record", "result", "seen", "sweep")


class TimesError(ValueError):
    """The file of times cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction, in milliseconds.

    cores_ms: on a core of the database server, beside others. log_ms: writing its part of the
    write-ahead log, one after the other. client_ms: in the process that asks.
    """

    cores_ms: float
    log_ms: float
    client_ms: float

    def minus(self, part: Step) -> Step:
        """What is left beside a part of it; a part that was measured larger leaves nothing."""
        return Step(
            max(0.0, self.cores_ms - part.cores_ms),
            max(0.0, self.log_ms - part.log_ms),
            max(0.0, self.client_ms - part.client_ms),
        )

    def over(self, count: int) -> Step:
        return Step(self.cores_ms / count, self.log_ms / count, self.client_ms / count)


@dataclass(frozen=True, slots=True)
class Times:
    """Of one installation.

    look is a claim that finds nothing; claim is what each claimed film adds to it. record writes a
    batch of one result; result is what each further one adds to it. skip_ms is what a
    claim pays for each row that another claim holds. flush_ms: the log reaches the disk, for all
    transactions that wait for it at once.
    """

    film_ms: float
    film_mb: float
    cores: int  # of the database server
    flush_ms: float
    skip_ms: float
    message_ms: float
    store_mb_s: float
    steps: dict[str, Step]


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings that matter, with the product's defaults; see docs/settings.md."""

    batch: int = 8
    poll_s: float = 2.0
    lease_s: float = 30.0
    sweep_s: float = 2.0


def peak_rate(films_a_day: float) -> float:
    """Films a second in the busiest hour."""
    return films_a_day * max(DAY) / sum(DAY) / 3600


def films_a_day(rate: float) -> float:
    """The day whose busiest hour has that many films a second."""
    return rate * 3600 * sum(DAY) / max(DAY)


def save(times: Times, path: Path) -> None:
    path.write_text(json.dumps(asdict(times), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Times:
    """Raises TimesError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        steps = {name: Step(**step) for name, step in raw.pop("steps").items()}
        times = Times(**raw, steps=steps)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TimesError(f"{path.name} holds no times: {error}") from error
    _check(times)
    return times


def _check(times: Times) -> None:
    if lacking := sorted(set(STEPS) - times.steps.keys()):
        raise TimesError(f"The times lack {', '.join(lacking)}.")
    above_zero = ("film_ms", "film_mb", "cores", "store_mb_s")
    for name, value in _numbers(times):
        if value < 0 or (value == 0 and name in above_zero):
            raise TimesError(f"{name} is {value}.")


def _numbers(times: Times) -> list[tuple[str, Any]]:
    own = [(one.name, getattr(times, one.name)) for one in fields(times) if one.name != "steps"]
    return own + [
        (f"{name}.{part}", value)
        for name, step in times.steps.items()
        for part, value in asdict(step).items()
    ]
