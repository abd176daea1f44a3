"""What all generated rows share: how many there are, the sites, the people and the model."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, User

from diagnosis.models import Membership, ModelVersion, Site
from diagnosis.models.clock import db_now
from diagnosis.permissions import Actor, Role
from diagnosis.services import model_versions
from ml.contracts.fake import FAKE_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_ACTOR = Actor.system("generator")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is of everything."""

    studies: int
    waiting: int = 0  # further studies, whose film waits in the queue
    sites: int = 20
    to_read: float = 0.1  # share of the studies that waits for a reader


@dataclass(frozen=True, slots=True)
class World:
    """What all rows share. The n-th site has n shares of the studies."""

    shape: Shape
    now: datetime
    sites: list[Site]
    submitter: User
    reader: User
    version: ModelVersion
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    def one_of(self, shares: dict[Any, int]) -> Any:
        return self.chance.choices(list(shares), list(shares.values()))[0]


def member(name: str, role: Role, sites: Iterable[Site]) -> User:
    user = User.objects.create(username=name, is_staff=role == Role.ADMINISTRATOR)
    user.groups.add(Group.objects.get(name=role))
    Membership.objects.bulk_create(Membership(user=user, site=site) for site in sites)
    return user


def make(shape: Shape) -> World:
    sites = [
        Site.objects.create(code=f"site-{number:02}", name=f"Site {number}")
        for number in range(1, shape.sites + 1)
    ]
    manifest = {"name": "fake", "version": "1"}
    version, _ = model_versions.register(
        actor=_ACTOR, manifest=manifest, digest=FAKE_DIGEST, folder="fake"
    )
    model_versions.activate(actor=_ACTOR, version=version)
    submitter, reader = (
        member(role.lower(), role, sites) for role in (Role.SUBMITTER, Role.RADIOLOGIST)
    )
    return World(shape, db_now(), sites, submitter, reader, version)
