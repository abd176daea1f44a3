"""A film at its full depth: the stored values, how they are shown, and what may be told of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from ml.contracts import FilmError, FilmLimits
from ml.pixels import full_depth, normalise
from ml.pixels.depth import to_8_bits
from ml.pixels.technical_tags import ALLOWED
from tests import films

LIMITS = FilmLimits()
SIZE = (64, 50)


def deep(data: bytes) -> Any:
    return full_depth(data, LIMITS)


def dicom(**tags: Any) -> Any:
    return deep(films.as_dicom(films.chest(1, size=SIZE), **tags))


def test_a_16_bit_png_keeps_every_value() -> None:
    film = films.chest(1, size=SIZE)
    found = deep(films.as_png16(film))
    assert (found.bits, found.lowest, found.ramp) == (16, 0, (0, 65535))
    assert np.array_equal(found.values, film)


def test_an_8_bit_film_has_8_bits() -> None:
    film = films.chest(1, size=SIZE)
    found = deep(films.as_png8(film))
    assert (found.values.dtype, found.bits, found.ramp) == (np.uint8, 8, (0, 255))
    assert np.array_equal(found.values, np.round(film / 257.0))


@pytest.mark.parametrize(("signed", "lowest"), [(False, 0), (True, -2048)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_dicoms_stored_values_come_back(signed: bool, lowest: int, photometric: str) -> None:  # noqa: FBT001
    film = films.chest(1, size=SIZE)
    tags: dict[str, Any] = {"bits": 12, "signed": signed, "photometric": photometric}
    found = deep(films.as_dicom(film, **tags))
    stored = films._stored_values(film, **tags)
    assert (found.bits, found.lowest) == (12, lowest)
    assert np.array_equal(found.values.astype(np.int64) + lowest, stored)
    black, white = found.ramp
    assert (white > black) is (photometric == "MONOCHROME2")
    assert {black, white} == {lowest, lowest + 4095}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"WindowCenter": 2000, "WindowWidth": 1000},
        {"WindowCenter": 2000, "WindowWidth": 9000},
        {"WindowCenter": 1500, "WindowWidth": 800, "VOILUTFunction": "SIGMOID"},
    ],
)
def test_its_grays_are_those_of_the_picture(extra: dict[str, Any]) -> None:
    data = films.as_dicom(films.chest(1, size=SIZE), extra=extra)
    found = deep(data)
    assert np.array_equal(found.grays[found.values], to_8_bits(normalise(data, LIMITS)))


@pytest.mark.parametrize("width", [1000, 9000])
def test_the_ramp_is_the_window_even_where_it_is_wider_than_the_values(width: int) -> None:
    black, white = dicom(extra={"WindowCenter": 2000, "WindowWidth": width}).ramp
    assert (black + white) / 2 == pytest.approx(1999.5, abs=1)
    assert white - black == pytest.approx(width - 1, rel=0.001)


@pytest.mark.parametrize(
    ("photometric", "ramp"), [("MONOCHROME2", (0, 1)), ("MONOCHROME1", (1, 0))]
)
def test_two_grays_have_a_ramp(photometric: str, ramp: tuple[int, int]) -> None:
    assert dicom(bits=1, photometric=photometric).ramp == ramp


def test_spacing_says_where_it_holds() -> None:
    assert dicom().spacing is None
    patient = dicom(extra={"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": [0.25, 0.125]})
    assert patient.spacing == (0.2, 0.1, False)
    assert dicom(extra={"ImagerPixelSpacing": [0.25, 0.125]}).spacing == (0.25, 0.125, True)
    same = {"PixelSpacing": [0.25, 0.125], "ImagerPixelSpacing": [0.25, 0.125]}
    assert dicom(extra=same).spacing == (0.25, 0.125, True)


@pytest.mark.parametrize("bad", [[0, 0.1], [-1, 1], [0.1], [11, 11]])
def test_a_spacing_that_cannot_be_is_none(bad: list[float]) -> None:
    assert dicom(extra={"PixelSpacing": bad}).spacing is None


def test_technical_tags_are_told() -> None:
    told = dicom(
        extra={
            "KVP": "70.5",
            "Exposure": "2",
            "AcquisitionDate": "20230405",
            "Manufacturer": "Example Imaging",
            "ManufacturerModelName": "DR 1",
            "BodyPartExamined": "CHEST",
            "PixelSpacing": [0.2, 0.2],
        }
    ).technical
    assert told["KVP"] == "70.5"
    assert told["AcquisitionDate"] == "2023-04-05"
    assert (told["Manufacturer"], told["ManufacturerModelName"]) == ("Example Imaging", "DR 1")
    assert (told["Modality"], told["ViewPosition"], told["BitsStored"]) == ("DX", "AP", "12")
    assert told["PixelSpacing"] == "0.2 x 0.2"
    assert told["TransferSyntaxUID"] == "Explicit VR Little Endian"


WHO = "Zebulon"


def hostile() -> bytes:
    """A patient in every corner of the file, and values that are not what their tags promise."""
    nested = Dataset()
    nested.PatientName = nested.OtherPatientIDs = WHO
    ds = films.dicom_dataset(films.chest(1, size=SIZE), patient_name=f"{WHO}^Test")
    ds.Manufacturer = f"Scanned for {WHO.upper()} on Monday"
    ds.ManufacturerModelName = "<script>alert(1)</script>\x07" + "x" * 5000
    ds.BodyPartExamined = f"chest of {WHO}"
    ds.AcquisitionDate = "20239999"
    ds.add_new("KVP", "LO", f"70 {WHO}")
    ds.add_new("Exposure", "LO", "nan")
    ds.add_new("ExposureTime", "LO", ["5", WHO])
    for keyword in ("InstitutionName", "OperatorsName", "PatientComments", "StudyDescription"):
        setattr(ds, keyword, WHO)
    ds.OtherPatientIDsSequence = Sequence([nested])
    ds.private_block(0x0011, WHO, create=True).add_new(0x01, "LO", WHO)
    return films.dicom_bytes(ds)


def test_nothing_beyond_the_allowed_tags_leaves_a_hostile_file() -> None:
    told = deep(hostile()).technical
    assert set(told) <= {*ALLOWED, "TransferSyntaxUID"}
    assert set(told).isdisjoint(
        {"Manufacturer", "BodyPartExamined", "AcquisitionDate", "KVP", "Exposure", "ExposureTime"}
    )
    assert WHO.lower() not in str(told).lower()
    assert all(len(value) <= 64 and value.isprintable() for value in told.values())


def test_damaged_files_are_film_errors() -> None:
    for data in (films.truncated_jpeg(), films.dicom_without_pixels(), b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(FilmError):
            full_depth(data, LIMITS)
