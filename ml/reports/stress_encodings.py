"""The same film in the files that a site may send it in."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ml.pixels import to_png

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Film = NDArray[np.uint16]

_BITS = 12
_UID_OF_NOBODY = "2.25.1"


def _png8(film: Film) -> bytes:
    return to_png(film, max_side=None)


def _png16(film: Film) -> bytes:
    file = io.BytesIO()
    Image.fromarray(film).save(file, "PNG")
    return file.getvalue()


def _dicom(film: Film, photometric: str) -> bytes:
    """Explicit VR little endian, 12 bits, without a window."""
    top = 2**_BITS - 1
    stored = np.rint(film / (65535 / top)).astype("<u2")
    if photometric == "MONOCHROME1":
        stored = (top - stored).astype("<u2")
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID, ds.Modality = _UID_OF_NOBODY, "DX"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, photometric
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, _BITS, _BITS - 1, 0
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
    file = io.BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


BASE_ENCODING = "PNG, 8 bits"
# Canonical film uint16 (H, W) -> the bytes of a file.
ENCODINGS: dict[str, Callable[[Film], bytes]] = {
    BASE_ENCODING: _png8,
    "PNG, 16 bits": _png16,
    "DICOM MONOCHROME2, 12 bits": lambda film: _dicom(film, "MONOCHROME2"),
    "DICOM MONOCHROME1, 12 bits": lambda film: _dicom(film, "MONOCHROME1"),
}
