"""The viewer in a real browser: what is done to a film is read back from its canvas."""

from __future__ import annotations

from typing import Any

import pytest

from tests import films
from tests.functional.lightbox import (
    FILM,
    SIZE,
    A,
    B,
    C,
    Lightbox,
    as_sent,
    length_of,
    middle_of,
    opened,
    value_at,
)
from tests.functional.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def box(staff: Any, radiologist: Any, submit: Any) -> Any:
    """A 16-bit film of blocks on the stage; the browser's console stays clean."""
    reader = staff(radiologist)
    yield opened(reader, submit([films.as_png16(FILM)]), SIZE)
    assert reader.complaints == []


def test_window_and_presets(box: Lightbox) -> None:
    place = {point: box.place(point) for point in (A, B, C)}
    for point, there in place.items():
        assert abs(box.gray(there) - as_sent(point)) <= 1
    box.deepen()
    assert (box.number("Window width"), box.number("Window level")) == (65535, 32768)
    assert box.gray(place[A]) == box.gray(place[B]) == as_sent(A)

    box.drag(place[C], (place[C][0] - 60, place[C][1] - 40))
    width, level = box.number("Window width"), box.number("Window level")
    assert width < 60_000
    assert level < 32_000
    shows_the_window(box, width, level)
    box.drag(place[C], (place[C][0] + 30, place[C][1] + 20), button="right")
    assert box.number("Window width") > width
    assert box.number("Window level") > level
    assert box.page.get_by_label("Window preset").input_value() == ""

    # No 8-bit picture tells these two blocks apart.
    box.page.get_by_label("Window width").fill("400")
    box.page.get_by_label("Window level").fill("30050")
    box.page.keyboard.press("Enter")
    box.canvas.click(position={"x": 5, "y": 5})
    shows_the_window(box, 400, 30_050)
    assert box.gray(place[B]) - box.gray(place[A]) == pytest.approx(255 * 100 / 400, abs=2)

    before = box.gray(place[A])
    box.press("i")
    assert box.gray(place[A]) == 255 - before
    button = box.page.get_by_role("button", name="Invert black and white")
    assert button.get_attribute("aria-pressed") == "true"
    box.press("i")
    presets_differ(box)


def shows_the_window(box: Lightbox, width: float, level: float) -> None:
    for point in (A, B, C):
        share = (value_at(point) - (level - width / 2)) / width
        expected = min(max(share, 0), 1) * 255
        assert box.gray(box.place(point)) == pytest.approx(expected, abs=2)


def presets_differ(box: Lightbox) -> None:
    seen = set()
    for key, name in {"1": "sent", "2": "auto", "3": "lung", "4": "dense", "5": "full"}.items():
        box.press(key)
        assert box.page.get_by_label("Window preset").input_value() == name
        shows_the_window(box, box.number("Window width"), box.number("Window level"))
        seen.add((box.number("Window width"), box.number("Window level")))
    assert len(seen) == 4  # this film was sent with its full range
    box.page.get_by_label("Window preset").select_option("lung")
    assert (
        box.told("window")
        == f"W {box.number('Window width'):.0f} L {box.number('Window level'):.0f}"
    )


def test_zoom_pan_and_orientation(box: Lightbox) -> None:
    box.deepen()
    zooms_to_the_cursor(box)
    box.press("f", "p")
    there = box.place(C)
    box.drag(there, (there[0] + 70, there[1] - 30))
    assert box.under[:2] == pytest.approx(C, abs=1)
    box.press("f", "z")
    box.drag(there, (there[0], there[1] - 40))
    assert box.zoom > round(box.fit * 100)

    box.press("o")
    assert box.zoom == 100
    box.press("+", "-", "-")
    assert box.zoom == 80
    box.press("f")
    assert box.zoom == round(box.fit * 100)

    assert not box.pane.get_by_text("Turned or mirrored").is_visible()
    box.press("r")
    is_shown_as(box, turn=1)
    assert box.pane.get_by_text("Turned or mirrored").is_visible()
    box.press("x")
    is_shown_as(box, turn=1, mirror=-1)
    box.press("r")  # clockwise for the eye, mirrored or not
    is_shown_as(box, turn=0, mirror=-1)
    box.press("y")
    is_shown_as(box, turn=2)
    box.press("0")
    is_shown_as(box)


def zooms_to_the_cursor(box: Lightbox) -> None:
    there = box.place(C)
    before = box.zoom
    box.move(there)
    assert box.under == pytest.approx((*C, value_at(C)), abs=1)
    for _ in range(5):
        box.page.mouse.wheel(0, -200)
    assert box.zoom > 3 * before
    assert box.under[:2] == pytest.approx(C, abs=1)
    assert box.under[2] == value_at(C)
    assert box.gray(there) == as_sent(C)
    box.move((there[0] + 50, there[1]))
    assert box.under[0] - C[0] == pytest.approx(50 / (box.zoom / 100), abs=2)


def is_shown_as(box: Lightbox, *, turn: int = 0, mirror: int = 1) -> None:
    for point in (A, C, middle_of(11, 9), middle_of(0, 9)):
        assert box.gray(box.place(point, turn, mirror)) == as_sent(point)


def test_lengths_magnifier_and_full_screen(box: Lightbox) -> None:
    box.deepen()
    undo = box.page.get_by_role("button", name="Remove the last measurement")
    assert undo.is_disabled()
    box.press("m")
    start, end, between = (100.0, 100.0), (420.0, 340.0), middle_of(6, 5)
    box.drag(box.place(start), box.place(end))
    assert length_of(box) == (pytest.approx(400, abs=2), "px")
    on_the_line = box.place(between)
    assert box.pixel(on_the_line) != (as_sent(between),) * 3
    box.press("r")
    box.press("r", "r", "r")
    assert box.pixel(on_the_line) != (as_sent(between),) * 3
    box.press("u")
    box.move((3, 3))
    assert box.gray(on_the_line) == as_sent(between)
    assert undo.is_disabled()

    box.press("g")
    there = box.place(C)
    box.move(there)
    beside = (there[0] + 75, there[1])
    assert box.gray(beside) == as_sent((C[0] + 75 / box.fit / 2.5, C[1]))
    box.press("w")
    assert box.gray(beside) == as_sent((C[0] + 75 / box.fit, C[1]))

    box.press("e")
    until(box.page, "document.fullscreenElement?.matches('[data-viewer]')")
    assert box.page.get_by_text("Research use only, not a diagnosis.").first.is_visible()
    box.press("e")
    until(box.page, "!document.fullscreenElement")


def test_by_keyboard_alone(box: Lightbox) -> None:
    box.canvas.focus()
    box.press("ArrowRight")
    box.wait("full")
    box.press("0", "+", "+", "+", "ArrowRight", "ArrowDown")
    x, y, _ = box.under
    assert x > SIZE[0] / 2
    assert y > SIZE[1] / 2
    box.press("m", "Space", "ArrowRight", "Space")
    length, unit = length_of(box)
    assert unit == "px"
    assert length == pytest.approx(box.under[0] - x, abs=1)
    width = box.number("Window width")
    box.press("Shift+ArrowLeft")
    assert box.number("Window width") < width
    box.page.get_by_label("Keyboard help").click()
    assert box.page.get_by_role("dialog").get_by_text("Invert black and white").is_visible()
    box.press("i")
    assert box.page.locator("[data-do=invert]").get_attribute("aria-pressed") == "false"


def test_every_tool_is_a_labelled_button_with_its_own_key(box: Lightbox) -> None:
    keys: list[str] = []
    for button in box.page.locator("[data-tool], [data-do]:not([hidden])").all():
        key = (button.get_attribute("data-key") or "").split()[0]
        keys.append(key)
        if button.locator("svg").count():
            assert button.get_attribute("aria-label")
            assert f"({key})" in (button.get_attribute("title") or "")
    assert len(keys) == len(set(keys)) > 15
    assert box.canvas.get_attribute("role") == "application"
    assert "Film 1 · PNG · 480" in (box.canvas.get_attribute("aria-label") or "")


def test_two_fingers_zoom_and_move(box: Lightbox) -> None:
    box.deepen()
    before, (x, y) = box.zoom, box.place(C)
    corner = box.box
    touch = box.page.context.new_cdp_session(box.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": corner["x"] + px, "y": corner["y"] + py, "id": number}
            for number, (px, py) in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (x - 40, y))
    fingers("touchStart", (x - 40, y), (x + 40, y))
    for apart in (60, 80, 100, 120):
        fingers("touchMove", (x - apart, y), (x + apart, y))
    fingers("touchEnd")
    assert box.zoom == pytest.approx(before * 3, rel=0.03)
    assert box.gray((x, y)) == as_sent(C)
    assert box.page.get_by_label("Window preset").input_value() == "sent"
