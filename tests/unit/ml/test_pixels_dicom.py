"""DICOM films: stored values as the standard maps them, whatever the encoding."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ml.contracts import FilmLimits
from ml.pixels import normalise
from tests import films

LIMITS = FilmLimits()
FILM = films.chest(21, size=(211, 170))  # odd on purpose: an odd number of bytes is padded


def normal(**tags: Any) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return normalise(films.as_dicom(FILM, **tags), LIMITS)


@pytest.mark.parametrize(
    ("bits", "photometric", "signed"),
    list(itertools.product((8, 10, 12, 15, 16), ("MONOCHROME1", "MONOCHROME2"), (False, True))),
)
def test_every_depth_polarity_and_sign_is_the_same_film(
    bits: int, photometric: str, *, signed: bool
) -> None:
    gray = normal(bits=bits, photometric=photometric, signed=signed)
    step = 65535 / (2**bits - 1)
    assert np.abs(gray.astype(int) - FILM).max() <= step / 2 + 1


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
        JPEGLSLossless,
    ],
)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_syntaxes_agree(syntax: str, bits: int) -> None:
    assert np.array_equal(normal(bits=bits, transfer_syntax=syntax), normal(bits=bits))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_signed_values_survive_compression(syntax: str) -> None:
    assert np.array_equal(normal(signed=True, transfer_syntax=syntax), normal(signed=True))


def test_jpeg_inside_dicom_is_the_film_within_its_loss() -> None:
    gray = normal(bits=8, transfer_syntax=JPEGBaseline8Bit)
    assert np.abs(gray.astype(int) - normal(bits=8)).mean() < 3 * 257


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_big_endian(vr: str) -> None:
    stored = np.round(FILM / 257.0).astype(np.uint8).tobytes()
    ds = films.dicom_dataset(FILM, bits=8, transfer_syntax=ExplicitVRBigEndian)
    if vr == "OW":
        stored = b"".join(bytes(pair) for pair in zip(stored[1::2], stored[::2], strict=True))
    ds.PixelData = stored
    ds["PixelData"].VR = vr
    assert np.array_equal(normalise(films.dicom_bytes(ds), LIMITS), normal(bits=8))


def test_big_endian_16_bits() -> None:
    ds = films.dicom_dataset(FILM, bits=16, transfer_syntax=ExplicitVRBigEndian)
    ds.PixelData = FILM.byteswap().tobytes()
    assert np.array_equal(normalise(films.dicom_bytes(ds), LIMITS), FILM)


def test_bits_outside_the_stored_ones_are_ignored() -> None:
    ds = films.dicom_dataset(FILM, bits=12)
    values = np.frombuffer(ds.PixelData, dtype=np.uint16)
    ds.PixelData = (values | 0xF000).tobytes()
    assert np.array_equal(normalise(films.dicom_bytes(ds), LIMITS), normal(bits=12))


def test_high_bit_tells_where_the_value_lies() -> None:
    ds = films.dicom_dataset(FILM, bits=12)
    ds.PixelData = (np.frombuffer(ds.PixelData, dtype=np.uint16) << 4).tobytes()
    ds.HighBit = 15
    assert np.array_equal(normalise(films.dicom_bytes(ds), LIMITS), normal(bits=12))


def ramp(**extra: Any) -> list[int]:
    """What the stored values 0, 1000, 2000, 3000 and 4095 of a 12-bit film come out as."""
    values = np.array([0, 1000, 2000, 3000, 4095] * 2, dtype=np.uint16)
    ds = films.dicom_dataset(FILM, bits=12, extra=extra)
    ds.Rows, ds.Columns, ds.PixelData = 2, 5, values.tobytes()
    return [int(v) for v in normalise(films.dicom_bytes(ds), LIMITS)[0]]


def share(value: float) -> int:
    return round(min(max(value, 0), 1) * 65535)


def test_without_a_window_the_stored_range_is_shown() -> None:
    assert ramp() == [share(v / 4095) for v in (0, 1000, 2000, 3000, 4095)]


def test_linear_window_as_in_the_standard() -> None:
    expected = [share((v - 1999.5) / 1999 + 0.5) for v in (0, 1000, 2000, 3000, 4095)]
    assert ramp(WindowCenter=2000, WindowWidth=2000) == expected


def test_first_of_several_windows_counts() -> None:
    several = ramp(WindowCenter=[2000, 100], WindowWidth=[2000, 10])
    assert several == ramp(WindowCenter=2000, WindowWidth=2000)


def test_window_applies_to_rescaled_values() -> None:
    rescaled = ramp(RescaleSlope=2, RescaleIntercept=-100, WindowCenter=2000, WindowWidth=2001)
    assert rescaled == [
        share((2 * v - 100 - 1999.5) / 2000 + 0.5) for v in (0, 1000, 2000, 3000, 4095)
    ]


def test_negative_slope_turns_the_film() -> None:
    turned = ramp(RescaleSlope=-1, RescaleIntercept=4095)
    assert turned == [share(1 - v / 4095) for v in (0, 1000, 2000, 3000, 4095)]


def test_linear_exact_and_sigmoid_windows() -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 2000}
    stored = np.array((0, 1000, 2000, 3000, 4095))
    exact = ramp(VOILUTFunction="LINEAR_EXACT", **window)
    assert exact == [share((v - 2000) / 2000 + 0.5) for v in stored]
    sigmoid = ramp(VOILUTFunction="SIGMOID", **window)
    assert sigmoid == [share(1 / (1 + np.exp(-4 * (v - 2000) / 2000))) for v in stored]


@pytest.mark.parametrize(("centre", "width"), [(2000, 0), (2000, -5), (2000, 1), ("", "")])
def test_senseless_window_is_not_used(centre: object, width: object) -> None:
    assert ramp(WindowCenter=centre, WindowWidth=width) == ramp()


def table_item(entries: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), 0, 16])
    item.add_new("LUTData", "US", entries)
    return item


def test_voi_table_wins_over_the_window() -> None:
    entries = [65535 - 16 * value for value in range(4096)]
    shown = ramp(VOILUTSequence=[table_item(entries)], WindowCenter=2000, WindowWidth=2000)
    assert shown == [65535 - 16 * v for v in (0, 1000, 2000, 3000, 4095)]


def test_modality_table_is_applied() -> None:
    entries = [(value // 1000) * 1000 for value in range(4096)]
    shown = ramp(ModalityLUTSequence=[table_item(entries)])
    assert shown == [share(v / 4000) for v in (0, 1000, 2000, 3000, 4000)]


def test_near_lossless_jpeg_ls_is_the_film_within_its_bound() -> None:
    ds = films.dicom_dataset(FILM, bits=12)
    stored = np.frombuffer(ds.PixelData, dtype=np.uint16).reshape(FILM.shape)
    ds.compress(JPEGLSNearLossless, stored, jls_error=3)
    gray = normalise(films.dicom_bytes(ds), LIMITS).astype(int)
    assert 0 < np.abs(gray - normal(bits=12)).max() <= round(3 * 65535 / 4095) + 1
