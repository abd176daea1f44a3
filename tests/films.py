"""Films made up in the test: a drawn chest, its encodings, and bytes that mean harm.

Pictures are uint16 (height, width) over 0..65535, bright = dense tissue, as `ml.pixels` has them.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Film = NDArray[np.uint16]
    Plane = NDArray[np.float64]

DX_STORAGE = "1.2.840.10008.5.1.4.1.1.1.1"
CR_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
_COMPRESSED_BY_PYDICOM = {RLELossless, JPEG2000Lossless, JPEGLSLossless}


def _bump(x: Plane, y: Plane, centre: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """1 inside the ellipse, 0 outside, with a soft edge."""
    distance = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2
    soft: Plane = 1 / (1 + np.exp(np.clip((distance - 1) * 6, -50, 50)))
    return soft


def _lungs(x: Plane, y: Plane) -> Plane:
    lungs = _bump(x, y, (0.30, 0.50), (0.15, 0.33)) + _bump(x, y, (0.70, 0.50), (0.15, 0.33))
    domes = _bump(x, y, (0.30, 0.98), (0.24, 0.22)) + _bump(x, y, (0.70, 1.00), (0.24, 0.22))
    return np.clip(lungs - domes, 0, 1)


def _ribs(x: Plane, y: Plane) -> Plane:
    arch = y + 0.9 * (np.abs(x - 0.5) - 0.2) ** 2
    return np.clip(np.sin(arch * 2 * np.pi * 9), 0, 1) ** 2


def chest(seed: int, haze: float = 0.0, size: tuple[int, int] = (600, 500)) -> Film:
    """A drawn frontal chest; ``haze`` from 0 (clear lungs) to 1 (white); size is (width, height)."""
    width, height = size
    rng = np.random.default_rng(seed)
    shift, lift, brightness = rng.uniform((-0.02, -0.02, 0.95), (0.02, 0.02, 1.05))
    y, x = np.meshgrid(
        np.linspace(0, 1, height) + lift, np.linspace(0, 1, width) + shift, indexing="ij"
    )
    lungs = _lungs(x, y)
    body = 0.62 * _bump(x, y, (0.5, 0.62), (0.49, 0.62)) * brightness
    spine = 0.16 * _bump(x, y, (0.5, 0.5), (0.05, 0.9))
    heart = 0.22 * _bump(x, y, (0.55, 0.66), (0.14, 0.19))
    picture = 0.04 + body - 0.46 * lungs + spine + heart + 0.07 * _ribs(x, y) * (0.3 + lungs)
    patches = sum(
        _bump(x, y, (rng.uniform(0.2, 0.8), rng.uniform(0.35, 0.75)), (0.16, 0.14))
        for _ in range(4)
    )
    picture += haze * lungs * (0.25 + 0.25 * np.clip(patches, 0, 1))
    picture += rng.normal(0, 0.012, picture.shape)
    film: Film = np.round(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
    return film


def _to_8_bits(film: Film) -> NDArray[np.uint8]:
    return np.round(film / 257.0).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The image as a file of that Pillow format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def as_jpeg(film: Film, quality: int = 95) -> bytes:
    return encoded(Image.fromarray(_to_8_bits(film)), "JPEG", quality=quality)


def as_png8(film: Film) -> bytes:
    return encoded(Image.fromarray(_to_8_bits(film)), "PNG")


def as_png16(film: Film) -> bytes:
    return encoded(Image.fromarray(film), "PNG")


def _stored_values(film: Film, *, bits: int, photometric: str, signed: bool) -> NDArray[np.generic]:
    top = 2**bits - 1
    stored = np.round(film.astype(np.float64) * top / 65535).astype(np.int64)
    if photometric == "MONOCHROME1":
        stored = top - stored
    if signed:
        stored -= 2 ** (bits - 1)
    depth = 8 if bits <= 8 else 16
    as_stored: NDArray[np.generic] = stored.astype(f"{'i' if signed else 'u'}{depth // 8}")
    return as_stored


def _describe_pixels(ds: Dataset, stored: NDArray[np.generic], bits: int, photometric: str) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = photometric
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated = stored.dtype.itemsize * 8
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 1 if stored.dtype.kind == "i" else 0


def _put_pixels(ds: Dataset, stored: NDArray[np.generic], transfer_syntax: str) -> None:
    if transfer_syntax == JPEGBaseline8Bit:
        frame = encoded(Image.fromarray(stored.astype(np.uint8)), "JPEG", quality=95)
        ds.PixelData = encapsulate([frame])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = transfer_syntax
    elif transfer_syntax in _COMPRESSED_BY_PYDICOM:
        ds.compress(transfer_syntax, stored, generate_instance_uid=False)
    else:
        raw = stored.tobytes()
        ds.PixelData = raw + b"\0" * (len(raw) % 2)
        ds["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
        ds.file_meta.TransferSyntaxUID = transfer_syntax


def dicom_bytes(ds: Dataset) -> bytes:
    """The data set as a DICOM file with preamble and meta group."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def dicom_dataset(
    film: Film,
    *,
    photometric: str = "MONOCHROME2",
    bits: int = 12,
    modality: str = "DX",
    patient_id: str = "TEST-0001",
    patient_name: str = "Fictional^Child",
    birth_date: str = "20200102",
    sex: str = "F",
    study_date: str = "20230405",
    patient_age: str = "",
    accession: str = "ACC-1",
    view_position: str = "AP",
    transfer_syntax: str = ExplicitVRLittleEndian,
    signed: bool = False,
    extra: Mapping[str, object] | None = None,
) -> Dataset:
    """A CR or DX data set around the film; ``extra`` sets or overrides tags by keyword."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CR_STORAGE if modality == "CR" else DX_STORAGE
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (
        generate_uid(entropy_srcs=[patient_id, accession, part])
        for part in ("sop", "study", "series")
    )
    ds.Modality, ds.ViewPosition, ds.AccessionNumber = modality, view_position, accession
    ds.PatientID, ds.PatientName, ds.PatientSex = patient_id, patient_name, sex
    ds.PatientBirthDate, ds.StudyDate, ds.PatientAge = birth_date, study_date, patient_age
    stored = _stored_values(film, bits=bits, photometric=photometric, signed=signed)
    _describe_pixels(ds, stored, bits, photometric)
    _put_pixels(ds, stored, transfer_syntax)
    for keyword, value in (extra or {}).items():
        setattr(ds, keyword, value)
    return ds


def as_dicom(film: Film, **tags: object) -> bytes:
    """The film as a DICOM file; arguments as for `dicom_dataset`."""
    return dicom_bytes(dicom_dataset(film, **tags))  # type: ignore[arg-type]


def dicom_around(film: Film, pixels: bytes, transfer_syntax: str) -> bytes:
    """A DICOM of the film's size and 8 bits whose encapsulated pixels are these, whatever they are."""
    ds = dicom_dataset(film, bits=8)
    ds.file_meta.TransferSyntaxUID = transfer_syntax
    ds.PixelData = pixels
    ds["PixelData"].VR = "OB"
    return dicom_bytes(ds)


def empty() -> bytes:
    return b""


def text_named_jpg() -> bytes:
    """What somebody saved as film.jpg: plain text."""
    return b"This is a letter, not a film.\n" * 40


def truncated_jpeg() -> bytes:
    whole = as_jpeg(chest(1))
    return whole[: len(whole) // 2]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_header_png(side: int = 30_000) -> bytes:
    """A few hundred bytes whose header claims side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


def ct_dicom() -> bytes:
    """A well-formed DICOM of the wrong kind: a CT slice."""
    return as_dicom(chest(2, size=(256, 256)), modality="CT", extra={"SOPClassUID": CTImageStorage})


def dicom_without_pixels() -> bytes:
    ds = dicom_dataset(chest(3, size=(256, 256)))
    del ds.PixelData
    return dicom_bytes(ds)


def deflated_bomb_dicom(megabytes: int = 64) -> bytes:
    """A deflated DICOM that is small on disk and ``megabytes`` large once inflated."""
    ds = dicom_dataset(chest(4, size=(256, 256)))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.PixelData = bytes(megabytes * 1024 * 1024)
    return dicom_bytes(ds)


def animated_png() -> bytes:
    frames = [Image.fromarray(_to_8_bits(chest(seed, size=(200, 200)))) for seed in (5, 6)]
    return encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
