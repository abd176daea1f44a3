"""The viewer of the study page as a test sees it: where film points are, and what is drawn there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.functional.waiting import until

_PIXEL = """([canvas, x, y]) => {
  const at = [x, y].map((value) => Math.floor(value * canvas.width / canvas.clientWidth));
  return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
}"""
BLOCK = 40


def blocks(columns: int = 12, rows: int = 10) -> Any:
    """uint16 film of even blocks, none like another: a point well inside one reads the same at any
    size.
    """
    values = np.random.default_rng(7).permutation(columns * rows).reshape(rows, columns)
    values = 2000 + values * (60_000 // values.size)
    values[0, 0], values[0, 1] = 30_000, 30_100  # the same of 256 grays
    return np.kron(values, np.ones((BLOCK, BLOCK))).astype(np.uint16)


def middle_of(column: int, row: int) -> tuple[float, float]:
    return (column + 0.5) * BLOCK, (row + 0.5) * BLOCK


FILM = blocks()
SIZE = FILM.shape[1], FILM.shape[0]
A, B, C = middle_of(0, 0), middle_of(1, 0), middle_of(6, 4)


def value_at(point: tuple[float, float]) -> int:
    return int(FILM[int(point[1]), int(point[0])])


def as_sent(point: tuple[float, float]) -> int:
    return round(value_at(point) / 257)


class Lightbox:
    """One pane of an open study page. Points on the film are in its pixels, on the stage in CSS
    pixels from the canvas's corner.
    """

    def __init__(self, page: Any, size: tuple[int, int], pane: int = 0) -> None:
        self.page, self.size = page, size
        self.pane = page.locator("[data-pane]").nth(pane)
        self.canvas = self.pane.locator("canvas")

    def wait(self, depth: str = "first") -> None:
        wanted = '[data-depth="full"]' if depth == "full" else ':not([data-depth="none"])'
        until(
            self.page,
            "([pane, wanted]) => pane.matches(wanted)",
            arg=[self.pane.element_handle(), wanted],
        )

    def deepen(self) -> None:
        self.canvas.hover()
        self.wait("full")

    @property
    def box(self) -> dict[str, float]:
        box: dict[str, float] = self.canvas.bounding_box()
        return box

    @property
    def fit(self) -> float:
        box = self.box
        return min(box["width"] / self.size[0], box["height"] / self.size[1])

    def place(
        self, point: tuple[float, float], turn: int = 0, mirror: int = 1
    ) -> tuple[float, float]:
        """Where the fitted film shows the point."""
        box, angle = self.box, math.radians(90 * turn)
        fit = self.fit
        if turn % 2:
            fit = min(box["width"] / self.size[1], box["height"] / self.size[0])
        dx, dy = (fit * (at - side / 2) for at, side in zip(point, self.size, strict=True))
        right = dx * math.cos(angle) - dy * math.sin(angle)
        down = dx * math.sin(angle) + dy * math.cos(angle)
        return box["width"] / 2 + mirror * right, box["height"] / 2 + down

    def pixel(self, place: tuple[float, float]) -> tuple[int, int, int]:
        self.settle()
        red, green, blue = self.page.evaluate(_PIXEL, [self.canvas.element_handle(), *place])
        return red, green, blue

    def gray(self, place: tuple[float, float]) -> int:
        red, green, blue = self.pixel(place)
        assert red == green == blue
        return red

    def settle(self) -> None:
        """Two frames: what was asked for is drawn."""
        self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def move(self, place: tuple[float, float]) -> None:
        box = self.box
        self.page.mouse.move(box["x"] + place[0], box["y"] + place[1])

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], button: str = "left"
    ) -> None:
        self.move(start)
        self.page.mouse.down(button=button)
        self.move(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        self.move(end)
        self.page.mouse.up(button=button)
        self.settle()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def told(self, what: str) -> str:
        """ "zoom", "window" or "value" of the readout."""
        self.settle()
        text: str = self.pane.locator(f"[data-readout] [data-{what}]").inner_text()
        return text

    @property
    def zoom(self) -> int:
        return int(self.told("zoom").removesuffix(" %"))

    @property
    def under(self) -> tuple[int, int, int]:
        """(x, y, value) under the cursor."""
        place, value = self.told("value").split(": ")
        x, y = place.split(", ")
        return int(x), int(y), int(value)

    def number(self, label: str) -> float:
        return float(self.page.get_by_label(label, exact=True).input_value())


def opened(person: Any, study: Any, size: tuple[int, int]) -> Lightbox:
    person.go("study", study.uid)
    box = Lightbox(person.page, size)
    box.wait()
    return box


def length_of(box: Lightbox) -> tuple[float, str]:
    until(box.page, "document.querySelector('[data-said]').textContent !== ''")
    length, unit = box.page.locator("[data-said]").inner_text().split(" ", 1)
    return float(length), unit
