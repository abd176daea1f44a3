"""A user who submits studies of one film each, as the benches need one. Needs Django's settings."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.scale_world import member
from diagnosis.models import Site
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor, Role
from diagnosis.services import intake

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from diagnosis.models import Study


class Submitter:
    """Of a site; each study is of another patient, of an age that the models are for."""

    def __init__(self, user: User, site: Site) -> None:
        self._user = user
        self._site = site
        self._numbers = itertools.count()
        self._birth_date = db_now().date() - timedelta(days=3 * 365)

    @classmethod
    def of_new_site(cls) -> Submitter:
        site = Site.objects.create(code="bench", name="Bench Hospital")
        return cls(member("bench", Role.SUBMITTER, [site]), site)

    def submit(self, film: bytes) -> Study:
        form = intake.Submission(
            site=self._site,
            mrn=f"BENCH-{next(self._numbers)}",
            name="Bench Child",
            birth_date=self._birth_date,
            sex="F",
            films=[film],
        )
        study, _ = intake.submit(user=self._user, actor=Actor.of(self._user), submission=form)
        return study
