"""A comparison as Markdown and as one HTML page, from its JSON alone."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Any

from ml.reports.comparison_figures import draw, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOTE = "Research use only, not a diagnosis."
_TEST, _CHANGED, _VALIDATION = "test_clean", "test_changed", "validation_clean"
_METRICS = (
    ("accuracy", "accuracy"), ("log_loss", "loss"), ("precision", "precision"),
    ("recall", "recall"), ("specificity", "specificity"), ("f1", "F1"), ("roc_auc", "ROC AUC"),
    ("pr_auc", "PR AUC"), ("brier", "Brier"), ("ece", "ECE"),
)  # fmt: skip
_CAPTIONS = {
    "hard.png": "The hard validation: films as they are cannot tell these networks apart, these trials can.",
    "scores.png": "Accuracy and loss (the paper's Figure 9) with 95 % intervals, and what the choice is made by.",
    "cost.png": "What a network costs and what it gives.",
    "curves.png": "ROC, precision and recall, and reliability on the test part.",
    "confusion.png": "Test films by truth (rows) and call (columns) at each network's own decision point.",
    "training.png": "Loss and accuracy by epoch (the paper's Figures 4 to 8); the gray line is the epoch kept.",
}

Table = tuple[str, list[str], list[list[str]]]  # heading, columns, rows


def write(report: Mapping[str, Any], out: Path) -> None:
    """comparison.json, comparison.md, comparison.html and the figures, into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, allow_nan=False)
    (out / "comparison.json").write_text(text + "\n", encoding="utf-8")
    figures = draw(report, out)
    tables = _tables(report)
    (out / "comparison.md").write_text(_markdown(report, tables, figures), encoding="utf-8")
    (out / "comparison.html").write_text(_html(report, tables, figures, out), encoding="utf-8")


def _tables(report: Mapping[str, Any]) -> list[Table]:
    entries = ranked(report)
    return [
        _how(entries, report),
        _hard(entries, report),
        _metric_table("On the test part, at each network's own decision point", entries, _TEST),
        _metric_table("On the test part, strongly changed", entries, _CHANGED),
        _metric_table("On the validation part, as it is", entries, _VALIDATION),
        _pairs(report),
        _calibration(entries),
        _groups(report),
        _left_out(report),
        _cutoffs(report),
    ]


def _how(entries: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> Table:
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
            f"{p['roc_auc']['value']:+.4f} ({p['roc_auc']['low']:+.4f} to {p['roc_auc']['high']:+.4f})",
            _p(p["roc_auc"]["p_holm"]),
            f"{p['accuracy']['only_first']} : {p['accuracy']['only_second']}",
            _p(p["accuracy"]["p_holm"]),
        ]
        for p in report["pairs"]
    ]
    columns = [
        "pair", "ROC AUC, difference (DeLong)", "p", "right where the other is wrong", "p (McNemar)",
    ]  # fmt: skip
    return "Pairs on the test part, p adjusted by Holm", columns, rows


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
    (entry,) = [e for e in report["entrants"] if e["name"] == report["champion"]["name"]]
    found: Mapping[str, Any] = entry
    return found


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
    points = {value: point for point, value in entry["operating_points"].items()}
    rates = ("sensitivity", "specificity", "ppv", "npv", "flag_rate")
    rows = [
        [f"{row['cutoff']:.3f}", points.get(row["cutoff"], "")]
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


def _opening(report: Mapping[str, Any]) -> list[str]:
    split, champion = report["split"], report["champion"]
    counts = ", ".join(
        f"{split[part]['films']} {part} ({split[part]['pneumonia']} with pneumonia)"
        for part in ("train", "validation", "test")
    )
    return [
        NOTE,
        f"Champion: {champion['name']}. {champion['rule']}",
        (
            f"Films: {counts}; split by patient, sha256 {split['sha256'][:16]}. Intervals are 95 %, "
            "by a bootstrap over patients. Decision points were chosen on the hard views of the "
            "validation part, calibration on its films as they are and changed."
        ),
    ]


def _markdown(report: Mapping[str, Any], tables: Sequence[Table], figures: Sequence[str]) -> str:
    parts = ["# Comparison of the networks", *_opening(report)]
    parts += [f"![{_CAPTIONS[name]}]({name})\n\n{_CAPTIONS[name]}" for name in figures]
    for title, columns, rows in tables:
        if rows:
            lines = [columns, ["---"] * len(columns), *rows]
            parts.append(f"## {title}\n\n" + "\n".join("| " + " | ".join(x) + " |" for x in lines))
    parts.append("## Commands\n\n" + "\n".join(f"    {line}" for line in _commands(report)))
    return "\n\n".join(parts) + "\n"


def _commands(report: Mapping[str, Any]) -> list[str]:
    runs = [e["command"] for e in report["entrants"]]
    return [*runs, *(row["command"] for row in report.get("left_out", [])), report["command"]]


def _html(
    report: Mapping[str, Any], tables: Sequence[Table], figures: Sequence[str], out: Path
) -> str:
    """One file that needs nothing else: figures inside, no script, both themes."""
    body = ["<h1>Comparison of the networks</h1>"]
    body += [f"<p>{html.escape(line)}</p>" for line in _opening(report)]
    for name in figures:
        data = base64.b64encode((out / name).read_bytes()).decode()
        caption = html.escape(_CAPTIONS[name])
        body.append(
            f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    for title, columns, rows in tables:
        if rows:
            head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
            lines = ("".join(f"<td>{html.escape(c)}</td>" for c in row) for row in rows)
            table = "".join(f"<tr>{line}</tr>" for line in lines)
            body.append(
                f"<h2>{html.escape(title)}</h2><div><table><tr>{head}</tr>{table}</table></div>"
            )
    commands = html.escape("\n".join(_commands(report)))
    body.append(f"<h2>Commands</h2><pre>{commands}</pre>")
    return _PAGE.replace("{body}", "\n".join(body))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Comparison of the networks</title>
<style>
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin-top: 2rem; }
div, pre { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 12px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; white-space: nowrap; }
figure { margin: 1.5rem 0; } img { max-width: 100%; background: #fff; padding: .4rem; }
figcaption { color: #777; }
</style></head><body>
{body}
</body></html>
"""
