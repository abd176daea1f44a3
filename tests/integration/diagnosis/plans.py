"""How much of the tables a query looks at, as its plan tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db import connection

from bench.scale_work import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

_TABLES = "diagnosis_(?:study|image|job|patient|reading)"
_ROWS = re.compile(rf" on {_TABLES} .*actual.* rows=(\d+) loops=(\d+)")
_PASSED_OVER = re.compile(r"Rows Removed by (?:Index Recheck|Join Filter|Filter): (\d+)")
_WHOLE_TABLE = re.compile(rf"SCAN {_TABLES}$", re.MULTILINE)
SORTED = "TEMP B-TREE FOR ORDER BY"


def prefer_indexes() -> None:
    """Small tables are scanned by right; so PostgreSQL is told to prefer an index."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute("SET LOCAL jit = off")  # a way that is off costs enough to compile for


def plans_of(act: Callable[[], Any]) -> list[str]:
    """The plan of each query that `act` makes."""
    return list(Operation("", act).plans())


def visited(plan: str) -> int:
    """Rows that PostgreSQL looked at."""
    found = sum(int(rows) * int(loops) for rows, loops in _ROWS.findall(plan))
    return found + sum(map(int, _PASSED_OVER.findall(plan)))


def assert_bounded(plan: str, most: int) -> None:
    if connection.vendor == "postgresql":
        assert visited(plan) <= most, plan
    else:
        assert not _WHOLE_TABLE.search(plan), plan
