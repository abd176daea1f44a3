"""Films at their full depth, as the viewer gets them."""

from __future__ import annotations

import gzip
import json
import struct
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from diagnosis.models import AuditEvent, Image
from diagnosis.services import films as store
from tests import films

pytestmark = pytest.mark.django_db


def address(route: str = "film-pixels") -> str:
    return reverse(route, args=[Image.objects.get().uid])


def unpacked(body: bytes) -> tuple[dict[str, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(head, grays, values) as static/js/viewer/unpack.js has them."""
    (length,) = struct.unpack_from("<I", body)
    head = json.loads(body[4 : 4 + length])
    start, size = 4 + length + 2 ** head["bits"], head["sample_bytes"]
    grays = np.frombuffer(body[4 + length : start], dtype=np.uint8)
    rows = []
    while start < len(body):
        count = min(head["block_rows"], head["height"] - len(rows)) * head["width"]
        planes = np.frombuffer(body, np.uint8, count * size, start).reshape(size, count)
        small = sum(plane.astype(np.int64) << 8 * n for n, plane in enumerate(planes))
        steps = (small >> 1) ^ -(small & 1)
        rows += list(np.cumsum(steps.reshape(-1, head["width"]), axis=1) % 2 ** (8 * size))
        start += count * size
    return head, grays, np.array(rows)


@pytest.mark.parametrize("noise", [0, 65535])
def test_16_bit_pixels_are_the_stored_ones(
    as_user: Any, submit: Any, radiologist: Any, noise: int
) -> None:
    film = films.chest(1, size=(300, 261)) ^ np.random.default_rng(1).integers(
        noise, endpoint=True, size=(261, 300), dtype=np.uint16
    )
    submit([films.as_png16(film)])
    answer = as_user(radiologist).get(address())
    head, grays, values = unpacked(answer.content)
    assert np.array_equal(values, film)
    assert (head["width"], head["height"], head["bits"]) == (300, 261, 16)
    assert (head["lowest"], head["ramp"], head["spacing"]) == (0, [0, 65535], None)
    assert (grays[0], grays[-1]) == (0, 255)


def test_a_dicom_brings_values_spacing_and_tags(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    film = films.chest(1, size=(300, 260))
    extra = {"ImagerPixelSpacing": [0.2, 0.1], "Manufacturer": "Example Imaging"}
    submit(
        [films.as_dicom(film, bits=12, photometric="MONOCHROME1", extra=extra)],
        confirm_mismatch=True,
    )
    head, _grays, values = unpacked(as_user(radiologist).get(address()).content)
    stored = films._stored_values(film, bits=12, photometric="MONOCHROME1", signed=False)
    assert np.array_equal(values, stored)
    assert head["ramp"] == [4095, 0]
    assert head["spacing"] == {"row": 0.2, "column": 0.1, "at_detector": True}
    tags = dict(head["tags"])
    assert (tags["Format"], tags["Manufacturer"]) == ("DICOM", "Example Imaging")
    assert "Fictional" not in str(head)
    assert "TEST-0001" not in str(head)


def test_an_8_bit_film_takes_a_byte_a_pixel(as_user: Any, submit: Any, radiologist: Any) -> None:
    film = films.chest(1, size=(300, 260))
    submit([films.as_png8(film)])
    head, grays, values = unpacked(as_user(radiologist).get(address()).content)
    assert head["sample_bytes"] == 1
    assert np.array_equal(values, np.round(film / 257.0))
    assert np.array_equal(grays, np.arange(256))
    assert dict(head["tags"])["Depth"] == "8 bit"


def test_it_is_zipped_for_whoever_can_read_that(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    submit([films.as_png16(films.chest(1, size=(300, 260)))])
    browser = as_user(radiologist)
    plain = browser.get(address())
    zipped = browser.get(address(), headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain
    assert zipped["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.content) == plain.content
    assert len(zipped.content) < len(plain.content)
    for answer in (plain, zipped):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer["Cache-Control"]
        assert answer["Vary"].startswith("Accept-Encoding")


def views() -> int:
    return AuditEvent.objects.filter(action="FILM_VIEWED").count()


def test_the_depth_behind_a_picture_is_the_same_look(
    as_user: Any, submit: Any, radiologist: Any, submitter: Any
) -> None:
    submit()
    browser = as_user(radiologist)
    browser.get(address("film"))
    browser.get(address())
    assert views() == 1
    as_user(submitter).get(address())
    assert views() == 2  # somebody else's look


def test_the_depth_alone_is_a_look(
    as_user: Any, submit: Any, radiologist: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit()
    browser = as_user(radiologist)
    browser.get(address())
    event = AuditEvent.objects.get(action="FILM_VIEWED")
    assert (event.actor_name, event.object_id) == (
        radiologist.username,
        str(Image.objects.get().uid),
    )
    monkeypatch.setattr("diagnosis.services.viewing._ONE_LOOK", timedelta())
    browser.get(address())
    assert views() == 2


def test_a_changed_film_is_a_coded_refusal_and_no_view(
    as_user: Any, submit: Any, radiologist: Any
) -> None:
    submit()
    for path in store.stored():
        path.write_bytes(b"something else")
    answer = as_user(radiologist).get(address())
    assert 400 <= answer.status_code < 500
    assert "FILM_UNREADABLE" in answer.content.decode()
    assert views() == 0


def test_who_may_have_it(as_user: Any, submit: Any, request: Any, foreign_radiologist: Any) -> None:
    submit()
    expected = {"submitter": 200, "radiologist": 200, "administrator": 200, "auditor": 403}
    for role, status in expected.items():
        assert as_user(request.getfixturevalue(role)).get(address()).status_code == status, role
    assert as_user(foreign_radiologist).get(address()).status_code == 404
    assert as_user(None).get(address()).status_code == 302
    assert as_user(foreign_radiologist).post(address()).status_code in {404, 405}
