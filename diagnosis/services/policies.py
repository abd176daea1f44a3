"""How a site reads: what is drawn for a new study, and the policies that are drawn by."""

from __future__ import annotations

from secrets import randbelow
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction

from diagnosis.errors import InvalidInput
from diagnosis.models import Site
from diagnosis.permissions import Role, require
from diagnosis.queries import results
from diagnosis.services import audit
from diagnosis.states import ReadingKind, RevealPolicy, SecondReadPolicy

if TYPE_CHECKING:
    from diagnosis.models import Reading, Study
    from diagnosis.permissions import Actor, User

FIELDS = (
    "reveal_policy",
    "reveal_percent",
    "second_read_policy",
    "second_read_percent",
    "signs_with_password",
    "acknowledge_minutes",
)


def drawn(site: Site) -> dict[str, Any]:
    """Whether a new study of the site hides the model, and whether it is read twice: drawn once,
    before anything is known of it, and kept.
    """
    policy = SecondReadPolicy(site.second_read_policy)
    blinded = site.reveal_policy == RevealPolicy.ALWAYS or (
        site.reveal_policy == RevealPolicy.SAMPLED and _sampled(site.reveal_percent)
    )
    twice = policy is SecondReadPolicy.ALL or (
        policy is SecondReadPolicy.SAMPLED and _sampled(site.second_read_percent)
    )
    return {
        "is_blinded": blinded,
        "reads_required": 2 if twice else 1,
        "second_read_reason": policy if twice else SecondReadPolicy.NONE,
    }


def _sampled(percent: int) -> bool:
    return randbelow(100) < percent


def ask_for_second_read(*, study: Study, reading: Reading) -> None:
    """After a first signature: a second reader where reader and model disagree, if the site asks.

    An indeterminate opinion agrees with no model. A study without a result is read once.
    """
    asked = study.site.second_read_policy == SecondReadPolicy.DISAGREEMENT
    if reading.kind != ReadingKind.FIRST or study.reads_required > 1 or not asked:
        return
    result = results.speaking_first(study.pk).first()
    if result is None or result.label == reading.opinion:
        return
    study.reads_required = 2
    study.second_read_reason = SecondReadPolicy.DISAGREEMENT
    study.save(update_fields=["reads_required", "second_read_reason"])


def change(*, user: User, actor: Actor, site: Site, policies: dict[str, Any]) -> None:
    """Set a site's policies; studies that are submitted already keep what was drawn for them.

    Raises NotPermitted, InvalidInput.
    """
    require(user, Role.ADMINISTRATOR)
    with transaction.atomic():
        stored = Site.objects.select_for_update().get(pk=site.pk)
        before = {name: getattr(stored, name) for name in FIELDS}
        after = {**before, **policies}
        if after == before:
            return
        for name, value in after.items():
            setattr(stored, name, value)
        try:
            stored.full_clean()
        except ValidationError as error:
            raise InvalidInput.of(error) from error
        stored.save(update_fields=list(FIELDS))
        changed = [name for name in FIELDS if before[name] != after[name]]
        audit.record(
            actor=actor,
            action="SITE_POLICY_SET",
            target=stored,
            site=stored.code,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
