"""python -m bench.scale_child fill|serve: one full database, in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys

import django


def main() -> int:
    options = _options()
    django.setup()
    from django.conf import settings

    settings.DEBUG = False  # else Django keeps every query
    if options.what == "fill":
        return _fill(options)
    return _serve()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["fill", "serve"])
    parser.add_argument("--studies", type=int, default=0)
    parser.add_argument("--waiting", type=int, default=0)
    parser.add_argument("--to-read", type=float, default=0.1)
    parser.add_argument("--films", action="store_true", help="the films' files as well")
    return parser.parse_args()


def _fill(options: argparse.Namespace) -> int:
    from django.core.management import call_command

    from bench import scale_rows
    from bench.scale_world import Shape

    call_command("migrate", verbosity=0)
    scale_rows.generate(Shape(options.studies, options.waiting, to_read=options.to_read))
    if options.films:
        scale_rows.write_films()
    return 0


def _serve() -> int:
    """A line "measure NAME" or "plans NAME" is answered by one of JSON; the first answer is the names."""
    from bench import scale_work

    known = {operation.name: operation for operation in scale_work.operations()}
    print(json.dumps(list(known)), flush=True)
    for line in sys.stdin:
        what, _, name = line.strip().partition(" ")
        operation = known[name]
        answer = operation.measure() if what == "measure" else list(operation.plans())
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
