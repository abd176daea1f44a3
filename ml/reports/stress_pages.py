"""The stress report as files: JSON, and the page and the figure made from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml.reports.stress import NEAR_AN_END
from ml.reports.stress_figure import draw_stress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

# What a row is marked for: labels changed or films refused, and how far the score moves.
_MARKED_SHARE = 0.05
_MARKED_P95 = 0.10
_HEAD = (
    "median",
    "95th percentile",
    "largest",
    "mean, signed",
    "labels changed",
    "refused by the gate",
    "accuracy",
    "sensitivity",
    "specificity",
)


def write_stress(report: dict[str, Any], out: Path) -> None:
    """Write stress.json, stress.md and stress.png into `out`; the last two say nothing more."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    (out / "stress.json").write_text(text, encoding="utf-8")
    (out / "stress.md").write_text("\n".join(_page(report)) + "\n", encoding="utf-8")
    draw_stress(report, out / "stress.png")


def _page(report: dict[str, Any]) -> Iterator[str]:
    model, films, rows = report["model"], report["films"], report["changes"]
    yield f"# Stress report: {model['name']} {model['version']}"
    yield "\n**Research use only, not a diagnosis.**\n"
    yield f"Model digest `{model['digest']}`, decision threshold {report['threshold']:.3f}."
    yield from _films(films)
    yield from ("\n## In short\n", *(f"* {said}" for said in findings(report)))
    yield from ("\n## Every change at its worst, worst first\n", *_table(report, worst_rows(rows)))
    yield (
        "\nMedian, 95th percentile and largest are of |after - before|, the change of the "
        "calibrated probability of pneumonia. All columns but the refused count only films that "
        "the gate let pass. Which change is worst depends on the strengths that were tried. "
        f"{report['unchanged']['near_an_end']} of the {films['compared']} films score within "
        f"{NEAR_AN_END} of 0 or 1 as they are, where a probability hardly moves: a small median "
        "says little, and the rare large changes are what to look at."
    )
    yield from ("\n![Change of the score by strength](stress.png)\n", "## Encodings\n")
    yield from _encodings(report["encodings"])
    yield "\n## Every strength\n"
    yield (
        f"**!** marks a row where more than one film in {1 / _MARKED_SHARE:.0f} changes its label "
        f"or is refused, or where the 95th percentile is above {_MARKED_P95:.2f}.\n"
    )
    yield from _table(report, rows)


def _films(films: Mapping[str, Any]) -> Iterator[str]:
    compared, pneumonia = films["compared"], films["pneumonia"]
    yield (
        f"{compared} films compared ({compared - pneumonia} normal, {pneumonia} pneumonia) of "
        f"{films['given']} given."
    )
    for key, words in (
        ("unreadable_by_code", "Unreadable"),
        ("not_assessable_by_code", "Refused by the quality gate as they are"),
    ):
        if films[key]:
            yield f"{words}, and left out: {_codes(films[key])}."


def findings(report: dict[str, Any]) -> list[str]:
    """What the numbers say, in sentences; the change that moves scores most comes first."""
    rows = report["changes"]
    about = (_about_scores, _about_labels, _about_the_gate)
    return [*(say(rows) for say in about), _about_encodings(report["encodings"])]


def _about_scores(rows: Sequence[Row]) -> str:
    worst = [row for row in worst_rows(rows) if row["scored"]]
    if not worst:
        return "The quality gate refuses every changed film, so no score can be compared."
    first, *others = worst
    if not first["maximum"]:
        return "No change moves a score."
    said = (
        f"Scores move most under {_named(first)}: 95 % of the films by at most "
        f"{first['p95']:.3f}, the farthest by {first['maximum']:.3f}."
    )
    listed = [f"{_named(row)} {row['p95']:.3f}" for row in others]
    return f"{said} Then {', '.join(listed[:2])}. Least: {listed[-1]}." if listed[2:] else said


def _about_labels(rows: Sequence[Row]) -> str:
    most = max(rows, key=lambda row: row["relabelled_share"] or 0)
    if not most["relabelled"]:
        return "No change turns a label."
    turning = {row["change"] for row in rows if row["relabelled"]}
    names = dict.fromkeys(row["change"] for row in rows)
    steady = [_lower(name) for name in names if name not in turning]
    return (
        f"Most labels change under {_named(most)}: {most['relabelled']} of {most['scored']}. "
        f"No label changes under {', '.join(steady) or 'none of them'}."
    )


def _about_the_gate(rows: Sequence[Row]) -> str:
    most = max(rows, key=lambda row: row["not_assessable"])
    if not most["not_assessable"]:
        return "The quality gate refuses no changed film."
    return (
        f"The quality gate refuses most under {_named(most)}: {most['not_assessable']} of "
        f"{most['scored'] + most['not_assessable']} ({_codes(most['not_assessable_by_code'])}). "
        "Refused films have no score and are in no other number."
    )


def _about_encodings(rows: Sequence[Row]) -> str:
    apart = [row["encoding"] for row in rows if not row["agrees"]]
    if apart:
        return f"Not within {rows[0]['within']} of the {rows[0]['against']}: {', '.join(apart)}."
    largest = max(row["maximum"] for row in rows)
    return f"All encodings of a film agree within {rows[0]['within']}; largest gap {largest:.4f}."


def worst_rows(rows: Sequence[Row]) -> list[Row]:
    """Of each change the strength that moves scores most, the worst change first."""
    by_change: dict[str, list[Row]] = {}
    for row in rows:
        by_change.setdefault(row["change"], []).append(row)
    return sorted((max(of, key=_moves) for of in by_change.values()), key=_moves, reverse=True)


def _moves(row: Row) -> tuple[float, ...]:
    return tuple(-1 if row[key] is None else row[key] for key in ("p95", "maximum", "median"))


def _named(row: Row) -> str:
    return f"{_lower(row['change'])} ({row['told']})"


def _lower(name: str) -> str:
    return name if name.isupper() else name.lower()


def _codes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {code}" for code, count in counts.items())


def _table(report: dict[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    yield f"| | change | {' | '.join(_HEAD)} |"
    yield f"|---|---|{'---:|' * len(_HEAD)}"
    truth = _truth(report["unchanged"])
    yield f"| | none | {' | '.join(['' for _ in _HEAD[:-3]])} | {truth} |"
    for row in rows:
        total = row["scored"] + row["not_assessable"]
        cells = (
            "**!**" if _marked(row) else "",
            f"{row['change']}, {row['told']}",
            *(_number(row[key], "{:.3f}") for key in ("median", "p95", "maximum")),
            _number(row["mean_signed"], "{:+.3f}"),
            f"{row['relabelled']} of {row['scored']}",
            f"{row['not_assessable']} of {total}",
            _truth(row),
        )
        yield f"| {' | '.join(cells)} |"


def _marked(row: Row) -> bool:
    total = row["scored"] + row["not_assessable"]
    return (
        row["not_assessable"] > _MARKED_SHARE * total
        or (row["relabelled_share"] or 0) > _MARKED_SHARE
        or (row["p95"] or 0) > _MARKED_P95
    )


def _truth(row: Row) -> str:
    return " | ".join(
        _number(row[key], "{:.3f}") for key in ("accuracy", "sensitivity", "specificity")
    )


def _encodings(rows: Sequence[Row]) -> Iterator[str]:
    yield f"Against {rows[0]['against']}, through the same reading and gate as in use.\n"
    yield "| the same film as | films | largest difference | limit | within | refused by the gate |"
    yield "|---|---:|---:|---:|---|---|"
    for row in rows:
        cells = (
            row["encoding"],
            str(row["scored"]),
            _number(row["maximum"], "{:.4f}"),
            f"{row['within']}",
            "yes" if row["agrees"] else "**no**",
            _codes(row["not_assessable_by_code"]) or "none",
        )
        yield f"| {' | '.join(cells)} |"


def _number(value: float | None, form: str) -> str:
    return "none" if value is None else form.format(value)
