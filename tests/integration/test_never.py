"""What the product's description says that a role may never do, said once more."""

from __future__ import annotations

import pytest

from diagnosis.permissions import ROUTES, Role
from tests.integration.test_routes import OF_FINDINGS, OF_REPORTS

OF_SUBMITTERS = {"submit", "my-studies", "study-add-films", "api-study-films"}
READING = {name for name in ROUTES if name.startswith("study-")} - {"study-films"} - OF_SUBMITTERS
OF_CASES = {"worklist", "worklist-rows", "study", "study-films", "film", "heat-map", "api-studies"}
OF_CASES |= {"film-pixels", "api-study", "api-study-readings", "api-film", "api-heat-map"}
OF_CASES |= {"worklist-search", "saved-filters"}
OF_CASES |= OF_FINDINGS | OF_REPORTS | {"api-critical"}
AGREEMENT = {"agreement", "agreement-csv"}
READING |= {"next-case", "api-next-case"}
READING |= OF_FINDINGS - {"critical-acknowledge", "api-critical-acknowledge"}
NEVER = {
    Role.SUBMITTER: READING | AGREEMENT | {"audit"},
    Role.RADIOLOGIST: {"audit"},
    Role.ADMINISTRATOR: READING | OF_SUBMITTERS,
    Role.AUDITOR: READING | OF_CASES | OF_SUBMITTERS | AGREEMENT,
}


@pytest.mark.parametrize("role", list(Role))
def test_what_a_role_may_never_open(role: Role) -> None:
    opened = {name for name, roles in ROUTES.items() if roles is None or role in roles}
    assert opened & NEVER[role] == set()
    everybodys = {name for name, roles in ROUTES.items() if roles is None}
    assert everybodys == {"login", "logout", "healthz", "readyz"}
