"""Phrases in a real browser: by key while typing, and from the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from diagnosis.models import ReportPhrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study
    from tests.functional.staff import Staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reader(staff: Callable[[Any], Staff], radiologist: Any, submit: Callable[..., Study]) -> Staff:
    ReportPhrase.objects.create(owner=radiologist, key="mine", text="As in my own words.")
    reader = staff(radiologist)
    reader.go("study", submit().uid)
    reader.page.get_by_role("button", name="Start reading").click()
    reader.page.get_by_text("You are reading this case").wait_for()
    return reader


def field(page: Any, name: str) -> Any:
    return page.get_by_role("textbox", name=name, exact=True)


def choose(page: Any, words: str) -> None:
    page.keyboard.press("ControlOrMeta+k")
    page.get_by_role("combobox", name="Find a phrase").wait_for()
    page.keyboard.type(words)
    page.keyboard.press("Enter")


@pytest.mark.parametrize(("end", "left"), [(" ", " "), ("Tab", "")])
def test_a_key_becomes_its_phrase(reader: Staff, end: str, left: str) -> None:
    text = field(reader.page, "Left lung")
    text.type("Small. .normal")
    text.press(end)
    expect(text).to_have_value(f"Small. Clear.{left}")
    reader.page.keyboard.press("ControlOrMeta+z")
    expect(text).to_have_value("Small. .normal")


def test_what_is_no_key_stays_as_typed(reader: Staff) -> None:
    text = field(reader.page, "Technique")
    text.fill("")
    text.type("AP.normal .nothing .rlz 2.5 ")
    expect(text).to_have_value("AP.normal .nothing .rlz 2.5 ")


def test_ones_own_phrase_goes_to_where_one_types(reader: Staff) -> None:
    text = field(reader.page, "Other findings")
    text.type("Before, after.")
    for _ in "after.":
        text.press("ArrowLeft")
    choose(reader.page, "own words")
    expect(text).to_have_value("Before, As in my own words.after.")
    expect(text).to_be_focused()


def test_a_template_fills_sections_keeps_what_was_typed_and_can_be_undone(reader: Staff) -> None:
    right, impression = field(reader.page, "Right lung"), field(reader.page, "Impression")
    right.fill("Nodule.")
    choose(reader.page, ".rlz")
    expect(right).to_have_value("Nodule.\nAirspace opacity in the lower zone.")
    expect(impression).to_have_value("Right lower zone consolidation, in keeping with pneumonia.")
    reader.page.get_by_role("button", name="Undo").click()
    expect(right).to_have_value("Nodule.")
    expect(impression).to_have_value("")
    assert reader.complaints == []


def test_the_palette_is_steered_by_keys(reader: Staff) -> None:
    page = reader.page
    page.get_by_role("button", name="Phrases").click()
    options = page.locator("dialog[open]").get_by_role("option")
    first = options.first
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "false")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.type("nothing like it")
    page.get_by_text("No phrase has this.").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Find a phrase")).not_to_be_visible()
