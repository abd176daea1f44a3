"""The figures of a comparison, from its JSON alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    Entry = Mapping[str, Any]

_TEST = "test_clean"
_CHAMPION, _OTHER = "#1f5f8b", "#9aa5b1"
_ACROSS = 4


def draw(report: Mapping[str, Any], out: Path) -> None:
    """Write all figures into `out`."""
    makers = {
        "hard.png": _hard,
        "scores.png": _scores,
        "cost.png": _cost,
        "curves.png": _curves,
        "confusion.png": _confusion,
        "training.png": _training,
    }
    for name, make in makers.items():
        make(report).savefig(out / name, dpi=130)


def ranked(report: Mapping[str, Any]) -> list[Entry]:
    """Entrants, the best of the hard validation first."""
    return sorted(report["entrants"], key=lambda e: -e["hard"]["roc_auc"]["value"])


def _hard(report: Mapping[str, Any]) -> Figure:
    """ROC AUC of every entrant on every trial, as a table of colour."""
    entries, names = ranked(report), report["trials"]
    values = np.array([[e["hard"]["trials"][name] for name in names] for e in entries])
    figure = Figure(
        figsize=(2.6 + 0.55 * len(names), 1.6 + 0.36 * len(entries)), layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(values, cmap="RdYlBu", vmin=0.5, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        pale = 0.62 < value < 0.92
        axes.text(
            column, row, f"{value:.2f}".replace("1.00", "1.0").lstrip("0"), ha="center", va="center",
            fontsize=7, color="black" if pale else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(entries)), [e["name"] for e in entries], fontsize=8)
    axes.set_title("ROC AUC on the trials of the hard validation", fontsize=10, loc="left")
    figure.colorbar(image, ax=axes, shrink=0.7)
    return figure


def _scores(report: Mapping[str, Any]) -> Figure:
    """The paper's Figure 9, with intervals: accuracy and loss, and what the choice is made by."""
    entries = ranked(report)[::-1]
    test = [e["metrics"][_TEST] for e in entries]
    panels = {
        "accuracy, test": [found["accuracy"] for found in test],
        "loss, test": [found["log_loss"] for found in test],
        "ROC AUC, test": [found["roc_auc"] for found in test],
        "ROC AUC, hard validation": [e["hard"]["roc_auc"] for e in entries],
    }
    figure = Figure(figsize=(11, 1.2 + 0.34 * len(entries)), layout="constrained")
    places = figure.subplots(1, 4, sharey=True)
    for axes, (title, values) in zip(places, panels.items(), strict=True):
        for row, (entry, found) in enumerate(zip(entries, values, strict=True)):
            colour = _CHAMPION if entry["name"] == report["champion"]["name"] else _OTHER
            axes.plot([found["low"], found["high"]], [row, row], color=colour, lw=2)
            axes.plot(found["value"], row, "o", color=colour, ms=6)
        axes.set_title(title, fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", color="0.92")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_yticks(range(len(entries)), [e["name"] for e in entries])
    return figure


def _cost(report: Mapping[str, Any]) -> Figure:
    """What a network costs against what it gives."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for entry in report["entrants"]:
        x, y = entry["milliseconds_per_film"], entry["hard"]["roc_auc"]["value"]
        if x is None:
            continue
        is_champion = entry["name"] == report["champion"]["name"]
        size = 20 + 3 * entry["megabytes"]
        axes.scatter(x, y, s=size, color=_CHAMPION if is_champion else _OTHER, alpha=0.8)
        axes.annotate(entry["name"], (x, y), (6, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel="milliseconds per film", ylabel="ROC AUC, hard validation", xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_title("Area: megabytes in half precision", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _curves(report: Mapping[str, Any]) -> Figure:
    """ROC, precision and recall, and reliability on the test part."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    roc, recall, reliable = figure.subplots(1, 3)
    for number, entry in enumerate(ranked(report)):
        style = _style(entry, report) | {"color": colormaps["tab20"](number % 20)}
        curves = entry["curves"]
        roc.plot(*_columns(curves["roc"]), **style)
        recall.plot(*_columns(curves["precision_recall"]), **style)
        reliable.plot(*_columns(curves["reliability"]), marker=".", **style)
    roc.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.01, 0.4), ylim=(0.6, 1.01))
    recall.set(xlabel="recall", ylabel="precision", xlim=(0.6, 1.01), ylim=(0.6, 1.01))
    reliable.plot([0, 1], [0, 1], color="0.7", lw=1)
    reliable.set(xlabel="predicted probability", ylabel="share with pneumonia")
    for axes in (roc, recall, reliable):
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*roc.get_legend_handles_labels(), loc="outside right", fontsize=8, frameon=False)
    return figure


def _style(entry: Entry, report: Mapping[str, Any]) -> dict[str, Any]:
    is_champion = entry["name"] == report["champion"]["name"]
    return {
        "label": entry["name"],
        "lw": 2.4 if is_champion else 1.1,
        "zorder": 3 if is_champion else 2,
    }


def _columns(points: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _confusion(report: Mapping[str, Any]) -> Figure:
    entries = ranked(report)
    across = min(7, len(entries))
    down = -(-len(entries) // across)
    figure = Figure(figsize=(1.7 * across, 1.9 * down), layout="constrained")
    places = np.ravel(figure.subplots(down, across, squeeze=False))
    for axes, entry in zip(places, entries, strict=False):
        _one_confusion(axes, entry)
    for axes in places[len(entries) :]:
        axes.set_axis_off()
    return figure


def _one_confusion(axes: Axes, entry: Entry) -> None:
    c = entry["confusion"]
    table = np.array(
        [[c["true_negative"], c["false_positive"]], [c["false_negative"], c["true_positive"]]]
    )
    share = table / table.sum(1, keepdims=True)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks([0, 1], ["normal", "pneum."], fontsize=7)
    axes.set_yticks([0, 1], ["normal", "pneum."], fontsize=7, rotation=90, va="center")
    axes.set_title(entry["name"], fontsize=8)


def _training(report: Mapping[str, Any]) -> Figure:
    """Loss and accuracy by epoch of every run that kept its history (Figures 4 to 8)."""
    entries = [e for e in ranked(report) if e["history"]]
    down = max(1, -(-len(entries) // _ACROSS))
    figure = Figure(figsize=(13, 3.6 * down), layout="constrained")
    places = figure.subplots(2 * down, _ACROSS, squeeze=False)
    for axes in places.ravel()[: 2 * down * _ACROSS]:
        axes.set_visible(False)
    for number, entry in enumerate(entries):
        row, column = divmod(number, _ACROSS)
        loss, accuracy = places[2 * row][column], places[2 * row + 1][column]
        for axes, what in ((loss, "loss"), (accuracy, "accuracy")):
            _by_epoch(axes, entry, what)
        loss.set_title(entry["name"], fontsize=9, loc="left")
        if number == 0:
            figure.legend(*loss.get_legend_handles_labels(), loc="outside upper right", ncols=3,
                          fontsize=8, frameon=False)  # fmt: skip
    return figure


def _by_epoch(axes: Axes, entry: Entry, what: str) -> None:
    axes.set_visible(True)
    epochs = [row["epoch"] for row in entry["history"]]
    for prefix, label in (("", "training"), ("val_", "validation"), ("changed_", "changed")):
        axes.plot(epochs, [row[prefix + what] for row in entry["history"]], marker=".", label=label)
    axes.axvline(entry["best_epoch"], color="0.8", zorder=0)
    axes.set_ylabel(what, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
