"""The files that the sample films come in: the formats that a site sends."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.sample_render import Plane

DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
STUDY_DATE = date(2026, 1, 15)
# the UIDs are made from these words: a film rendered again keeps its identity
UID_WORDS = "pneumo synthetic sample"


class Whose(Protocol):
    """The fictional patient, as `scripts.make_sample_films.Sample` has it."""

    @property
    def name(self) -> str: ...
    @property
    def mrn(self) -> str: ...
    @property
    def birth_date(self) -> str: ...
    @property
    def sex(self) -> str: ...


def _picture(film: Plane) -> Image.Image:
    return Image.fromarray(np.round(film * 255).astype(np.uint8))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(film: Plane, whose: Whose) -> bytes:
    return _saved(_picture(film), "JPEG", quality=78, optimize=True)


def png8(film: Plane, whose: Whose) -> bytes:
    return _saved(_picture(film), "PNG", optimize=True)


def png16(film: Plane, whose: Whose) -> bytes:
    """16 bits a pixel, of which the detector filled 10: as large a file as the samples can bear."""
    filled = np.round(film * 1023).astype(np.uint16)
    return _saved(Image.fromarray(filled << 6 | filled >> 4), "PNG", optimize=True)


def dicom_monochrome1(film: Plane, whose: Whose) -> bytes:
    """12 bits, MONOCHROME1, JPEG 2000."""
    stored = np.round((1 - film) * 4095).astype(np.uint16)
    ds = _dataset(whose, stored, bits=12, photometric="MONOCHROME1")
    ds.compress(JPEG2000, stored, j2k_cr=[18], generate_instance_uid=False)
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_15444_1"
    return _written(ds)


def dicom_monochrome2(film: Plane, whose: Whose) -> bytes:
    """8 bits, MONOCHROME2, baseline JPEG."""
    stored = np.round(film * 255).astype(np.uint8)
    ds = _dataset(whose, stored, bits=8, photometric="MONOCHROME2")
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([jpeg(film, whose)])
    ds["PixelData"].VR = "OB"
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    return _written(ds)


def _dataset(
    whose: Whose,
    stored: np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]],
    *,
    bits: int,
    photometric: str,
) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DX_FOR_PRESENTATION
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (
        generate_uid(entropy_srcs=[UID_WORDS, whose.mrn, part])
        for part in ("film", "study", "series")
    )
    born = date.fromisoformat(whose.birth_date)
    given, family = whose.name.split()
    ds.PatientName, ds.PatientID, ds.PatientSex = f"{family}^{given}", whose.mrn, whose.sex
    ds.PatientBirthDate = born.strftime("%Y%m%d")
    ds.PatientAge = f"{(STUDY_DATE - born).days // 30.44:03.0f}M"
    ds.StudyDate = STUDY_DATE.strftime("%Y%m%d")
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "AP"
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    ds.BurnedInAnnotation, ds.ImageComments = "NO", "Synthetic film, no patient"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, photometric
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = stored.dtype.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = 0
    ds.WindowCenter, ds.WindowWidth = 2 ** (bits - 1), 2**bits
    return ds


def _written(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


class Format(NamedTuple):
    """How a film is encoded, and the height and grain that keep all twelve within 2 MB."""

    encode: Callable[[Plane, Whose], bytes]
    height: int
    grain: float


FORMATS = {
    "film-04.png": Format(png8, 880, 0.005),
    "film-06.dcm": Format(dicom_monochrome1, 1010, 0.009),
    "film-08.dcm": Format(dicom_monochrome2, 980, 0.009),
    "film-09.png": Format(png16, 760, 0.0008),
    **{
        f"film-{number:02}.jpg": Format(jpeg, 960 + 8 * number, 0.009)
        for number in (1, 2, 3, 5, 7, 10, 11, 12)
    },
}
