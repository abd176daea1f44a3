"""Films and heat maps as pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image as Picture

from diagnosis.models import AuditEvent, Image
from diagnosis.services import films as store
from tests import films

pytestmark = pytest.mark.django_db


def address(route: str = "film", size: str = "") -> str:
    found = reverse(route, args=[Image.objects.get().uid])
    return f"{found}?size={size}" if size else found


def picture(answer: Any) -> Picture.Image:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    return Picture.open(io.BytesIO(answer.content))


def test_a_film_is_served_as_8_bit_png_and_its_view_is_an_event(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    submit([films.as_png16(films.chest(1, size=(300, 260)))])
    answer = as_user(radiologist).get(address())
    shown = picture(answer)
    assert (shown.mode, shown.size) == ("L", (300, 260))
    event = AuditEvent.objects.get(action="FILM_VIEWED")
    assert (event.actor_name, event.object_id) == (
        radiologist.username,
        str(Image.objects.get().uid),
    )


def test_a_thumbnail_is_small(as_user: Any, submit: Any, radiologist: Any) -> None:
    submit([films.as_png8(films.chest(1, size=(600, 500)))])
    browser = as_user(radiologist)
    assert max(picture(browser.get(address(size="thumb"))).size) == 256
    assert picture(browser.get(address(size="nonsense"))).size == (600, 500)


def test_no_browser_guesses_the_type_of_a_film(as_user: Any, submit: Any, radiologist: Any) -> None:
    submit()
    assert as_user(radiologist).get(address())["X-Content-Type-Options"] == "nosniff"


def test_who_may_see_films(
    as_user: Any, submit: Any, analyse: Any, request: Any, foreign_radiologist: Any
) -> None:
    submit()
    analyse()
    expected = {"submitter": 200, "radiologist": 200, "administrator": 200, "auditor": 403}
    for route in ("film", "heat-map"):
        for role, status in expected.items():
            browser = as_user(request.getfixturevalue(role))
            assert browser.get(address(route)).status_code == status, (route, role)
        assert as_user(foreign_radiologist).get(address(route)).status_code == 404
        assert as_user(None).get(address(route)).status_code == 302


def test_a_changed_film_is_a_coded_refusal_and_no_view(
    as_user: Any, submit: Any, radiologist: Any, settings: Any
) -> None:
    submit()
    for path in store.stored():
        path.write_bytes(b"something else")
    answer = as_user(radiologist).get(address())
    assert 400 <= answer.status_code < 500
    assert "FILM_UNREADABLE" in answer.content.decode()
    assert not AuditEvent.objects.filter(action="FILM_VIEWED").exists()


def test_the_heat_map_fits_the_film_and_its_view_is_an_event(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    submit([films.as_png8(films.chest(1, size=(300, 260)))])
    browser = as_user(radiologist)
    early = browser.get(address("heat-map"))
    assert early.status_code == 404
    assert b"NO_HEAT_MAP" in early.content
    analyse()
    shown = picture(browser.get(address("heat-map")))
    assert (shown.mode, shown.size) == ("RGBA", (300, 260))
    assert AuditEvent.objects.filter(action="HEAT_MAP_VIEWED").count() == 1


def test_a_heat_map_without_colour_is_for_a_viewer_that_colours_it(
    as_user: Any, submit: Any, analyse: Any, radiologist: Any
) -> None:
    submit()
    analyse()
    browser = as_user(radiologist)
    gray = picture(browser.get(address("heat-map") + "?scale=gray"))
    coloured = picture(browser.get(address("heat-map")))
    assert (gray.mode, gray.size) == ("L", coloured.size)
    alpha = np.asarray(coloured)[:, :, 3]
    assert np.abs(np.asarray(gray) * (230 / 255) - alpha).max() <= 1
    assert AuditEvent.objects.filter(action="HEAT_MAP_VIEWED").count() == 2
