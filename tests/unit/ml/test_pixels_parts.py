"""A small file may ask for endless work in endless parts: counted, and refused before it is done."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from ml.contracts import FilmCode, FilmError, FilmLimits
from ml.pixels import normalise, verify
from tests import films

LIMITS = FilmLimits(max_pixels=4_000_000)
FILM = films.chest(31, size=(96, 80))
EIGHT_BITS = (FILM >> 8).astype(np.uint8)
CANONICAL = EIGHT_BITS.astype(np.uint16) * 257
PICTURE = Image.fromarray(EIGHT_BITS)
JPEG = films.encoded(PICTURE, "JPEG")
PROGRESSIVE = films.encoded(PICTURE, "JPEG", progressive=True)
PNG = films.encoded(PICTURE, "PNG")
JPEG_2000 = films.encoded(PICTURE, "JPEG2000", no_jp2=True)
SCAN, END = b"\xff\xda", b"\xff\xd9"
ENDLESS = 120_000


def refused(data: bytes) -> FilmCode:
    with pytest.raises(FilmError) as caught:
        normalise(data, LIMITS)
    return caught.value.code


def in_dicom(frame: bytes, syntax: str) -> bytes:
    return films.dicom_around(FILM, encapsulate([frame]), syntax)


def frame_of(data: bytes, start: bytes) -> bytes:
    return data[data.index(start) :]


def segment(marker: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def behind_start(jpeg: bytes, inserted: bytes) -> bytes:
    return jpeg[:2] + inserted + jpeg[2:]


def behind_header(inserted: bytes) -> bytes:
    return PNG[:33] + inserted + PNG[33:]


def with_scans(jpeg: bytes, count: int) -> bytes:
    return jpeg[:-2] + jpeg[jpeg.rindex(SCAN) : -2] * count + END


class TestJpeg:
    @pytest.mark.parametrize("jpeg", [JPEG, PROGRESSIVE], ids=["baseline", "progressive"])
    def test_endless_scans(self, jpeg: bytes) -> None:
        assert refused(with_scans(jpeg, 100)) is FilmCode.UNSUPPORTED_ENCODING

    @pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
    def test_endless_scans_in_a_dicom(self, syntax: str) -> None:
        assert refused(in_dicom(with_scans(JPEG, 100), syntax)) is FilmCode.UNSUPPORTED_ENCODING

    @pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
    def test_kinds_that_the_transfer_syntax_does_not_allow(self, syntax: str) -> None:
        for frame in (PROGRESSIVE, JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1), JPEG_2000):
            assert refused(in_dicom(frame, syntax)) is FilmCode.UNSUPPORTED_ENCODING
        assert refused(in_dicom(JPEG, JPEG2000Lossless)) is FilmCode.UNSUPPORTED_ENCODING
        assert refused(in_dicom(JPEG, JPEGLSLossless)) is FilmCode.UNSUPPORTED_ENCODING

    @pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
    @pytest.mark.parametrize("marker", [0xC0, 0xC1])
    def test_kinds_that_it_allows(self, syntax: str, marker: int) -> None:
        frame = JPEG.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
        assert np.array_equal(normalise(in_dicom(frame, syntax), LIMITS), normalise(JPEG, LIMITS))

    @pytest.mark.parametrize(
        "inserted",
        [
            segment(0xE1, b"Exif\0\0MM\0*") * ENDLESS,
            segment(0xFE) * ENDLESS,
            b"\xff" * ENDLESS,
            b"\xff\xd0" * ENDLESS,
            segment(0xDB, (b"\0" + bytes(range(1, 65))) * 900) * 10,
        ],
        ids=["exif", "comments", "fill bytes", "restarts", "tables"],
    )
    def test_endless_segments(self, inserted: bytes) -> None:
        data = behind_start(JPEG, inserted)
        assert refused(data) is FilmCode.UNSUPPORTED_ENCODING
        assert refused(in_dicom(data, JPEGBaseline8Bit)) is FilmCode.UNSUPPORTED_ENCODING

    def test_endless_segments_of_jpeg_ls(self) -> None:
        frame = frame_of(films.as_dicom(FILM, transfer_syntax=JPEGLSLossless), b"\xff\xd8\xff")
        data = in_dicom(behind_start(frame, segment(0xFE) * ENDLESS), JPEGLSLossless)
        assert refused(data) is FilmCode.UNSUPPORTED_ENCODING

    def test_a_large_profile_is_no_reason_to_refuse_a_film(self) -> None:
        profile = bytes(8 * 1024 * 1024)
        data = films.encoded(PICTURE, "JPEG", icc_profile=profile, comment=b"made in a test")
        assert np.array_equal(normalise(data, LIMITS), normalise(JPEG, LIMITS))

    def test_a_second_size_is_not_believed(self) -> None:
        frame = segment(0xC0, struct.pack(">BHHB3B", 8, 15_000, 11_000, 1, 1, 0x11, 0))
        scan = JPEG.index(SCAN)
        with pytest.raises(FilmError) as caught:
            verify(JPEG[:scan] + frame + JPEG[scan:], LIMITS)
        assert caught.value.code is FilmCode.CORRUPT


class TestPng:
    @pytest.mark.parametrize("kind", [b"abCd", b"IDAT", b"tEXt"])
    def test_endless_chunks(self, kind: bytes) -> None:
        data = behind_header(films.png_chunk(kind, b"") * ENDLESS)
        assert refused(data) is FilmCode.UNSUPPORTED_ENCODING

    @pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
    def test_what_is_no_pixel_is_not_inflated(self, kind: bytes) -> None:
        packed = films.png_chunk(kind, b"a\0\0" + zlib.compress(bytes(2_000_000)))
        for data in (behind_header(packed * 100), PNG[:-12] + packed * 100 + PNG[-12:]):
            assert np.array_equal(normalise(data, LIMITS), CANONICAL)

    def test_a_second_size_is_not_believed(self) -> None:
        header = films.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
        with pytest.raises(FilmError) as caught:
            verify(behind_header(header), LIMITS)
        assert caught.value.code is FilmCode.CORRUPT


def tiled(side: int) -> bytes:
    """The header's claim alone: tiles of that side, and none of them there."""
    data = bytearray(JPEG_2000)
    struct.pack_into(">II", data, 24, side, side)
    return bytes(data)


class TestJpeg2000:
    def test_endless_tiles(self) -> None:
        data = in_dicom(tiled(1), JPEG2000Lossless)
        assert refused(data) is FilmCode.UNSUPPORTED_ENCODING

    def test_tiles_without_a_side(self) -> None:
        assert refused(in_dicom(tiled(0), JPEG2000Lossless)) is FilmCode.CORRUPT

    def test_a_film_in_tiles_is_read(self) -> None:
        frame = films.encoded(PICTURE, "JPEG2000", no_jp2=True, tile_size=(16, 16))
        assert np.array_equal(normalise(in_dicom(frame, JPEG2000Lossless), LIMITS), CANONICAL)

    def test_a_wrapped_film_is_read(self) -> None:
        frame = films.encoded(PICTURE, "JPEG2000")
        assert not frame.startswith(b"\xff\x4f")
        assert np.array_equal(normalise(in_dicom(frame, JPEG2000Lossless), LIMITS), CANONICAL)

    def test_what_was_checked_is_what_is_decoded(self) -> None:
        large = films.encoded(Image.new("L", (3000, 3000)), "JPEG2000")
        hidden = struct.pack(">I4s", 8 + len(JPEG_2000), b"free") + JPEG_2000
        box = large.index(b"jp2h") - 4
        data = in_dicom(large[:box] + hidden + large[box:], JPEG2000Lossless)
        assert np.array_equal(normalise(data, LIMITS), CANONICAL)


class TestOtherDicom:
    def test_endless_fragments(self) -> None:
        items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * ENDLESS
        value = items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        data = films.dicom_around(FILM, value, JPEGBaseline8Bit)
        assert refused(data) is FilmCode.UNSUPPORTED_ENCODING

    def test_rle_whose_runs_cross_rows_and_that_does_nothing_between_them(self) -> None:
        packed = b"".join(
            bytes([0x80, 0x80, len(run) - 1]) + run
            for run in (EIGHT_BITS.tobytes()[at : at + 100] for at in range(0, 96 * 80, 100))
        )
        header = struct.pack("<16I", 1, 64, *[0] * 14)
        gray = normalise(in_dicom(header + packed, RLELossless), LIMITS)
        assert np.array_equal(gray, CANONICAL)
