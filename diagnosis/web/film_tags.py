"""What is known of how a film was taken, in words and units, for the viewer's panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from diagnosis.models import Image
    from ml.pixels import DeepFilm

# DICOM keyword -> its words and unit, in the order of the panel.
_WORDS = {
    "Modality": (_("Modality"), ""),
    "BodyPartExamined": (_("Body part"), ""),
    "ViewPosition": (_("View position"), ""),
    "ImageLaterality": (_("Laterality"), ""),
    "AcquisitionDate": (_("Acquisition date"), ""),
    "KVP": (_("Tube voltage"), "kV"),
    "XRayTubeCurrent": (_("Tube current"), "mA"),
    "ExposureTime": (_("Exposure time"), "ms"),
    "Exposure": (_("Exposure"), "mAs"),
    "ExposureIndex": (_("Exposure index"), ""),
    "DeviationIndex": (_("Deviation index"), ""),
    "DistanceSourceToDetector": (_("Source to detector"), "mm"),
    "DistanceSourceToPatient": (_("Source to patient"), "mm"),
    "EstimatedRadiographicMagnificationFactor": (_("Magnification"), ""),
    "PixelSpacing": (_("Pixel spacing"), "mm"),
    "ImagerPixelSpacing": (_("Pixel spacing at the detector"), "mm"),
    "Rows": (_("Rows"), ""),
    "Columns": (_("Columns"), ""),
    "BitsAllocated": (_("Bits allocated"), ""),
    "BitsStored": (_("Bits stored"), ""),
    "PixelRepresentation": (_("Pixel representation"), ""),
    "PhotometricInterpretation": (_("Photometric interpretation"), ""),
    "PresentationIntentType": (_("Presentation intent"), ""),
    "WindowCenter": (_("Window level"), ""),
    "WindowWidth": (_("Window width"), ""),
    "TransferSyntaxUID": (_("Transfer syntax"), ""),
    "Manufacturer": (_("Manufacturer"), ""),
    "ManufacturerModelName": (_("Model"), ""),
}


def told(image: Image, film: DeepFilm) -> list[tuple[str, str]]:
    """(what, value) of the file itself, then of a DICOM's allowed tags."""
    size = f"{image.width} x {image.height}"
    about = [
        (gettext("Format"), image.format),
        (gettext("Size"), gettext("%(size)s pixels") % {"size": size}),
        (gettext("Depth"), gettext("%(bits)s bit") % {"bits": film.bits}),
        (gettext("File"), filesizeformat(image.size_bytes)),
    ]
    tags = film.technical
    return about + [
        (str(words), f"{tags[keyword]} {unit}".strip())
        for keyword, (words, unit) in _WORDS.items()
        if keyword in tags
    ]
