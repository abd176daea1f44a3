"""JPEG and PNG of every kind come out as one canonical gray film."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ml.contracts import FilmCode, FilmError, FilmLimits
from ml.pixels import normalise, sniff, verify
from tests import films

LIMITS = FilmLimits()
FILM = films.chest(11, size=(300, 240))
EIGHT_BITS = np.round(FILM / 257.0).astype(np.uint8)
CANONICAL = EIGHT_BITS.astype(np.uint16) * 257


def refused(data: bytes, limits: FilmLimits = LIMITS) -> FilmCode:
    with pytest.raises(FilmError) as caught:
        normalise(data, limits)
    assert caught.value.message
    return caught.value.code


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (films.as_jpeg(FILM), "JPEG"),
        (films.as_png8(FILM), "PNG"),
        (films.as_dicom(FILM), "DICOM"),
    ],
)
def test_type_is_read_from_the_bytes(data: bytes, kind: str) -> None:
    assert sniff(data) == kind
    header = verify(data, LIMITS)
    assert (header.format, header.width, header.height) == (kind, 300, 240)


@pytest.mark.parametrize(
    "data",
    [
        films.text_named_jpg(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\x03\x04" + bytes(200),
        b"GIF89a" + bytes(200),
        b"II*\x00" + bytes(200),
        bytes(128) + b"DICX",
        bytes(131),
    ],
)
def test_other_types_are_refused(data: bytes) -> None:
    assert refused(data) is FilmCode.UNSUPPORTED_TYPE


def test_nothing_is_refused_as_empty() -> None:
    assert refused(films.empty()) is FilmCode.EMPTY


def test_8_bits_are_spread_over_the_whole_scale() -> None:
    assert np.array_equal(normalise(films.as_png8(FILM), LIMITS), CANONICAL)


def test_16_bits_keep_their_depth() -> None:
    header = verify(films.as_png16(FILM), LIMITS)
    assert header.bits == 16
    assert np.array_equal(normalise(films.as_png16(FILM), LIMITS), FILM)


def test_jpeg_is_the_film_within_its_loss() -> None:
    gray = normalise(films.as_jpeg(FILM, quality=98), LIMITS)
    assert gray.dtype == np.uint16
    assert np.abs(gray.astype(int) - CANONICAL).mean() < 2 * 257


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_gray_film_stored_in_another_mode_is_the_same_film(mode: str) -> None:
    data = films.encoded(Image.fromarray(EIGHT_BITS).convert(mode), "PNG")
    assert np.array_equal(normalise(data, LIMITS), CANONICAL)


def test_cmyk_jpeg_is_the_film_within_its_loss() -> None:
    data = films.encoded(Image.fromarray(EIGHT_BITS).convert("CMYK"), "JPEG", quality=98)
    assert np.abs(normalise(data, LIMITS).astype(int) - CANONICAL).mean() < 3 * 257


def test_1_bit_png_is_black_and_white() -> None:
    bits = EIGHT_BITS > 128
    data = films.encoded(Image.fromarray(bits), "PNG")
    assert np.array_equal(normalise(data, LIMITS), bits.astype(np.uint16) * 65535)


def test_palette_index_is_not_mistaken_for_gray() -> None:
    reversed_palette = Image.fromarray(255 - EIGHT_BITS, "P")
    reversed_palette.putpalette([255 - i // 3 for i in range(768)])
    assert np.array_equal(normalise(films.encoded(reversed_palette, "PNG"), LIMITS), CANONICAL)


def test_transparent_parts_are_black() -> None:
    picture = Image.fromarray(EIGHT_BITS).convert("RGBA")
    picture.putalpha(
        Image.fromarray(
            np.where(np.arange(300) < 150, 0, 255)[None].repeat(240, 0).astype(np.uint8)
        )
    )
    gray = normalise(films.encoded(picture, "PNG"), LIMITS)
    assert not gray[:, :150].any()
    assert np.array_equal(gray[:, 150:], CANONICAL[:, 150:])


def with_orientation(orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return films.encoded(Image.fromarray(EIGHT_BITS), kind, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_pillow_would(orientation: int) -> None:
    from PIL import ImageOps

    data = with_orientation(orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    gray = normalise(data, LIMITS)
    assert np.array_equal(gray, expected.astype(np.uint16) * 257)
    header = verify(data, LIMITS)
    assert (header.height, header.width) == gray.shape


def test_orientation_of_a_jpeg_is_applied() -> None:
    assert normalise(with_orientation(6, "JPEG"), LIMITS).shape == (300, 240)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientation_is_ignored(orientation: int) -> None:
    assert np.array_equal(normalise(with_orientation(orientation), LIMITS), CANONICAL)


@pytest.mark.parametrize("order", [b"II*\0", b"MM\0*"])
def test_orientation_is_read_in_either_byte_order(order: bytes) -> None:
    numbers = "<" if order == b"II*\0" else ">"
    entries = struct.pack(f"{numbers}IH", 8, 2)
    entries += struct.pack(f"{numbers}HHIHH", 0x0100, 3, 1, 7, 0)
    entries += struct.pack(f"{numbers}HHIHH", 0x0112, 3, 1, 3, 0)
    data = films.encoded(Image.fromarray(EIGHT_BITS), "PNG", exif=order + entries)
    assert np.array_equal(normalise(data, LIMITS), CANONICAL[::-1, ::-1])


@pytest.mark.parametrize(
    "exif", [b"", b"MM\0*", b"MM\0*\0\0\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"XX"]
)
def test_broken_exif_does_not_refuse_a_film(exif: bytes) -> None:
    data = films.encoded(Image.fromarray(EIGHT_BITS), "PNG", exif=b"Exif\0\0" + exif)
    assert np.array_equal(normalise(data, LIMITS), CANONICAL)


def test_verify_decodes_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    data = [films.as_jpeg(FILM), films.as_png8(FILM), with_orientation(6)]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    assert [verify(film, LIMITS).format for film in data] == ["JPEG", "PNG", "PNG"]


def test_film_over_the_size_limit_is_refused() -> None:
    data = films.as_png8(FILM)
    assert refused(data, FilmLimits(max_bytes=len(data) - 1)) is FilmCode.TOO_LARGE
    assert verify(data, FilmLimits(max_bytes=len(data))).width == 300


@pytest.mark.parametrize("encode", [films.as_jpeg, films.as_png8, films.as_dicom])
def test_film_over_the_pixel_limit_is_refused(encode: object) -> None:
    data = encode(FILM)  # type: ignore[operator]
    assert refused(data, FilmLimits(max_pixels=300 * 240 - 1)) is FilmCode.TOO_MANY_PIXELS
    assert verify(data, FilmLimits(max_pixels=300 * 240)).height == 240
