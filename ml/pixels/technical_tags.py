"""What a DICOM tells of how its film was taken. An allow-list: nothing else ever leaves the file."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from ml.pixels.dicom_tags import clean_date, clean_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CODES = (
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ImageLaterality",
    "PresentationIntentType",
    "PhotometricInterpretation",
)
_COUNTS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
_MEASURES = (
    "KVP",
    "ExposureTime",
    "XRayTubeCurrent",
    "Exposure",
    "ExposureIndex",
    "DeviationIndex",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "EstimatedRadiographicMagnificationFactor",
    "WindowCenter",
    "WindowWidth",
)
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")
_DATES = ("AcquisitionDate",)
_TEXTS = ("Manufacturer", "ManufacturerModelName")
ALLOWED = (*_CODES, *_COUNTS, *_SPACINGS, *_MEASURES, *_DATES, *_TEXTS)

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_LONGEST_TEXT = 64
# of a name or number; shorter ones are in every other word
_TELLING = 3
_LARGEST_PIXEL_MM = 10.0
_NAMES_A_PATIENT = ("PatientName", "PatientID", "AccessionNumber")


class Spacing(NamedTuple):
    """Millimetres from row to row and from column to column; at the detector, not in the patient,
    where nothing has corrected them for magnification (PS3.3 10.7.1.3).
    """

    row: float
    column: float
    at_detector: bool


def technical_tags(dataset: Dataset) -> dict[str, str]:
    """The allowed tags that are there and make sense, by keyword; others are left out."""
    found = {
        **{keyword: _code(dataset, keyword) for keyword in _CODES},
        **{keyword: _measure(dataset, keyword) for keyword in _COUNTS},
        **{keyword: _pair(dataset, keyword) for keyword in _SPACINGS},
        **{keyword: _measure(dataset, keyword) for keyword in _MEASURES},
        **{keyword: clean_date(dataset, keyword) for keyword in _DATES},
        **{keyword: _text(dataset, keyword) for keyword in _TEXTS},
    }
    return {keyword: value for keyword, value in found.items() if value}


def pixel_spacing(dataset: Dataset) -> Spacing | None:
    """What lengths on the film are measured by; None where the file does not tell."""
    stated, imager = (_spacing(dataset, keyword) for keyword in _SPACINGS)
    if stated is None:
        return Spacing(*imager, at_detector=True) if imager else None
    return Spacing(*stated, at_detector=stated == imager)


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    numbers = _numbers(dataset, keyword)
    if len(numbers) != 2 or not all(0 < number < _LARGEST_PIXEL_MM for number in numbers):
        return None
    return numbers[0], numbers[1]


def _pair(dataset: Dataset, keyword: str) -> str:
    pair = _spacing(dataset, keyword)
    return f"{pair[0]:g} x {pair[1]:g}" if pair else ""


def _measure(dataset: Dataset, keyword: str) -> str:
    numbers = _numbers(dataset, keyword)
    return f"{numbers[0]:g}" if numbers else ""


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    value = dataset.get(keyword)
    values = value if isinstance(value, (list, tuple)) or _is_multiple(value) else [value]
    try:
        numbers = [float(str(each)) for each in values]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def _is_multiple(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes))


def _code(dataset: Dataset, keyword: str) -> str:
    code = clean_text(dataset, keyword)
    return code if _CODE.fullmatch(code) else ""


def _text(dataset: Dataset, keyword: str) -> str:
    """The text, unless somebody typed the patient into it."""
    text = clean_text(dataset, keyword)[:_LONGEST_TEXT]
    named = " ".join(clean_text(dataset, keyword) for keyword in _NAMES_A_PATIENT)
    words = (word for word in re.split(r"[\W_]+", named.casefold()) if len(word) >= _TELLING)
    return "" if any(word in text.casefold() for word in words) else text
