"""House rules that a linter does not know. Each message names the fix."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.contrib.admin.options import ModelAdmin
from django.db.models import ForeignKey

from diagnosis.admin import site as admin_site
from diagnosis.admin.accounts import PneumoUserAdmin, SiteAdmin
from diagnosis.admin.door import GuardedAdmin
from diagnosis.critical_states import CRITICAL_TRANSITIONS
from diagnosis.permissions import ADMIN_ROUTES, ROUTES
from diagnosis.states import JOB_TRANSITIONS, STUDY_TRANSITIONS
from diagnosis.web.words import ACTIONS, LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pneumo_site", "diagnosis", "worker", "ml")
MOST_LINES_OF_A_MODULE = 300
MOST_LINES_OF_A_FUNCTION = 40
# Field -> the only module that may write it.
ONE_WRITER = {
    "status": "diagnosis/services/jobs.py",
    "state": "diagnosis/services/lifecycle.py",
    "worklist_rank": "diagnosis/services/lifecycle.py",
    "stage": "diagnosis/services/model_versions.py",
    **dict.fromkeys(
        ("told_at", "received_at", "acknowledged_at", "escalated_at", "withdrawn_at"),
        "diagnosis/services/critical.py",
    ),
}
_WRITING = {"update", "create", "bulk_create", "get_or_create", "update_or_create"}
WRITABLE_PAGES = {PneumoUserAdmin, SiteAdmin}


def modules(*packages: str) -> list[Path]:
    found = [
        path
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]
    assert found
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_module_is_too_long() -> None:
    long = {
        name_of(path): count
        for path in modules(*PACKAGES, "scripts", "tests", "bench")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES_OF_A_MODULE
    }
    assert long == {}, f"split each below {MOST_LINES_OF_A_MODULE} lines"


def test_no_function_is_too_long() -> None:
    long = [
        f"{name_of(path)}: {node.name}"
        for path in modules(*PACKAGES, "scripts", "bench")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == [], f"split each below {MOST_LINES_OF_A_FUNCTION} lines"


def test_every_relation_is_named_from_both_sides() -> None:
    unnamed = [
        str(field)
        for model in apps.get_app_config("diagnosis").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and not field._related_name
    ]
    assert unnamed == [], "give the foreign key a related_name"


def writes(module: ast.Module) -> Iterator[tuple[str, int]]:
    """(field, line) of each `x.field = ...`, `.update(field=...)` and `.create(field=...)`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute):
                    yield target.attr, node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _WRITING:
            yield from ((word.arg or "", node.lineno) for word in node.keywords)


def test_each_state_has_one_writer() -> None:
    others = [
        f"{name_of(path)}:{line} writes {field}: go through {ONE_WRITER[field]}"
        for path in modules("diagnosis", "worker", "pneumo_site")
        for field, line in writes(tree(path))
        if field in ONE_WRITER and name_of(path) != ONE_WRITER[field]
    ]
    assert others == []


@pytest.mark.parametrize(
    "source",
    ["job.status = 1", "study.state: str = 1", "q.update(status=1)", "T.objects.create(state=1)"],
)
def test_the_search_for_writers_finds_them(source: str) -> None:
    assert [field for field, _ in writes(ast.parse(source)) if field in ONE_WRITER]


def test_the_admin_is_read_only_but_for_what_services_write() -> None:
    for model, page in admin_site._registry.items():
        assert isinstance(page, GuardedAdmin), f"{model}: derive its page from GuardedAdmin"
        overridden = [
            name
            for name in ("has_add_permission", "has_change_permission", "has_delete_permission")
            if getattr(type(page), name) is not getattr(GuardedAdmin, name)
        ]
        if type(page) in WRITABLE_PAGES:
            assert type(page).save_model is not ModelAdmin.save_model, "save through a service"
            assert "has_delete_permission" not in overridden
        else:
            assert overridden == [], f"{model}: its page must stay read-only"


def test_the_database_refuses_unknown_words() -> None:
    """Each field with choices has a check constraint on them."""
    free = []
    for model in apps.get_app_config("diagnosis").get_models():
        checked = " ".join(str(constraint) for constraint in model._meta.constraints)
        free += [
            f"{model.__name__}.{field.name}"
            for field in model._meta.concrete_fields
            if field.choices and f"{field.name}__in" not in checked
        ]
    assert free == [], "add models.choices.one_of to its constraints"


ACTION_TABLE = ("action", "allowed when", "who", "effect on job", "effect on study", "audit event")


FINDING_TABLE = ("action", "allowed when", "who", "effect on finding", "audit event")


def actions(columns: tuple[str, ...] = ACTION_TABLE) -> list[dict[str, str]]:
    """The rows of all action tables of ARCHITECTURE.md with these columns."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    head = re.escape("| " + " | ".join(columns) + " |")
    tables = re.findall(rf"^{head}\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [re.split(r" ?\| ?", row)[1:-1] for table in tables for row in table.splitlines()]
    return [dict(zip(columns, row, strict=True)) for row in cells]


@pytest.mark.parametrize(
    ("table", "changed", "prefix"),
    [
        (JOB_TRANSITIONS, "effect on job", "JOB_"),
        (STUDY_TRANSITIONS, "effect on study", "STUDY_"),
    ],
    ids=["jobs", "studies"],
)
def test_the_action_table_is_the_transition_table(
    table: dict[tuple[str, str], str], changed: str, prefix: str
) -> None:
    events = {str(event) for _, event in table}
    told = [row for row in actions() if row["action"] in events]
    rows = {(str(before), str(event), str(after)) for (before, event), after in table.items()}
    documented = [(row["allowed when"], row["action"], row[changed]) for row in told]
    assert set(documented) == rows, "bring ARCHITECTURE.md in line"
    assert len(documented) == len(rows)
    assert all(row["audit event"] == prefix + row["action"] for row in told)


def test_the_table_of_critical_findings_is_the_transition_table() -> None:
    rows = {
        (str(before), str(event), str(to)) for (before, event), to in CRITICAL_TRANSITIONS.items()
    }
    told = actions(FINDING_TABLE)
    documented = [(row["allowed when"], row["action"], row["effect on finding"]) for row in told]
    assert set(documented) == rows, "bring ARCHITECTURE.md in line"
    assert len(documented) == len(rows)
    assert all(row["audit event"] == f"CRITICAL_{row['action']}" for row in told)


def test_the_action_tables_name_every_event_and_leave_no_cell_empty() -> None:
    told = [*actions(), *actions(FINDING_TABLE)]
    named = {word for row in told for word in row["audit event"].split(", ")}
    assert named <= set(ACTIONS), "give the event its words in web/words.py, or correct the table"
    prefixes = ("JOB_", "STUDY_", "CASE_", "READING_", "CRITICAL_")
    domain = {word for word in ACTIONS if word.startswith(prefixes)}
    assert domain - LOOKS <= named, "add a row to an action table of ARCHITECTURE.md"
    assert all(all(row.values()) for row in told)


@pytest.mark.parametrize(
    ("action", "route"),
    [
        ("submit", "submit"),
        ("add films", "study-add-films"),
        ("claim a case", "study-claim"),
        ("take over", "study-claim"),
        ("next case", "next-case"),
        ("release", "study-release"),
        ("sign", "study-sign"),
        ("amend", "study-amend"),
        ("mark a critical finding", "study-critical"),
        ("resubmit", "admin:diagnosis_job_changelist"),
        ("cancel", "admin:diagnosis_job_changelist"),
        ("activate", "admin:diagnosis_modelversion_changelist"),
    ],
)
def test_the_action_table_names_the_roles_of_the_route(action: str, route: str) -> None:
    (row,) = [row for row in actions() if row["action"] == action]
    allowed = ADMIN_ROUTES if route.startswith("admin:") else ROUTES[route]
    assert set(row["who"].split(", ")) == {role.lower() for role in allowed or ()}
