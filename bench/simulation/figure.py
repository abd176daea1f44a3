"""The films of a second against the number of workers, with what nothing can pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

from bench.simulation import capacity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.simulation.outcome import Outcome
    from bench.simulation.times import Plan, Times


def draw(times: Times, plan: Plan, lines: Mapping[str, Sequence[Outcome]], out: Path) -> None:
    """One line for each load, by its name; the outcomes by workers."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for name, outcomes in lines.items():
        counts = [outcome.workers for outcome in outcomes]
        axes.plot(counts, [outcome.done for outcome in outcomes], marker="o", ms=4, label=name)
    counts = sorted({outcome.workers for outcomes in lines.values() for outcome in outcomes})
    rates = [capacity.limit(times, plan, workers=count).rate for count in counts]
    first = capacity.shared_limit(times, plan)
    label = f"limit: workers, then {first.resource} ({first.rate:.0f} films/s)"
    axes.plot(counts, rates, color="black", linestyle="--", label=label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="workers",
        ylabel="films analysed in a second of the busiest hour",
        title="Where more workers stop helping (simulated)",
    )
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, title="films a day")
    figure.savefig(out, dpi=150)
    plt.close(figure)
