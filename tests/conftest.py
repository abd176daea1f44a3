"""Fixtures that every suite may use: a site, one user per role, films on disk, a fake model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

MODELS = Path(__file__).resolve().parent.parent / "models"
_flush = TransactionTestCase._fixture_teardown


def _flush_past_the_triggers(self: TransactionTestCase) -> None:
    """Emptying tables between tests is the one change that the append-only triggers must allow."""
    from django.contrib.auth.models import Group

    from diagnosis import triggers
    from diagnosis.permissions import Role

    triggers.drop(connection)
    _flush(self)
    triggers.create(connection)
    for role in Role:
        Group.objects.get_or_create(name=role.value)


@pytest.fixture(autouse=True, scope="session")
def _append_only_tables_can_be_emptied() -> Iterator[None]:
    TransactionTestCase._fixture_teardown = _flush_past_the_triggers  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = _flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, settings: Any) -> None:
    """No test touches the developer's data; no test needs a broker unless it starts one."""
    settings.DATA_DIR = tmp_path
    settings.ENGINE_CACHE = tmp_path / "engines"
    settings.FILM_DIR = tmp_path / "films"
    settings.FILM_DIR.mkdir()
    # A test must not fail because the machine's disk is full.
    settings.DISK_MAX_PERCENT, settings.DISK_MIN_FREE_BYTES = 101, 0
    # The real one takes half a second a user, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Else every test client scans all static files first.
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _no_pace_of_another_test() -> None:
    from diagnosis.queries import queue

    queue._pace_in.cache_clear()


@pytest.fixture(autouse=True)
def _silent_bell(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_bell" not in request.fixturenames:
        monkeypatch.setattr("diagnosis.dispatch.ring", lambda: False)


@pytest.fixture
def real_bell() -> Iterator[None]:
    """Ask for this to let dispatch reach its broker, at settings.BROKER_URL."""
    from diagnosis import dispatch

    dispatch._bell.cache_clear()
    dispatch.breaker.reset()
    yield
    dispatch._bell.cache_clear()
    dispatch.breaker.reset()


@pytest.fixture(scope="session")
def committed_bundle() -> Path:
    """The newest bundle below models/. There is always one: the product ships with it."""
    return max(path.parent for path in MODELS.glob("*/manifest.json"))


@pytest.fixture
def bundle_copy(committed_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the committed bundle that a test may damage."""
    return Path(shutil.copytree(committed_bundle, tmp_path / committed_bundle.name))


@pytest.fixture(scope="session")
def openvino_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the whole run, because each export takes a child with TensorFlow."""
    from ml.engines import openvino_runtime

    if not openvino_runtime.is_installed():
        pytest.skip("OpenVINO has no wheel for this machine")
    return tmp_path_factory.mktemp("engines")


@pytest.fixture
def site(db: None) -> Any:
    from diagnosis.models import Site

    return Site.objects.create(code="north", name="North Hospital")


@pytest.fixture
def other_site(db: None) -> Any:
    from diagnosis.models import Site

    return Site.objects.create(code="south", name="South Hospital")


@pytest.fixture
def make_user(db: None, django_user_model: Any) -> Any:
    """make_user(role, site, name=None) -> a user with that role at that site."""
    from django.contrib.auth.models import Group

    from diagnosis.models import Membership

    def make(role: str, at: Any, name: str | None = None) -> Any:
        user = django_user_model.objects.create_user(
            name or f"{role.lower()}-{at.code}",
            password="a-long-test-password",  # noqa: S106
            is_staff=role == "Administrator",
        )
        user.groups.add(Group.objects.get(name=role))
        Membership.objects.create(user=user, site=at)
        return user

    return make


@pytest.fixture
def submitter(make_user: Any, site: Any) -> Any:
    return make_user("Submitter", site)


@pytest.fixture
def radiologist(make_user: Any, site: Any) -> Any:
    return make_user("Radiologist", site)


@pytest.fixture
def colleague(make_user: Any, site: Any) -> Any:
    """Another radiologist of the same site."""
    return make_user("Radiologist", site, "colleague")


@pytest.fixture
def administrator(make_user: Any, site: Any) -> Any:
    return make_user("Administrator", site)


@pytest.fixture
def auditor(make_user: Any, site: Any) -> Any:
    return make_user("Auditor", site)


@pytest.fixture
def model_version(db: None) -> Any:
    """The fake model, registered and active; for children of 1 to 5 years, like the real one."""
    from diagnosis.permissions import Actor
    from diagnosis.services import model_versions
    from ml.contracts.fake import FAKE_DIGEST

    actor = Actor.system("test")
    version, _ = model_versions.register(
        actor=actor,
        manifest={"name": "fake", "version": "1", "intended_use": {"age_years": [1, 5]}},
        digest=FAKE_DIGEST,
        folder="fake",
    )
    model_versions.activate(actor=actor, version=version)
    return version


@pytest.fixture
def submit(submitter: Any, site: Any, model_version: Any) -> Any:
    """submit(films=[bytes], **changes) -> the accepted study."""
    from diagnosis.permissions import Actor
    from diagnosis.services import intake
    from tests import films

    count = iter(range(10_000))

    def make(contents: list[bytes] | None = None, **changes: Any) -> Any:
        number = next(count)
        form: dict[str, Any] = {
            "site": site,
            "mrn": f"MRN-{number}",
            "name": "Test Patient",
            "birth_date": _years_ago(3),
            "sex": "F",
            "films": contents or [films.as_png8(films.chest(number, size=(300, 260)))],
            **changes,
        }
        study, _ = intake.submit(
            user=submitter, actor=Actor.of(submitter), submission=intake.Submission(**form)
        )
        return study

    return make


def _years_ago(years: int) -> date:
    from diagnosis.models.clock import db_now

    today = db_now().date()
    return today.replace(year=today.year - years, day=min(today.day, 28))
