"""Make the synthetic sample films and their golden cousins, and check them.

    python -m scripts.make_sample_films DATA_FOLDER [--model BUNDLE] [--only-golden]

DATA_FOLDER holds chest_xray_train_224.zip. Writes samples/ (films, manifest.csv, README.md) and
samples/golden/. With --model, a film that the model does not clearly classify as drawn is drawn again.
The golden films are never chosen by a model: a model is checked on them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from scripts.sample_checks import Distances, Judge, write_readme
from scripts.sample_encodings import FORMATS
from scripts.sample_render import CLASSES, ClassModel, draw_size, finish, read_films

if TYPE_CHECKING:
    from scripts.sample_render import Plane

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
MOST_DRAWS = 60


class Sample(NamedTuple):
    """A film to make and the fictional child whose it is said to be."""

    file: str
    drawn_as: str
    name: str
    mrn: str
    birth_date: str
    sex: str
    indication: str
    priority: str


# Born so that they stay between 1 and 5 years old for as long as can be. file name = format
PATIENTS = [
    Sample(*row)
    for row in (
        ("film-01.jpg", "PNEUMONIA", "Ada Sample", "SAMPLE-01", "2023-03-14", "F", "Fever and cough for three days", "STAT"),
        ("film-02.jpg", "NORMAL", "Ben Example", "SAMPLE-02", "2024-01-09", "M", "Cough, chest clear on auscultation", "ROUTINE"),
        ("film-03.jpg", "PNEUMONIA", "Cleo Specimen", "SAMPLE-03", "2023-07-30", "F", "Fast breathing, oxygen saturation 91 %", "URGENT"),
        ("film-04.png", "NORMAL", "Dara Placeholder", "SAMPLE-04", "2024-05-21", "F", "Before anaesthesia", "ROUTINE"),
        ("film-05.jpg", "NORMAL", "Eli Fiction", "SAMPLE-05", "2023-10-02", "M", "Wheeze, first episode", "URGENT"),
        ("film-06.dcm", "PNEUMONIA", "Fay Mockup", "SAMPLE-06", "2023-12-17", "F", "Crackles on the right, fever", "URGENT"),
        ("film-07.jpg", "PNEUMONIA", "Gus Dummy", "SAMPLE-07", "2024-02-26", "M", "Cough for two weeks, now fever", "ROUTINE"),
        ("film-08.dcm", "NORMAL", "Hana Tryout", "SAMPLE-08", "2024-06-08", "F", "Control after pneumonia", "ROUTINE"),
        ("film-09.png", "PNEUMONIA", "Ivo Sample", "SAMPLE-09", "2023-05-05", "M", "Grunting, chest indrawing", "STAT"),
        ("film-10.jpg", "NORMAL", "Jun Example", "SAMPLE-10", "2023-09-19", "M", "Swallowed object suspected", "URGENT"),
        ("film-11.jpg", "PNEUMONIA", "Kit Specimen", "SAMPLE-11", "2024-04-11", "M", "Fever without source", "ROUTINE"),
        ("film-12.jpg", "NORMAL", "Lou Placeholder", "SAMPLE-12", "2023-01-28", "F", "Night cough, allergy suspected", "ROUTINE"),
    )
]  # fmt: skip


def draw_film(model: ClassModel, seed: list[int], height: int, grain: float) -> Plane:
    """A film (H, W) in 0..1 that depends on the seed and the class model alone."""
    rng = np.random.default_rng(seed)
    picture = model.draw(rng)
    return finish(picture, draw_size(rng, height), rng, grain)


def make_golden(models: dict[str, ClassModel]) -> list[Path]:
    folder = SAMPLES / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for code, label in enumerate(CLASSES):
        for number in range(1, 4):
            film = draw_film(models[label], [7, code, number], 240, grain=0.004)
            files.append(folder / f"{label.lower()}-{number}.png")
            picture = Image.fromarray(np.round(film * 255).astype(np.uint8))
            picture.save(files[-1], optimize=True)
    return files


def make_sample(sample: Sample, model: ClassModel, judge: Judge) -> int:
    """Write the film; returns how many draws were thrown away. Raises RuntimeError at 60."""
    number = PATIENTS.index(sample)
    for attempt in range(MOST_DRAWS):
        encode, height, grain = FORMATS[sample.file]
        data = encode(draw_film(model, [11, number, attempt], height, grain), sample)
        if judge.agrees(data, sample.drawn_as):
            (SAMPLES / sample.file).write_bytes(data)
            return attempt
    raise RuntimeError(f"{sample.file}: {MOST_DRAWS} draws and none classified as drawn")


def write_manifest() -> None:
    with (SAMPLES / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Sample._fields)
        writer.writerows(PATIENTS)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder that holds chest_xray_train_224.zip")
    parser.add_argument("--model", type=Path, help="bundle that must classify each as drawn")
    parser.add_argument("--only-golden", action="store_true")
    options = parser.parse_args(arguments)
    archive = options.data / "chest_xray_train_224.zip"
    models = {}
    for label in CLASSES:
        print(f"fitting {label}", file=sys.stderr)
        models[label] = ClassModel.fit(read_films(archive, label))
    files = make_golden(models)
    if options.only_golden:
        return 0
    judge = Judge(options.model)
    redrawn = 0
    for sample in PATIENTS:
        print(f"drawing {sample.file}", file=sys.stderr)
        redrawn += make_sample(sample, models[sample.drawn_as], judge)
    write_manifest()
    films = [SAMPLES / sample.file for sample in PATIENTS]
    print("measuring distances", file=sys.stderr)
    write_readme(SAMPLES / "README.md", Distances.measure(archive, films + files), judge, redrawn)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
