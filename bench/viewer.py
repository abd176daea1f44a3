"""python -m bench.viewer: how soon a film is seen, and how evenly it follows the hand.

gunicorn on SQLite, one study with a drawn film of 12 bits, and Chromium without a screen, whose own
timeline is what is read: the first film on the screen against the end of the page's answer, and the times
between frames while the mouse drags. Chromium without a screen draws on the processor; a machine
with a graphics card is faster.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from tests import chromium, servers
from tests.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"1366 x 768": (1366, 768), "3840 x 2160": (3840, 2160)}
_LOAD_COLUMNS = (
    "screen",
    "page answered, ms",
    "film shown, ms",
    "behind the page, ms",
    "95th percentile",
    "full depth after the first touch, ms",
)
PASSWORD = secrets.token_hex(8)
STEPS = 90
SLOW_FRAME_MS = 1000 / 60 * 1.5

# Notes when the film's picture was there, as <img> or on the canvas, and the frame that showed it.
_WATCH = """
  window.seen = {};
  const shown = () => requestAnimationFrame(() => (seen.shown ??= performance.now()));
  document.addEventListener("load", ({ target }) => target.matches?.("[data-film]") && shown(), true);
  new MutationObserver(() => {
    const depth = document.querySelector("[data-pane]")?.dataset.depth;
    if (!depth || depth === "none" || seen[depth]) return;
    seen[depth] = performance.now();
    shown();
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-depth"] });
"""
_TIMES = (
    """() => ({ ...seen, answered: performance.getEntriesByType("navigation")[0].responseEnd })"""
)
_RECORD = """() => {
  window.frames_ = [];
  const note = (now) => { frames_.push(now); window.recording = requestAnimationFrame(note); };
  window.recording = requestAnimationFrame(note);
}"""
_STOP = """() => { cancelAnimationFrame(recording); return frames_.slice(1).map((now, at) => now - frames_[at]); }"""


@dataclass(frozen=True, slots=True)
class Case:
    base: str
    study: str


def main() -> int:
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="pn-bench-") as name,
        _site(Path(name), options) as case,
    ):
        loads, moves = _measured(case, options.loads)
    load = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}"
    film = f"a DICOM film of {options.side} x {options.side}, 12 bit"
    print(f"{film}; {load}; Chromium drawing on the processor; {options.loads} loads.\n")
    print(*_loads_table(loads), "", *_moves_table(moves), sep="\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.viewer", description=__doc__)
    parser.add_argument("--side", type=int, default=2000, help="of the film, in pixels")
    parser.add_argument("--loads", type=int, default=15, help="of the page, for each screen")
    return parser.parse_args()


# The product


@contextlib.contextmanager
def _site(folder: Path, options: argparse.Namespace) -> Iterator[Case]:
    os.environ |= {
        "DEBUG": "0",
        "PNEUMO_HTTPS": "0",
        "PNEUMO_SECRET_KEY": secrets.token_hex(32),
        "DJANGO_SETTINGS_MODULE": "pneumo_site.settings",
        "PNEUMO_DATA_DIR": str(folder),
        "PNEUMO_DISK_MAX_PERCENT": "100",
        "PNEUMO_DISK_MIN_FREE_MB": "0",
    }
    study, port = _study(options.side), servers.free_port()
    command = [
        *(sys.executable, "-W", "ignore", "-m", "gunicorn", "pneumo_site.wsgi"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--no-control-socket"),
    ]
    with (folder / "web.log").open("wb") as log:
        web = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 (no threads here)
        )  # fmt: skip
    try:
        yield Case(f"http://127.0.0.1:{port}", study)
    finally:
        web.terminate()
        web.wait()


def _study(side: int) -> str:
    """One study with a result that explains itself, and somebody who may see it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    import numpy as np

    from bench.scale_world import member
    from bench.submitter import Submitter
    from diagnosis.models import Site
    from diagnosis.permissions import Actor, Role
    from diagnosis.services import jobs, model_versions, results
    from ml.contracts import Prediction
    from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
    from tests import films

    actor, info = Actor.system("bench"), FakeClassifier().info
    version, _ = model_versions.register(
        actor=actor, manifest={"name": "fake", "version": "1"}, digest=FAKE_DIGEST, folder="fake"
    )
    model_versions.activate(actor=actor, version=version)
    drawn = films.chest(1, haze=0.5, size=(side, side))
    blank = {"patient_id": "", "patient_name": "", "birth_date": "", "accession": ""}
    film = films.as_dicom(drawn, bits=12, **blank)
    study = Submitter.of_new_site().submit(film)
    for job in jobs.claim(worker="bench", model_digest=FAKE_DIGEST, limit=1):
        score = Prediction(0.7, np.eye(7, dtype=np.float32) * 5)
        results.record(
            endings=[results.scored(job.id, job.attempt, score)], model=info, actor=actor
        )
    reader = member("reader", Role.RADIOLOGIST, [Site.objects.get()])
    reader.set_password(PASSWORD)
    reader.save()
    return str(study.uid)


# The browser


def _measured(case: Case, loads: int) -> tuple[dict[str, Any], dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.MISSING)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    seen, moved = {}, {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        for name, (width, height) in SIZES.items():
            page = browser.new_context(viewport={"width": width, "height": height}).new_page()
            page.add_init_script(_WATCH)
            _log_in(page, case)
            seen[name] = [_loaded(page, case) for _ in range(loads + 1)][1:]
            moved[name] = _moves(page)
        browser.close()
    return seen, moved


def _log_in(page: Any, case: Case) -> None:
    servers.wait_for(lambda: _answers(page, case), 30, "an answer of gunicorn")
    page.fill("[name=username]", "reader")
    page.fill("[name=password]", PASSWORD)
    page.click("form button")
    page.wait_for_url("**/worklist/")


def _answers(page: Any, case: Case) -> bool:
    with contextlib.suppress(Exception):
        page.goto(f"{case.base}/login/")
        return True
    return False


def _loaded(page: Any, case: Case) -> dict[str, float]:
    """Milliseconds from the start of the navigation, and from the first touch to the full depth."""
    page.mouse.move(0, 0)
    page.goto(f"{case.base}/studies/{case.study}/", wait_until="domcontentloaded")
    page.wait_for_function("() => seen.shown")
    touched: float = page.evaluate("performance.now()")
    page.locator("canvas").first.hover()
    page.wait_for_function("() => seen.full")
    times: dict[str, float] = page.evaluate(_TIMES)
    # A large screen asks for the depth by itself.
    return {**times, "deepened": times["full"] - min(touched, times["full"])}


def _moves(page: Any) -> dict[str, list[float]]:
    """Milliseconds between frames, by what the hand does."""
    box = page.locator("canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    found = {}
    for name, keys in {
        "window": "0w",
        "window, enlarged": "0o",
        "pan, enlarged": "p",
        "zoom by wheel": "f",
        "magnifying glass": "0g",
        "window under a heat map": "0wh",
    }.items():
        for key in keys:
            page.keyboard.press(key)
        page.mouse.move(x, y)
        page.wait_for_load_state("networkidle")
        page.evaluate(_RECORD)
        if "wheel" in name:
            _turn(page)
        else:
            _drag(page, x, y, box["width"] / 5)
        found[name] = page.evaluate(_STOP)
    return found


def _turn(page: Any) -> None:
    for step in range(STEPS):
        page.mouse.wheel(0, -40 if step < STEPS / 2 else 40)


def _drag(page: Any, x: float, y: float, reach: float) -> None:
    page.mouse.down()
    page.mouse.move(x + reach, y + reach / 3, steps=STEPS // 2)
    page.mouse.move(x - reach / 4, y - reach / 4, steps=STEPS // 2)
    page.mouse.up()


# What is printed


def _loads_table(loads: dict[str, Sequence[dict[str, float]]]) -> list[str]:
    lines = [
        f"| {' | '.join(_LOAD_COLUMNS)} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for screen, times in loads.items():
        behind = [one["shown"] - one["answered"] for one in times]
        middle = {
            name: median(one[name] for one in times) for name in ("answered", "shown", "deepened")
        }
        lines.append(
            f"| {screen} | {middle['answered']:.0f} | {middle['shown']:.0f} | {median(behind):.0f} "
            f"| {_p95(behind):.0f} | {middle['deepened']:.0f} |"
        )
    return lines


def _moves_table(moves: dict[str, dict[str, list[float]]]) -> list[str]:
    lines = [
        "| screen | hand | frames | frames/s | 95th percentile between frames, ms | slow frames |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for screen, hands in moves.items():
        for hand, gaps in hands.items():
            slow = sum(gap > SLOW_FRAME_MS for gap in gaps)
            rate = 1000 / median(gaps)
            lines.append(
                f"| {screen} | {hand} | {len(gaps)} | {rate:.0f} | {_p95(gaps):.1f} | {slow} |"
            )
    return lines


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
