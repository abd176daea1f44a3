"""Cohen's kappa of two who put the same cases into the same categories. Pure numbers, no database.

The interval is the asymptotic one of J. L. Fleiss, J. Cohen and B. S. Everitt, "Large sample
standard errors of kappa and weighted kappa", Psychological Bulletin 72 (1969), 323-327.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a square table of counts; kappa is None where both used one and the same category only."""

    n: int
    agreed: int
    kappa: float | None
    low: float | None  # the ends of the 95 % interval
    high: float | None

    @property
    def share(self) -> float:
        return self.agreed / self.n if self.n else 0.0


def agreement(table: Sequence[Sequence[int]]) -> Agreement:
    """`table[i][j]`: cases that the one put into category i, the other into j."""
    n = sum(map(sum, table))
    agreed = sum(row[i] for i, row in enumerate(table))
    shares = [[count / n for count in row] for row in table] if n else []
    rows = [math.fsum(row) for row in shares]
    columns = [math.fsum(column) for column in zip(*shares, strict=True)]
    by_chance = math.fsum(r * c for r, c in zip(rows, columns, strict=True))
    if not n or math.isclose(by_chance, 1):
        return Agreement(n, agreed, None, None, None)
    kappa = (agreed / n - by_chance) / (1 - by_chance)
    spread = _Z_95 * math.sqrt(_variance(shares, rows, columns) / n)
    return Agreement(n, agreed, kappa, max(kappa - spread, -1.0), min(kappa + spread, 1.0))


def _variance(
    p: Sequence[Sequence[float]], rows: Sequence[float], columns: Sequence[float]
) -> float:
    """n times the variance of kappa: equation 13 of the paper."""
    size = range(len(p))
    po = math.fsum(p[i][i] for i in size)
    pe = math.fsum(rows[i] * columns[i] for i in size)
    same = math.fsum(p[i][i] * ((1 - pe) - (columns[i] + rows[i]) * (1 - po)) ** 2 for i in size)
    other = math.fsum(p[i][j] * (columns[i] + rows[j]) ** 2 for i in size for j in size if i != j)
    total = same + (1 - po) ** 2 * other - (po * pe - 2 * pe + po) ** 2
    return max(total, 0.0) / (1 - pe) ** 4  # rounding may leave a hair below nothing
