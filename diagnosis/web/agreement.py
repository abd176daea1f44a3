"""Agreement of readers: the page with its plot, and the same numbers as a file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from diagnosis.models.clock import db_now
from diagnosis.permissions import sites_of
from diagnosis.queries import agreement as query
from diagnosis.web import words

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from diagnosis.models import Site
    from diagnosis.queries.agreement import Pair

PERIODS = {"30": _("30 days"), "90": _("90 days"), "365": _("1 year"), "": _("All time")}
_DEFAULT = "90"
_WIDTH, _LEFT, _ROW = 720, 250, 30  # of the plot, in its own units
_FORMULAS = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Line:
    """A pair as the page shows it, with its place in the plot."""

    pair: Pair
    names: str
    number: int

    @property
    def kappa(self) -> str:
        return _two(self.pair.result.kappa)

    @property
    def interval(self) -> str:
        found = self.pair.result
        return "" if found.low is None else f"{_two(found.low)} … {_two(found.high)}"

    @property
    def share(self) -> str:
        return f"{self.pair.result.share * 100:.0f} %"

    @property
    def counts(self) -> list[tuple[str, list[int]]]:
        heads = self.heads
        return [(head, list(row)) for head, row in zip(heads, self.pair.table, strict=True)]

    @property
    def heads(self) -> list[str]:
        return [str(words.OPINIONS[opinion]) for opinion in self.pair.categories]

    @property
    def y(self) -> int:
        return _ROW * self.number + _ROW

    @property
    def marks(self) -> dict[str, str] | None:
        found = self.pair.result
        if found.kappa is None or found.low is None or found.high is None:
            return None
        ends = {"at": found.kappa, "low": found.low, "high": found.high}
        return {name: f"{_place(value):.1f}" for name, value in ends.items()}


def _two(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _place(value: float) -> float:
    """Where a kappa from -1 to 1 stands on the plot."""
    return _LEFT + (value + 1) / 2 * (_WIDTH - _LEFT - 20)


@dataclass(frozen=True, slots=True)
class _Chosen:
    site: Site | None
    days: str

    @property
    def since(self) -> datetime | None:
        return db_now() - timedelta(days=int(self.days)) if self.days else None

    def lines(self, request: HttpRequest) -> tuple[list[Line], list[Line]]:
        """Reader by reader, and each beside the model."""
        if self.site is None:
            return [], []
        chosen: dict[str, Any] = {"site": self.site, "since": self.since}
        readers = query.of_readers(request.user, **chosen)
        model = query.with_model(request.user, **chosen)
        return (
            [Line(pair, f"{pair.one}, {pair.other}", n) for n, pair in enumerate(readers)],
            [Line(pair, pair.one, n) for n, pair in enumerate(model)],
        )


def _chosen(request: HttpRequest) -> _Chosen:
    sites = list(sites_of(request.user))
    code, days = request.GET.get("site", ""), request.GET.get("days", _DEFAULT)
    site = next((site for site in sites if site.code == code), sites[0] if sites else None)
    return _Chosen(site, days if days in PERIODS else _DEFAULT)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    chosen = _chosen(request)
    readers, model = chosen.lines(request)
    context = {
        "site": chosen.site,
        "sites": sites_of(request.user),
        "days": chosen.days,
        "periods": PERIODS.items(),
        "groups": [
            (_("Reader and reader"), "readers", readers, _plot(readers)),
            (_("Reader and model"), "model", model, _plot(model)),
        ],
    }
    return render(request, "agreement/page.html", context)


def _plot(lines: list[Line]) -> dict[str, Any]:
    height = _ROW * (len(lines) + 1) + 24
    ticks = [(f"{_place(value):.1f}", _two(value)) for value in (-1, -0.5, 0, 0.5, 1)]
    return {"width": _WIDTH, "height": height, "bottom": height - 22, "ticks": ticks}


@require_safe
def as_csv(request: HttpRequest) -> HttpResponse:
    chosen = _chosen(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="agreement.csv"'
    write = csv.writer(response).writerow
    write(
        ["site", "days", "one", "other", "n", "agreed", "kappa", "low_95", "high_95",
         "left_out", "unaware", *(f"{a}/{b}" for a in query.OPINIONS for b in query.OPINIONS)]
    )  # fmt: skip
    readers, model = chosen.lines(request)
    for line in (*readers, *model):
        write(_cells(chosen, line.pair))
    return response


def _cells(chosen: _Chosen, pair: Pair) -> list[Any]:
    found = pair.result
    places = {(a, b): n for a, row in zip(pair.categories, pair.table, strict=True)
              for b, n in zip(pair.categories, row, strict=True)}  # fmt: skip
    return [
        chosen.site.code if chosen.site else "",
        chosen.days,
        _plain(pair.one),
        _plain(pair.other) or "model",
        found.n,
        found.agreed,
        *(
            "" if value is None else f"{value:.4f}"
            for value in (found.kappa, found.low, found.high)
        ),
        pair.left_out,
        pair.unaware,
        *(places.get((a, b), "") for a in query.OPINIONS for b in query.OPINIONS),
    ]


def _plain(name: str) -> str:
    """A user name that a spreadsheet would take for a formula is told as text."""
    return f"'{name}" if name.startswith(_FORMULAS) else name
