"""What one simulated window showed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.simulation.capacity import WORKERS

FULL = 0.95


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of so many workers under such a load."""

    workers: int
    offered: float  # films a second
    done: float
    waits: list[float] = field(repr=False)  # seconds from commit to result
    used: dict[str, float]
    grown: int  # by how many films the backlog grew

    @property
    def keeps_up(self) -> bool:
        return self.grown < 0.05 * len(self.waits) + 10

    @property
    def full(self) -> str:
        """The shared resource that is full; else the workers, if they are."""
        shared = {name: share for name, share in self.used.items() if name != WORKERS}
        most = max(shared, key=shared.__getitem__)
        if shared[most] >= FULL:
            return most
        return WORKERS if self.used[WORKERS] >= FULL else ""
