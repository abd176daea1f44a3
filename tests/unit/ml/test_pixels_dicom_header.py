"""DICOM headers: identity as clean strings, and the wrong kinds refused with a way out."""

from __future__ import annotations

import logging
import struct
from typing import Any

import pytest
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from ml.contracts import FilmCode, FilmError, FilmLimits
from ml.pixels import normalise, verify
from tests import films

LIMITS = FilmLimits()
FILM = films.chest(22, size=(211, 170))


def refused(data: bytes) -> FilmCode:
    with pytest.raises(FilmError) as caught:
        normalise(data, LIMITS)
    assert caught.value.message
    return caught.value.code


def tags_of(**tags: Any) -> dict[str, str]:
    return dict(verify(films.as_dicom(FILM, **tags), LIMITS).tags)


def test_identity_tags() -> None:
    assert tags_of() == {
        "patient_name": "Fictional^Child",
        "patient_id": "TEST-0001",
        "birth_date": "2020-01-02",
        "sex": "F",
        "age_years": "3",
        "study_date": "2023-04-05",
        "accession_number": "ACC-1",
        "view_position": "AP",
        "modality": "DX",
        "photometric": "MONOCHROME2",
    }


@pytest.mark.parametrize(
    ("stated", "years"),
    [("004Y", "4"), ("018M", "1.5"), ("026W", "0.5"), ("010D", "0.03"), ("81", "3"), ("", "3")],
)
def test_age_is_the_stated_one_else_from_the_dates(stated: str, years: str) -> None:
    assert tags_of(patient_age=stated)["age_years"] == years


@pytest.mark.parametrize(
    ("study_date", "years"), [("20230101", "2"), ("20230102", "3"), ("20191231", None), ("", None)]
)
def test_birthday_counts_and_impossible_ages_do_not(study_date: str, years: str | None) -> None:
    assert tags_of(study_date=study_date).get("age_years") == years


@pytest.mark.parametrize("birth_date", ["", "20201301", "2020", "unknown"])
def test_unreadable_birth_date_is_left_out(birth_date: str) -> None:
    tags = tags_of(birth_date=birth_date)
    assert "birth_date" not in tags
    assert "age_years" not in tags


def test_name_is_cleaned_of_control_characters_and_other_scripts() -> None:
    name = "Fictional^Child\x07^^=漢字"
    tags = tags_of(patient_name=name, extra={"SpecificCharacterSet": "ISO_IR 192"})
    assert tags["patient_name"] == "Fictional^Child"


def test_identity_reaches_no_log_and_no_warning(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    marked = "CANARY" * 20
    with caplog.at_level(logging.DEBUG):
        tags_of(patient_id=marked, patient_name=marked, birth_date="CANARY", accession=marked)
    assert "CANARY" not in caplog.text
    reading = [w for w in recwarn if "filereader" in w.filename or "values" in w.filename]
    assert not reading


@pytest.mark.parametrize("modality", ["CT", "MR", "MG", "US", ""])
def test_only_plain_films_are_read(modality: str) -> None:
    assert refused(films.as_dicom(FILM, modality=modality)) is FilmCode.NOT_A_CHEST_MODALITY


def test_computed_radiography_is_read() -> None:
    assert tags_of(modality="CR")["modality"] == "CR"


def test_ct_is_refused_before_its_pixels_are_looked_at() -> None:
    assert refused(films.ct_dicom()) is FilmCode.NOT_A_CHEST_MODALITY


def test_dicom_without_pixels() -> None:
    assert refused(films.dicom_without_pixels()) is FilmCode.NO_PIXELS
    assert refused(films.as_dicom(FILM, extra={"PixelData": b""})) is FilmCode.NO_PIXELS


def test_several_frames() -> None:
    assert refused(films.as_dicom(FILM, extra={"NumberOfFrames": 2})) is FilmCode.MULTI_FRAME


@pytest.mark.parametrize(
    "extra",
    [
        {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"BitsAllocated": 32},
        {"BitsAllocated": 1},
    ],
)
def test_layouts_that_are_not_read(extra: dict[str, object]) -> None:
    assert refused(films.as_dicom(FILM, extra=extra)) is FilmCode.UNSUPPORTED_ENCODING


@pytest.mark.parametrize(
    "extra",
    [
        {"BitsStored": 20},
        {"BitsStored": 0},
        {"HighBit": 3},
        {"HighBit": 16},
        {"Rows": 0},
        {"Rows": 169},
        {"Columns": 500},
        {"RescaleSlope": "nan"},
        {"PixelData": b"\0\0"},
    ],
)
def test_contradictory_headers_are_corrupt(extra: dict[str, object]) -> None:
    assert refused(films.as_dicom(FILM, extra=extra)) is FilmCode.CORRUPT


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.58", "1.2.840.10008.1.2.8.1", "1.2.3.4"])
def test_syntaxes_that_are_not_read(syntax: str) -> None:
    plain = films.as_dicom(FILM, transfer_syntax=JPEG2000Lossless)
    named = JPEG2000Lossless.encode()
    assert plain.count(named) == 1
    data = plain.replace(named, syntax.encode().ljust(len(named), b"\0"))
    assert refused(data) is FilmCode.UNSUPPORTED_ENCODING


def test_12_bit_jpeg_is_refused_with_a_way_out() -> None:
    ds = films.dicom_dataset(FILM, bits=8, transfer_syntax=JPEGBaseline8Bit)
    ds.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    with pytest.raises(FilmError, match="JPEG-LS") as caught:
        verify(films.dicom_bytes(ds), LIMITS)
    assert caught.value.code is FilmCode.UNSUPPORTED_ENCODING


def test_a_header_that_fills_the_file_is_refused() -> None:
    data = films.as_dicom(FILM)
    pixels = data.index(b"\xe0\x7f\x10\x00")
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 200_000
    start = struct.pack("<HH2sHI", 0x0029, 0x1010, b"SQ", 0, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    stuffed = data[:pixels] + start + items + end + data[pixels:]
    with pytest.raises(FilmError):
        verify(stuffed, LIMITS)


def test_a_syntax_whose_decoder_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = films.as_dicom(FILM, transfer_syntax=JPEG2000Lossless)
    monkeypatch.setattr("ml.pixels.dicom.is_decodable", lambda _: False)
    assert refused(data) is FilmCode.UNSUPPORTED_ENCODING
