"""Which network the product gets: decided by a rule, not by hand, and never by the test part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN = 0.005
MOST_MEGABYTES = 30.0
RULE = (
    f"Of the networks that fit into a bundle ({MOST_MEGABYTES:g} MB in half precision), answer yes "
    "or no with an exact activation map, and were measured in time, those within "
    f"{MARGIN:g} of the best mean ROC AUC on the hard validation count as equals; the fastest of "
    "them is the champion. The test part is not looked at."
)


@dataclass(frozen=True, slots=True)
class Candidate:
    name: str
    hard_auc: float
    milliseconds: float  # per film
    megabytes: float  # in half precision
    explains: bool
    is_binary: bool


def choose(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """The champion with the reason for or against each; its name is empty where none may be one."""
    verdicts = {c.name: _barred(c) for c in candidates}
    allowed = [c for c in candidates if not verdicts[c.name]]
    if not allowed:
        return {"rule": RULE, "name": "", "verdicts": verdicts}
    best = max(c.hard_auc for c in allowed)
    equals = [c for c in allowed if c.hard_auc >= best - MARGIN]
    for c in allowed:
        if c not in equals:
            verdicts[c.name] = f"hard ROC AUC {best - c.hard_auc:.3f} below the best"
    # a tie in time goes to the better, then by name, so that the order given decides nothing
    winner = min(equals, key=lambda c: (c.milliseconds, -c.hard_auc, c.name))
    for c in equals:
        verdicts[c.name] = "as good, but slower"
    verdicts[winner.name] = "champion"
    return {"rule": RULE, "name": winner.name, "verdicts": verdicts}


def _barred(candidate: Candidate) -> str:
    if candidate.megabytes > MOST_MEGABYTES:
        return f"too large for a bundle: {candidate.megabytes:.0f} MB"
    if not candidate.explains:
        return "no exact activation map"
    if not candidate.is_binary:
        return "not a yes-or-no head"
    return ""
