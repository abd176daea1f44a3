"""A comparison as Markdown and as one HTML page, from its JSON alone."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Any

from ml.reports.comparison_figures import draw
from ml.reports.comparison_tables import sections_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.reports.comparison_tables import Section

NOTE = "Research use only, not a diagnosis."
_CAPTIONS = {
    "hard.png": "The hard validation: films as they are cannot tell these networks apart, these trials can.",
    "scores.png": "Accuracy and loss (the paper's Figure 9) with 95 % intervals, and what the choice is made by.",
    "cost.png": "What a network costs and what it gives.",
    "curves.png": "ROC, precision and recall, and reliability on the test part.",
    "confusion.png": "Test films by truth (rows) and call (columns) at each network's own decision point.",
    "training.png": "Loss and accuracy by epoch (the paper's Figures 4 to 8); the gray line is the epoch kept.",
}


def write(report: Mapping[str, Any], out: Path) -> None:
    """comparison.json, comparison.md, comparison.html and the figures, into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, allow_nan=False)
    (out / "comparison.json").write_text(text + "\n", encoding="utf-8")
    draw(report, out)
    sections = sections_of(report)
    (out / "comparison.md").write_text(_markdown(report, sections), encoding="utf-8")
    (out / "comparison.html").write_text(_html(report, sections, out), encoding="utf-8")


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


def _markdown(report: Mapping[str, Any], sections: Sequence[Section]) -> str:
    parts = ["# Comparison of the networks", *_opening(report)]
    for section in sections:
        title, columns, rows = section.table
        lines = [columns, ["---"] * len(columns), *rows]
        parts.append(f"## {title}\n\n" + "\n".join("| " + " | ".join(x) + " |" for x in lines))
        if section.figure:
            caption = _CAPTIONS[section.figure]
            parts.append(f"![{caption}]({section.figure})\n\n{caption}")
    parts.append("## Commands\n\n" + "\n".join(f"    {line}" for line in _commands(report)))
    return "\n\n".join(parts) + "\n"


def _commands(report: Mapping[str, Any]) -> list[str]:
    runs = [e["command"] for e in report["entrants"]]
    return [*runs, *(row["command"] for row in report.get("left_out", [])), report["command"]]


def _html(report: Mapping[str, Any], sections: Sequence[Section], out: Path) -> str:
    """One file that needs nothing else: figures inside, no script, both themes."""
    body = ["<h1>Comparison of the networks</h1>"]
    body += [f"<p>{html.escape(line)}</p>" for line in _opening(report)]
    for section in sections:
        title, columns, rows = section.table
        body.append(f"<h2>{html.escape(title)}</h2>")
        table = _html_table(columns, rows)
        folded = f"<details><summary>{len(rows)} rows</summary>{table}</details>"
        body.append(folded if section.is_folded else table)
        if section.figure:
            data = base64.b64encode((out / section.figure).read_bytes()).decode()
            caption = html.escape(_CAPTIONS[section.figure])
            body.append(
                f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
    commands = html.escape("\n".join(_commands(report)))
    body.append(f"<h2>Commands</h2><pre>{commands}</pre>")
    return _PAGE.replace("{body}", "\n".join(body))


def _html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    lines = ("".join(f"<td>{html.escape(c)}</td>" for c in row) for row in rows)
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div><table><tr>{head}</tr>{table}</table></div>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Comparison of the networks</title>
<style>
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 92rem; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin-top: 2rem; }
div, pre { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 12px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; white-space: nowrap; }
figure { margin: 1.5rem 0; } img { max-width: min(100%, 76rem); background: #fff; padding: .4rem; }
figcaption { color: #777; }
</style></head><body>
{body}
</body></html>
"""
