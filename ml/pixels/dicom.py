"""DICOM headers: read in bounded memory, refused early, identity tags taken by name."""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING, NamedTuple

from pydicom import config, uid
from pydicom.filereader import data_element_generator, read_partial
from pydicom.pixels import get_decoder
from pydicom.tag import Tag

from ml.contracts import FilmCode, FilmError, FilmHeader
from ml.pixels.codestream import BASELINE, EXTENDED, JPEG_2000, JPEG_LS, LOSSLESS
from ml.pixels.dicom_tags import identity_tags
from ml.pixels.guard import check_size, corrupt, unsupported
from ml.pixels.technical_tags import ALLOWED

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

    from ml.contracts import FilmLimits

# pydicom quotes the values it finds odd, and a patient's name must reach no log
config.settings.reading_validation_mode = config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom\.")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

MODALITIES = frozenset({"CR", "DX"})
NATIVE = frozenset(
    {uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian}
)


class Codec(NamedTuple):
    """pydicom's plug-in, the frame markers that the syntax allows, and whether the plug-in gets a
    process of its own.
    """

    plugin: str
    markers: tuple[int, ...]
    isolated: bool


_LOSSY = Codec("pillow", (BASELINE, EXTENDED), isolated=False)
_LOSSLESS = Codec("gdcm", (LOSSLESS,), isolated=True)
# never gdcm: a damaged JPEG-LS film kills its process there
_LS = Codec("pyjpegls", (JPEG_LS,), isolated=False)
_WAVELET = Codec("pylibjpeg", (JPEG_2000,), isolated=True)
CODECS = {
    uid.JPEGBaseline8Bit: _LOSSY,
    uid.JPEGExtended12Bit: _LOSSY,
    uid.JPEGLossless: _LOSSLESS,
    uid.JPEGLosslessSV1: _LOSSLESS,
    uid.JPEGLSLossless: _LS,
    uid.JPEGLSNearLossless: _LS,
    uid.JPEG2000Lossless: _WAVELET,
    uid.JPEG2000: _WAVELET,
}
# a header is parsed into objects a hundred times its size, so it may not fill the whole file;
# a real one with all its look-up tables takes some 300 KB
_HEADER_BYTES = 1024 * 1024
_META_START = 132
_TRANSFER_SYNTAX = Tag(0x0002, 0x0010)
_PIXEL_DATA = Tag(0x7FE0, 0x0010)
_PIXEL_TAGS = frozenset({_PIXEL_DATA, Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009)})
_LONG_FORM = frozenset({"OB", "OW", "UN"})
_WANTED = [
    Tag("SpecificCharacterSet"),
    Tag("StudyDate"),
    Tag("AccessionNumber"),
    Tag("Modality"),
    Tag("PatientName"),
    Tag("PatientID"),
    Tag("PatientBirthDate"),
    Tag("PatientSex"),
    Tag("PatientAge"),
    Tag("ViewPosition"),
    Tag("SamplesPerPixel"),
    Tag("PhotometricInterpretation"),
    Tag("NumberOfFrames"),
    Tag("Rows"),
    Tag("Columns"),
    Tag("BitsAllocated"),
    Tag("BitsStored"),
    Tag("HighBit"),
    Tag("PixelRepresentation"),
    Tag("WindowCenter"),
    Tag("WindowWidth"),
    Tag("VOILUTFunction"),
    Tag("RescaleIntercept"),
    Tag("RescaleSlope"),
    Tag("ModalityLUTSequence"),
    Tag("VOILUTSequence"),
    *map(Tag, ALLOWED),
]


class DicomFilm(NamedTuple):
    """A checked DICOM: data set without pixels, transfer syntax, the pixel element's VR and value."""

    dataset: Dataset
    transfer_syntax: str
    vr: str | None
    pixels: memoryview

    @property
    def header(self) -> FilmHeader:
        """Raises FilmError UNSUPPORTED_ENCODING."""
        ds = self.dataset
        return FilmHeader("DICOM", ds.Columns, ds.Rows, ds.BitsStored, identity_tags(ds))


def read_dicom(data: bytes, limits: FilmLimits) -> DicomFilm:
    """Parse and check the header; the pixels stay encoded. Raises FilmError."""
    # from the meta group, before pydicom sees the file: it inflates a deflated one whole
    transfer_syntax = _transfer_syntax(data)
    found: list[tuple[BaseTag, str | None, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in _PIXEL_TAGS:
            found.append((tag, vr, length))
        return bool(tag >= min(_PIXEL_TAGS))

    head = io.BytesIO(data[:_HEADER_BYTES])
    dataset = read_partial(head, stop_when=at_pixels, specific_tags=_WANTED)
    _check_modality(dataset)
    if not found:
        raise _no_pixels(data)
    _check_frames(dataset)
    _check_layout(dataset, transfer_syntax)
    check_size(dataset.Columns, dataset.Rows, limits)
    value = _pixel_value(data, head.tell(), *found[0])
    return DicomFilm(dataset, transfer_syntax, found[0][1], value)


def _transfer_syntax(data: bytes) -> str:
    head = io.BytesIO(data[:_HEADER_BYTES])
    head.seek(_META_START)
    meta = data_element_generator(
        head, is_implicit_VR=False, is_little_endian=True, stop_when=_after_meta
    )
    for element in meta:
        if element.tag == _TRANSFER_SYNTAX and element.value:
            name = str(element.value, "ascii").rstrip("\0 ")
            _check_transfer_syntax(name)
            return name
    raise unsupported("The DICOM does not state its transfer syntax. Export it again.")


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return bool(tag.group != 2)


def _check_transfer_syntax(name: str) -> None:
    if name not in NATIVE and name != uid.RLELossless and not is_decodable(name):
        raise unsupported(
            f"The DICOM's transfer syntax {uid.UID(name).name[:64]} is not read here. Export the "
            "film uncompressed (Explicit VR Little Endian), as JPEG-LS or as JPEG 2000."
        )


def is_decodable(transfer_syntax: str) -> bool:
    """Whether the syntax's codec is installed on this host."""
    syntax = uid.UID(transfer_syntax)
    codec = CODECS.get(syntax)
    return codec is not None and codec.plugin in get_decoder(syntax).available_plugins


def _check_modality(dataset: Dataset) -> None:
    modality = str(dataset.get("Modality") or "")
    if modality not in MODALITIES:
        raise FilmError(
            FilmCode.NOT_A_CHEST_MODALITY,
            "The DICOM is not a plain chest film: only modality CR and DX are read.",
        )


def _check_frames(dataset: Dataset) -> None:
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise FilmError(
            FilmCode.MULTI_FRAME, "The DICOM holds several frames. Send each film as its own file."
        )


def _no_pixels(data: bytes) -> FilmError:
    if len(data) > _HEADER_BYTES:
        return unsupported("The DICOM's header is too long. Export it without private data.")
    return FilmError(FilmCode.NO_PIXELS, "The DICOM holds no picture. Send the image object.")


def _check_layout(dataset: Dataset, transfer_syntax: str) -> None:
    gray = dataset.PhotometricInterpretation in {"MONOCHROME1", "MONOCHROME2"}
    if not gray or dataset.get("SamplesPerPixel", 1) != 1:
        raise unsupported("The DICOM is in colour. Export the film as MONOCHROME2.")
    if dataset.BitsAllocated not in {8, 16}:
        raise unsupported("Only 8 and 16 bits a pixel are read. Export the film with 16.")
    dataset.setdefault("HighBit", dataset.BitsStored - 1)
    dataset.setdefault("PixelRepresentation", 0)
    if not 1 <= dataset.BitsStored <= dataset.HighBit + 1 <= dataset.BitsAllocated:
        raise corrupt()
    if transfer_syntax == uid.JPEGExtended12Bit and dataset.BitsStored > 8:
        raise unsupported(
            "12-bit JPEG Extended is not read. Export the film uncompressed, as JPEG-LS or as "
            "JPEG 2000."
        )


def _pixel_value(data: bytes, start: int, tag: BaseTag, vr: str | None, length: int) -> memoryview:
    """The pixel element's value; undefined length means encapsulated, up to the file's end."""
    if tag != _PIXEL_DATA:
        raise unsupported("Floating point pixels are not read. Export the film with 16 bits.")
    start += 12 if vr in _LONG_FORM else 8
    value = memoryview(data)[start:]
    if length == 0xFFFFFFFF:
        return value
    if length == 0:
        raise FilmError(FilmCode.NO_PIXELS, "The DICOM's picture is empty.")
    if length > len(value):
        raise corrupt()
    return value[:length]
