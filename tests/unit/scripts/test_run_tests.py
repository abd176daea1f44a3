"""The test runner: counting, named skips, and what makes a run fail."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scripts import run_tests
from scripts.run_tests import Outcome
from tests.binaries import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite>
<testcase name="a"/>
<testcase name="b"><properties><property name="storm" value="52 kills"/></properties></testcase>
<testcase name="c"><failure message="no"/></testcase>
<testcase name="d"><error message="no"/></testcase>
<testcase name="e"><skipped message="Chromium: none"/></testcase>
<testcase name="f"><skipped message="Chromium: none"/></testcase>
</testsuite></testsuites>"""


def test_counts_a_report_and_names_its_skips(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    outcome = Outcome("here")
    run_tests.read_report(tmp_path / "report.xml", outcome)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (2, 2, 2)
    assert outcome.skips == {"Chromium: none": 2}
    assert outcome.notes == ["storm: 52 kills"]


@pytest.mark.parametrize(
    ("outcomes", "no_skips", "good"),
    [
        ([Outcome("a", passed=3), Outcome("b", passed=1)], True, True),
        ([Outcome("a", passed=3), Outcome("b", status=5)], False, True),
        ([Outcome("a", passed=3, failed=1, status=1)], False, False),
        ([Outcome("a", passed=3, status=3)], False, False),
        ([Outcome("a", passed=3, status=-9)], False, False),
        ([Outcome("a", passed=3, skips=Counter(x=1))], False, True),
        ([Outcome("a", passed=3, skips=Counter(x=1))], True, False),
        ([Outcome("a", status=5), Outcome("b", status=5)], False, False),
    ],
)
def test_what_makes_a_run_good(outcomes: list[Outcome], *, no_skips: bool, good: bool) -> None:
    assert run_tests.is_good(outcomes, no_skips=no_skips) is good


def test_a_missing_server_is_one_named_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unavailable("PostgreSQL: not here")

    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(run_tests.servers, "postgres", missing)
    outcome = run_tests.on_postgres([], None)
    assert outcome.skips == {"the whole run, for want of PostgreSQL: not here": 1}


def test_the_runs_see_no_server_of_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/x")
    monkeypatch.setenv("REDIS_URL", "redis://production")
    monkeypatch.setenv("DATABASE_URL_FILE", "/secret")
    monkeypatch.setenv("PNEUMO_SECRET_KEY_FILE", "/secret")
    monkeypatch.setenv("PNEUMO_FAULTS", "full")
    env = run_tests.environment(tmp_path, None, REDIS_URL="redis://private")
    assert env["REDIS_URL"] == "redis://private"
    assert env["PNEUMO_FAULTS"] == "full"
    assert not {"DATABASE_URL", "DATABASE_URL_FILE", "PNEUMO_SECRET_KEY_FILE"} & set(env)


def test_the_last_line_is_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    run_tests.summarise([Outcome("a", passed=2), Outcome("b", 1, 1, Counter(x=1))], no_skips=False)
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 1 failed, 1 skipped"
