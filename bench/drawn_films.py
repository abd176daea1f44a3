"""Films for measurements: drawn, and as large as those of a children's ward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import films

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1500, 1300)
QUALITY = 85  # makes them about 200 kB each


def draw(folder: Path, count: int) -> list[Path]:
    """That many different JPEGs, clear and hazy in turns."""
    paths = []
    for number in range(count):
        film = films.chest(number, haze=(number % 4) / 4, size=SIZE)
        paths.append(folder / f"film-{number:02}.jpg")
        paths[-1].write_bytes(films.as_jpeg(film, QUALITY))
    return paths
