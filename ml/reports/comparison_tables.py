"""The tables of a comparison, from its JSON alone, each with the figure that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.reports.comparison_figures import ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEST, _CHANGED, _VALIDATION = "test_clean", "test_changed", "validation_clean"
_METRICS = (
    ("accuracy", "accuracy"), ("log_loss", "loss"), ("precision", "precision"),
    ("recall", "recall"), ("specificity", "specificity"), ("f1", "F1"), ("roc_auc", "ROC AUC"),
    ("pr_auc", "PR AUC"), ("brier", "Brier"), ("ece", "ECE"),
)  # fmt: skip

Table = tuple[str, list[str], list[list[str]]]  # heading, columns, rows


@dataclass(frozen=True, slots=True)
class Section:
    """A table, what is seen of it at a glance, and whether it is long and seldom wanted."""

    table: Table
    figure: str = ""
    is_folded: bool = False


def sections_of(report: Mapping[str, Any]) -> list[Section]:
    """Everything that there is to show, in the order of reading."""
    entries = ranked(report)
    clean = "On the test part, at each network's own decision point"
    changed = "The same, strongly changed"
    validation = "On the validation part, as it is"
    sections = [
        Section(_hard(entries, report), "hard.png"),
        Section(_how(entries), "cost.png"),
        Section(_metric_table(clean, entries, _TEST), "scores.png"),
        Section(_metric_table(changed, entries, _CHANGED), "curves.png"),
        Section(_groups(report), "confusion.png"),
        Section(_left_out(report)),
        Section(_calibration(entries), "training.png", is_folded=True),
        Section(_metric_table(validation, entries, _VALIDATION), is_folded=True),
        Section(_pairs(report), is_folded=True),
        Section(_cutoffs(report), is_folded=True),
    ]
    return [section for section in sections if section.table[2]]


def _how(entries: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        "network", "start", "pixels", "augmentation", "epochs (kept)", "training, min", "hardware",
        "parameters, M", "MB", "ms per film",
    ]  # fmt: skip
    rows = [
        [
            e["name"],
            e["initialisation"],
            str(e["size"]),
            e["augmentation"],
            f"{e['epochs']} ({e['best_epoch']})",
            "" if e["training_seconds"] is None else f"{e['training_seconds'] / 60:.0f}",
            e["hardware"],
            f"{e['parameters'] / 1e6:.1f}",
            f"{e['megabytes']:.1f}",
            _plain(e["milliseconds_per_film"], 1),
        ]
        for e in entries
    ]
    return "The networks and how they came about", columns, rows


def _hard(entries: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> Table:
    verdicts = report["champion"]["verdicts"]
    rows = [
        [
            e["name"],
            _interval(e["hard"]["roc_auc"]),
            _interval(e["hard"]["against_best"]),
            _worst(e["hard"]["trials"]),
            verdicts[e["name"]],
        ]
        for e in entries
    ]
    columns = ["network", "mean ROC AUC", "against the best", "worst trial", "verdict"]
    return "The hard validation, and the choice", columns, rows


def _worst(trials: Mapping[str, float]) -> str:
    name = min(trials, key=lambda key: trials[key])
    return f"{name}: {trials[name]:.3f}"


def _metric_table(title: str, entries: Sequence[Mapping[str, Any]], view: str) -> Table:
    rows = [
        [e["name"], *(_interval(e["metrics"][view][key]) for key, _ in _METRICS)] for e in entries
    ]
    return title, ["network", *(word for _, word in _METRICS)], rows


def _pairs(report: Mapping[str, Any]) -> Table:
    rows = [
        [
            f"{p['first']} - {p['second']}",
            _signed(p["roc_auc"]),
            _p(p["roc_auc"]["p_holm"]),
            _signed(p["patients"]["roc_auc"]),
            f"{p['accuracy']['only_first']} : {p['accuracy']['only_second']}",
            _p(p["accuracy"]["p_holm"]),
            _signed(p["patients"]["accuracy"]),
        ]
        for p in report["pairs"]
    ]
    columns = [
        "pair", "ROC AUC, difference (DeLong)", "p", "by patients", "right where the other is wrong",
        "p (McNemar)", "accuracy, difference by patients",
    ]  # fmt: skip
    title = (
        "Pairs on the test part, p adjusted by Holm; DeLong and McNemar take films as independent, "
        "which those of one patient are not"
    )
    return title, columns, rows


def _signed(found: Mapping[str, float | None] | None) -> str:
    if found is None or found["value"] is None:
        return "-"
    return f"{found['value']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


def _calibration(entries: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [e["name"], way, f"{c['temperature']:.2f}", f"{c['bias']:+.2f}"]
        + [f"{c[key]:.3f}" for key in ("log_loss", "brier", "ece")]
        for e in entries
        for way, c in e["calibration"].items()
    ]
    columns = ["network", "calibration", "temperature", "bias", "log loss", "Brier", "ECE"]
    return "Calibration, fitted on validation films, measured on test films", columns, rows


def _groups(report: Mapping[str, Any]) -> Table:
    entry = _champion(report)
    rows = [
        [g["group"], str(g["films"]), _plain(g["sensitivity"]), _plain(g["specificity"])]
        for g in entry["groups"]
    ]
    columns = ["test films", "films", "sensitivity", "specificity"]
    return f"{entry['name']} by subtype and by true size", columns, rows


def _champion(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The champion; without one, the best of the hard validation."""
    entries = ranked(report)
    chosen = [e for e in entries if e["name"] == report["champion"]["name"]]
    return (chosen or entries)[0]


def _left_out(report: Mapping[str, Any]) -> Table:
    rows = [
        [
            row["name"],
            str(row["cluster"]),
            f"{row['films']} ({row['pneumonia']})",
            *(_plain(row["roc_auc"][view]) for view in ("clean", "changed")),
        ]
        for row in report.get("left_out", [])
    ]
    columns = ["run", "cluster left out", "its films (pneumonia)", "ROC AUC on it", "changed"]
    return "Learnt without one cluster of appearance, and measured on it", columns, rows


def _cutoffs(report: Mapping[str, Any]) -> Table:
    entry = _champion(report)
    points = entry["operating_points"]
    rates = ("sensitivity", "specificity", "ppv", "npv", "flag_rate")
    rows = [
        [f"{row['cutoff']:.3f}", ", ".join(p for p in points if points[p] == row["cutoff"])]
        + [_interval(row[rate]) for rate in rates]
        for row in entry["cutoffs"]
    ]
    columns = [
        "cut-off",
        "operating point",
        "sensitivity",
        "specificity",
        "PPV",
        "NPV",
        "flag rate",
    ]
    return f"Every cut-off of {entry['name']}, on the validation part as it is", columns, rows


def _interval(found: Mapping[str, float | None]) -> str:
    value, low, high = (found[key] for key in ("value", "low", "high"))
    if value is None:
        return "-"
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _plain(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
