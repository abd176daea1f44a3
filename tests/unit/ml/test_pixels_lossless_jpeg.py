"""JPEG Lossless, what scanners send most: read to the bit, and no damage reaches our process."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.contracts import FilmError, FilmLimits
from ml.pixels import normalise
from tests import films

if TYPE_CHECKING:
    from pathlib import Path

gdcm = pytest.importorskip("gdcm")
LIMITS = FilmLimits()
FILM = films.chest(41, size=(97, 80))


def packed(folder: Path, bits: int, selection: str = "JPEGLosslessProcess14_1") -> bytes:
    """The film as JPEG Lossless, which only gdcm can write."""
    before, after = folder / "plain.dcm", folder / "packed.dcm"
    before.write_bytes(films.as_dicom(FILM, bits=bits))
    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(before))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, selection)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(after))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return after.read_bytes()


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("selection", ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1"])
def test_read_to_the_bit(tmp_path: Path, selection: str, bits: int) -> None:
    plain = normalise(films.as_dicom(FILM, bits=bits), LIMITS)
    assert np.array_equal(normalise(packed(tmp_path, bits, selection), LIMITS), plain)


def test_damaged_films_are_refused_by_a_process_that_lives_on(tmp_path: Path) -> None:
    whole = packed(tmp_path, 12)
    scan = whole.rindex(b"\xff\xda")
    rng = random.Random(7)  # noqa: S311 - mutations, not secrets
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(6):
            damaged[rng.randrange(scan - 60, scan + 40)] = rng.randrange(256)
        with suppress(FilmError):
            normalise(bytes(damaged), LIMITS)
