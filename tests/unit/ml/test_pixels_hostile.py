"""Bytes that mean harm: always a FilmError, soon, and in little memory."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from ml.contracts import FilmCode, FilmError, FilmLimits
from ml.pixels import normalise, verify, verify_and_normalise
from tests import films

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = FilmLimits(max_pixels=4_000_000)
FILM = films.chest(31, size=(96, 80))
WHOLE = {
    "jpeg": films.as_jpeg(FILM),
    "progressive": films.encoded(
        Image.fromarray((FILM >> 8).astype("uint8")), "JPEG", progressive=True
    ),
    "png8": films.as_png8(FILM),
    "png16": films.as_png16(FILM),
    "dicom": films.as_dicom(FILM),
    "rle": films.as_dicom(FILM, transfer_syntax=RLELossless),
    "jpeg2000": films.as_dicom(FILM, transfer_syntax=JPEG2000Lossless),
    "jpeg-ls": films.as_dicom(FILM, transfer_syntax=JPEGLSLossless),
    "jpeg in dicom": films.as_dicom(FILM, bits=8, transfer_syntax=JPEGBaseline8Bit),
}


def refused(data: bytes, limits: FilmLimits = LIMITS) -> FilmCode:
    with pytest.raises(FilmError) as caught:
        normalise(data, limits)
    return caught.value.code


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        with suppress(FilmError):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def encapsulated(frame: bytes, syntax: str) -> bytes:
    return films.dicom_around(FILM, encapsulate([frame]), syntax)


@pytest.mark.parametrize("kind", WHOLE)
def test_the_whole_film_is_read(kind: str) -> None:
    header, pixels = verify_and_normalise(WHOLE[kind], LIMITS)
    assert pixels.shape == (80, 96)
    assert header == verify(WHOLE[kind], LIMITS)
    assert np.array_equal(pixels, normalise(WHOLE[kind], LIMITS))


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_cut_film_is_corrupt(kind: str, kept: float) -> None:
    data = WHOLE[kind]
    assert refused(data[: int(len(data) * kept)]) in {FilmCode.CORRUPT, FilmCode.NO_PIXELS}


@pytest.mark.parametrize("kind", ["png8", "png16", "dicom", "rle", "jpeg-ls"])
def test_one_missing_byte_is_noticed(kind: str) -> None:
    assert refused(WHOLE[kind][:-1]) is FilmCode.CORRUPT


def test_truncated_jpeg() -> None:
    assert refused(films.truncated_jpeg()) is FilmCode.CORRUPT


def test_changed_png_pixels_are_noticed() -> None:
    data = bytearray(WHOLE["png8"])
    data[len(data) // 2] ^= 0x10
    assert refused(bytes(data)) is FilmCode.CORRUPT


def test_huge_png_header_is_refused_without_the_memory() -> None:
    data = films.huge_header_png()
    assert refused(data, FilmLimits()) is FilmCode.TOO_MANY_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's bomb warning would mean that Pillow was asked
        assert peak_bytes(lambda: verify(data, FilmLimits())) < 1_000_000


def test_deflated_dicom_is_refused_before_it_is_inflated() -> None:
    data = films.deflated_bomb_dicom(megabytes=64)
    assert refused(data) is FilmCode.UNSUPPORTED_ENCODING
    assert peak_bytes(lambda: verify(data, LIMITS)) < 4_000_000


def test_rle_that_expands_past_the_film_takes_no_memory() -> None:
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    data = encapsulated(header + bytes([129, 200]) * 1_000_000, RLELossless)  # 128 MB if expanded
    assert peak_bytes(lambda: normalise(data, LIMITS)) < 30_000_000


def test_codestream_larger_than_the_header_says_is_refused_unread() -> None:
    large = Image.new("L", (3000, 3000))
    for kind, syntax, options in (
        ("JPEG", JPEGBaseline8Bit, {}),
        ("JPEG2000", JPEG2000Lossless, {"no_jp2": True}),
    ):
        data = encapsulated(films.encoded(large, kind, **options), syntax)
        assert refused(data) is FilmCode.CORRUPT
        assert peak_bytes(partial(normalise, data, LIMITS)) < 4_000_000


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA])
def test_lossless_and_arithmetic_jpeg_are_refused_by_name(marker: int) -> None:
    data = WHOLE["jpeg"].replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    assert refused(data) is FilmCode.UNSUPPORTED_ENCODING


def test_12_bit_jpeg_is_refused_by_name() -> None:
    start = WHOLE["jpeg"].index(b"\xff\xc0")
    data = bytearray(WHOLE["jpeg"])
    data[start + 4] = 12
    assert refused(bytes(data)) is FilmCode.UNSUPPORTED_ENCODING


def test_animated_png_is_refused() -> None:
    assert refused(films.animated_png()) is FilmCode.MULTI_FRAME


def test_out_of_memory_is_said_as_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ml.pixels.film.decode_raster", exhausted)
    assert refused(WHOLE["png8"]) is FilmCode.TOO_MANY_PIXELS


def test_no_message_quotes_the_file() -> None:
    data = films.as_dicom(FILM, patient_name="CANARY^CANARY", extra={"Rows": 7})
    with pytest.raises(FilmError) as caught:
        normalise(data, LIMITS)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None


FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A whole film with some bytes overwritten, inserted or removed."""
    data = bytearray(WHOLE[draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(draw(st.integers(1, 8))):
        # half of the blows in the first bytes: the headers
        reach = draw(st.sampled_from([min(900, len(data)), len(data)]))
        at = draw(st.integers(0, reach - 1))
        blow = draw(st.sampled_from(["overwrite", "insert", "remove"]))
        if blow == "overwrite":
            data[at] = draw(st.integers(0, 255))
        elif blow == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            del data[at : at + draw(st.integers(1, 16))]
    return bytes(data)


@FUZZ
@given(mutated())
def test_mutated_films_raise_nothing_but_film_errors(data: bytes) -> None:
    with suppress(FilmError):
        assert normalise(data, LIMITS).dtype == "uint16"


@FUZZ
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", bytes(128) + b"DICM"]),
    st.binary(max_size=300),
)
@example(b"\xff\xd8\xff", b"")
@example(bytes(128) + b"DICM", b"")
def test_noise_behind_the_right_first_bytes(start: bytes, rest: bytes) -> None:
    with suppress(FilmError):
        normalise(start + rest, LIMITS)
