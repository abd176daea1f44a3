"""Pictures that are no chest films, for the quality gate. Training and held-out sources differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ml.quality.appearance import NOT_CHEST, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    UInt8Array = NDArray[np.uint8]

_SIDE = 224
_WORDS = "the film was read on and shows left right lower zone no change report name date 12 37 40"
_FONTS = {False: ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif"), True: ("STIXGeneral", "cmr10")}
_NOISE = {False: ("white", "gradient", "checks", "cloud2"), True: ("stripes", "rings", "cloud1")}
_SCANS = {
    False: ("CT_small.dcm", "693_J2KI.dcm", "examples_palette.dcm", "image_dfl.dcm"),
    True: ("MR_small.dcm", "JPEG2000.dcm", "examples_rgb_color.dcm", "examples_ybr_color.dcm"),
}


@dataclass(frozen=True, slots=True)
class NotFilm:
    """``picture`` is uint8 (224, 224); ``kind`` names where it comes from."""

    picture: UInt8Array
    kind: str
    label: str


def not_films(number: int, *, held_out: bool, seed: int) -> Iterator[NotFilm]:
    """`number` pictures of each kind, from the sources of training or those held out."""
    rng = np.random.default_rng([seed, int(held_out)])
    sources = [np.asarray(image, np.uint8) for image in _pictures(held_out=held_out)]
    scans = [np.asarray(image, np.uint8) for image in _scans(held_out=held_out)]
    for _ in range(number):
        yield NotFilm(_crop(sources, rng), "photograph or drawing", NOT_CHEST)
        yield NotFilm(_crop(scans, rng), "other modality", NOT_CHEST)
        yield NotFilm(_noise(str(rng.choice(_NOISE[held_out])), rng), "noise", NOT_CHEST)
        yield NotFilm(_page(rng, held_out=held_out), "page or terminal", TEXT)
        yield NotFilm(_table(rng, held_out=held_out), "table or plot", TEXT)


def _pictures(*, held_out: bool) -> list[Image.Image]:
    import matplotlib as mpl
    from sklearn.datasets import load_sample_images

    china, flower = (Image.fromarray(image) for image in load_sample_images().images)
    samples = Path(mpl.get_data_path()) / "sample_data"
    name = "Minduka_Present_Blue_Pack.png" if held_out else "grace_hopper.jpg"
    return [(flower if held_out else china).convert("L"), Image.open(samples / name).convert("L")]


def _scans(*, held_out: bool) -> Iterator[Image.Image]:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    for name in _SCANS[held_out]:
        path = get_testdata_file(name, download=False)
        if not isinstance(path, str):
            continue
        pixels = dcmread(path).pixel_array.astype(np.float32)
        frame = pixels[0] if pixels.ndim > 2 and pixels.shape[-1] > 4 else pixels
        frame = frame[0] if frame.ndim > 3 else frame
        gray = frame.mean(-1) if frame.ndim > 2 else frame
        low, high = np.percentile(gray, (1, 99))
        scaled = np.clip((gray - low) / max(high - low, 1), 0, 1) * 255
        yield Image.fromarray(scaled.astype(np.uint8))


def _crop(sources: list[UInt8Array], rng: np.random.Generator) -> UInt8Array:
    source = sources[int(rng.integers(len(sources)))]
    height, width = (round(side * rng.uniform(0.4, 1)) for side in source.shape)
    top, left = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(source.shape, (height, width), strict=True)
    )
    part = Image.fromarray(source[top : top + height, left : left + width])
    picture = np.asarray(part.resize((_SIDE, _SIDE)), np.float32) / 255
    picture = np.rot90(picture, int(rng.integers(4))) ** rng.uniform(0.6, 1.6)
    if rng.random() < 0.5:
        picture = 1 - picture
    cropped: UInt8Array = np.rint(picture * 255).astype(np.uint8)
    return cropped


def _noise(kind: str, rng: np.random.Generator) -> UInt8Array:
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    angle, pitch = rng.uniform(0, 2 * np.pi), rng.uniform(1, 12)
    along = x * np.cos(angle) + y * np.sin(angle)
    if kind == "white":
        field = rng.normal(size=x.shape)
    elif kind == "gradient":
        field = along
    elif kind == "checks":
        field = np.sign(np.sin(x * pitch * 3) * np.sin(y * pitch * 3))
    elif kind == "stripes":
        field = np.sin(along * pitch * 3)
    elif kind == "rings":
        field = np.sin(np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)) * pitch * 3)
    else:
        field = _cloud(float(kind[-1]), rng)
    low, high = field.min(), field.max()
    noise: UInt8Array = np.rint((field - low) / (high - low) * 255).astype(np.uint8)
    return noise


def _cloud(slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.fft2(rng.normal(size=(_SIDE, _SIDE)))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.fftfreq(_SIDE))
    frequency[0, 0] = np.inf
    field: NDArray[np.float64] = np.fft.ifft2(spectrum / frequency**slope).real
    return field


def _sheet(
    rng: np.random.Generator, *, held_out: bool
) -> tuple[Image.Image, ImageDraw.ImageDraw, ImageFont.FreeTypeFont, int]:
    import matplotlib as mpl

    paper = int(rng.choice([0, 30, 230, 255]))
    name = f"{rng.choice(_FONTS[held_out])}.ttf"
    font = ImageFont.truetype(
        str(Path(mpl.get_data_path()) / "fonts/ttf" / name), int(rng.integers(9, 30))
    )
    image = Image.new("L", (_SIDE * 2, _SIDE * 2), paper)
    return image, ImageDraw.Draw(image), font, 255 - paper


def _small(image: Image.Image) -> UInt8Array:
    return np.asarray(image.resize((_SIDE, _SIDE)), np.uint8)


def _page(rng: np.random.Generator, *, held_out: bool) -> UInt8Array:
    image, draw, font, ink = _sheet(rng, held_out=held_out)
    margin, pitch = int(rng.integers(5, 50)), round(font.size * rng.uniform(1.1, 2))
    for y in range(margin, _SIDE * 2 - margin, pitch):
        words = rng.choice(_WORDS.split(), int(rng.integers(1, 14)))
        draw.text((margin, y), " ".join(words), fill=ink, font=font)
    return _small(image)


def _table(rng: np.random.Generator, *, held_out: bool) -> UInt8Array:
    image, draw, font, ink = _sheet(rng, held_out=held_out)
    side, cell = _SIDE * 2, int(rng.integers(30, 110))
    for at in range(int(rng.integers(5, 30)), side, cell):
        draw.line((at, 0, at, side), fill=ink, width=2)
        draw.line((0, at, side, at), fill=ink, width=2)
        draw.text((at + 4, at + 4), str(rng.choice(_WORDS.split())), fill=ink, font=font)
    if rng.random() < 0.5:
        xs = np.linspace(0, side, 40)
        ys = np.cumsum(rng.normal(0, 30, 40)) + side / 2
        draw.line([*zip(xs.tolist(), ys.tolist(), strict=True)], fill=ink, width=4)
    return _small(image)
