"""The stress report's figure: how far scores move, by change and strength."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_COLUMNS = 5
_INK, _QUIET, _ACCENT, _RULE = "#222222", "#6b6b6b", "#0b5c8a", "#e4e4e4"
_REFUSED = "#b3400e"


def draw_stress(report: dict[str, Any], path: Path) -> None:
    """One panel a change on one common scale, as PNG. Draws numbers alone, no film."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["change"] for row in report["changes"]))
    lines = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(14, 2.7 * lines + 1.3), layout="constrained", facecolor="white")
    panels = figure.subplots(lines, _COLUMNS, sharey=True, squeeze=False).ravel()
    top = max(row["maximum"] or 0 for row in report["changes"])
    for panel, name in zip(panels, names, strict=False):
        _panel(panel, [row for row in report["changes"] if row["change"] == name])
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    panels[0].set_ylim(0, max(top * 1.2, 0.02))
    for first in panels[::_COLUMNS]:
        first.set_ylabel("|change of probability|", color=_QUIET, fontsize=9)
    _explain(figure, panels[0], report)
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})


def _panel(panel: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    panel.set_title(rows[0]["change"], loc="left", fontsize=11, color=_INK)
    graded = len(rows) > 1
    ticks = [f"{row['strength']:g}" if graded else "" for row in rows]
    panel.set_xticks(range(len(rows)), ticks, fontsize=9)
    panel.set_xlabel(rows[0]["unit"], color=_QUIET, fontsize=8)
    panel.set_xlim(-0.6, len(rows) - 0.4)
    panel.grid(axis="y", color=_RULE, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(length=0, labelcolor=_QUIET)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(_QUIET)
    for x, row in enumerate(rows):
        if row["scored"]:
            panel.vlines(x, row["median"], row["p95"], color=_ACCENT, linewidth=6, alpha=0.35)
            panel.plot(x, row["median"], "o", color=_ACCENT, markersize=6)
            panel.plot(x, row["maximum"], "_", color=_INK, markersize=9, markeredgewidth=1.5)
        if row["not_assessable"]:
            panel.text(
                x,
                0.99,
                f"{row['not_assessable']}",
                transform=panel.get_xaxis_transform(),
                ha="center",
                va="top",
                color=_REFUSED,
                fontsize=9,
                fontweight="bold",
            )


def _explain(figure: Any, panel: Any, report: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    model = report["model"]
    figure.suptitle(
        f"{model['name']} {model['version']}: how far the score moves when the film changes, "
        f"{report['films']['compared']} films. Research use only, not a diagnosis.",
        fontsize=12,
        color=_INK,
        x=0.01,
        ha="left",
    )
    keys = [
        Line2D([], [], color=_ACCENT, marker="o", linestyle="", label="median"),
        Line2D([], [], color=_ACCENT, linewidth=6, alpha=0.35, label="up to the 95th percentile"),
        Line2D([], [], color=_INK, marker="_", linestyle="", markeredgewidth=1.5, label="largest"),
        Line2D(
            [], [], color=_REFUSED, marker="$n$", linestyle="", label="films refused by the gate"
        ),
    ]
    figure.legend(handles=keys, loc="outside lower left", ncols=4, frameon=False, fontsize=9)
