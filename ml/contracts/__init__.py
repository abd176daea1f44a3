"""What the rest of the product may know of a classifier: types, codes and one protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]


class FilmError(ValueError):
    """The bytes cannot be taken as a chest film. Bad input: told to the user, never retried."""

    def __init__(self, code: FilmCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FilmCode(StrEnum):
    """Why bytes are refused at the door."""

    EMPTY = "EMPTY"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    CORRUPT = "CORRUPT"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    NOT_A_CHEST_MODALITY = "NOT_A_CHEST_MODALITY"
    NO_PIXELS = "NO_PIXELS"
    MULTI_FRAME = "MULTI_FRAME"
    UNSUPPORTED_ENCODING = "UNSUPPORTED_ENCODING"


class GateCode(StrEnum):
    """Why a stored film gets no score ("not assessable")."""

    TOO_SMALL = "TOO_SMALL"
    BLANK_OR_SATURATED = "BLANK_OR_SATURATED"
    NOT_CHEST = "NOT_CHEST"
    LATERAL_OR_ROTATED = "LATERAL_OR_ROTATED"
    INVERTED = "INVERTED"
    TEXT_OR_SCREENSHOT = "TEXT_OR_SCREENSHOT"
    OUT_OF_DISTRIBUTION = "OUT_OF_DISTRIBUTION"


@dataclass(frozen=True, slots=True)
class GateFinding:
    """The quality gate's refusal: a code, and a sentence that says what to do."""

    code: GateCode
    message: str


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """Bounds checked on the header, before anything is decoded."""

    max_bytes: int = 50 * 1024 * 1024
    max_pixels: int = 40_000_000


@dataclass(frozen=True, slots=True)
class FilmHeader:
    """What is known of a film before its pixels are decoded. Never logged: it may name a patient.

    ``tags`` holds what a DICOM says of itself: patient_name, patient_id, birth_date and
    study_date (ISO), sex, age_years, accession_number, view_position, modality; empty for other
    formats.
    """

    format: str  # "JPEG", "PNG" or "DICOM"
    width: int
    height: int
    bits: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One film's score.

    ``probability`` is P(pneumonia) in [0, 1], calibrated; it may be non-finite when the model is
    broken, and the caller must refuse it then. ``activation_map`` is float32 (h, w), the exact
    class activation in calibrated logit units: its mean is the logit of ``probability``, above 0
    speaks for pneumonia, below 0 against it. None where the architecture explains nothing.
    """

    probability: float
    activation_map: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class ClassifierInfo:
    """Identity of a loaded model, as its manifest states it."""

    name: str
    version: str
    digest: str  # SHA-256 of manifest.json, which holds the digests of all other files
    preprocessing_id: str
    input_size: int
    threshold: float  # the `decision` operating point
    explains: bool
    engine: str
    films_at_once: int = 1  # more in one call are no faster


class Classifier(Protocol):
    """A loaded, verified model. Thread-confined: the caller serialises calls."""

    @property
    def info(self) -> ClassifierInfo: ...

    def classify(self, batch: FloatArray) -> Sequence[Prediction]:
        """Score preprocessed films.

        batch: float32 (n, input_size, input_size, 1), values in [0, 1] as `ml.pixels.preprocess`
        gives them. Returns n predictions in order; a film's score does not depend on its
        neighbours.
        """
        ...


class Progress(Protocol):
    """Told of every step of long work: what is done, how many of how many."""

    def __call__(self, what: str, done: int, total: int) -> None: ...
