"""The one path for pixels, from a file's bytes to the model's input and back to a picture.

Intake, training, evaluation, serving and replay all call these functions, so a film means the
same everywhere. numpy, Pillow and pydicom only: the web process may import this package.
"""

from ml.pixels.depth import DeepFilm
from ml.pixels.film import full_depth, normalise, sniff, verify, verify_and_normalise
from ml.pixels.model_input import PREPROCESSING_ID, preprocess
from ml.pixels.render import evidence_png, overlay_png, to_png

__all__ = [
    "PREPROCESSING_ID",
    "DeepFilm",
    "evidence_png",
    "full_depth",
    "normalise",
    "overlay_png",
    "preprocess",
    "sniff",
    "to_png",
    "verify",
    "verify_and_normalise",
]
