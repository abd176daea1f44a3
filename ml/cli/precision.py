"""python -m ml check-precision"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.words import progress

if TYPE_CHECKING:
    import argparse


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check-precision", help="approve a lower precision where it changes no decision"
    )
    check.set_defaults(run=_check)
    add = check.add_argument
    add("--data", type=Path, required=True, help="zip or folder with NORMAL/ and PNEUMONIA/")
    add("--cache", type=Path, required=True, help="the worker's: engines/ in PNEUMO_DATA_DIR")
    add("--bundle", type=Path, help="default: the last folder below models/")
    add("--precision", default="bfloat16", choices=["bfloat16"])


def _check(options: argparse.Namespace) -> int:
    from ml import bundle
    from ml.cli.serving import chosen
    from ml.datasets import open_films
    from ml.reports.precision import assessable, check_precision

    directory = chosen(options.bundle)
    size = int(bundle.load_manifest(directory).raw["input_size"])
    films = assessable(open_films(options.data), size, progress)
    try:
        found = check_precision(directory, options.cache, options.precision, films)
    except bundle.BundleError as error:
        print(json.dumps({"precision": options.precision, "refused": error.code}))
        raise ValueError(str(error)) from error
    print(json.dumps(found))
    return 0
