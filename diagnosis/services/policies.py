"""How a site reads: what is drawn for a new study, and the policies that are drawn by."""

from __future__ import annotations

from secrets import randbelow
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction

from diagnosis.errors import InvalidInput
from diagnosis.models import Site
from diagnosis.permissions import Role, require
from diagnosis.queries import studies
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
    blinded = _drawn(site.reveal_policy == RevealPolicy.ALWAYS, site.reveal_percent,
                     sampled=site.reveal_policy == RevealPolicy.SAMPLED)  # fmt: skip
    policy = SecondReadPolicy(site.second_read_policy)
    twice = _drawn(policy is SecondReadPolicy.ALL, site.second_read_percent,
                   sampled=policy is SecondReadPolicy.SAMPLED)  # fmt: skip
    return {
        "is_blinded": blinded,
        "reads_required": 2 if twice else 1,
        "second_read_reason": policy if twice else SecondReadPolicy.NONE,
    }


def _drawn(always: bool, percent: int, *, sampled: bool) -> bool:  # noqa: FBT001
    return always or (sampled and randbelow(100) < percent)


def ask_for_second_read(*, study: Study, reading: Reading) -> None:
    """After a first signature: a second reader where reader and model disagree, if the site asks.

    An indeterminate opinion agrees with no model. A study without a result is read once.
    """
    asked = study.site.second_read_policy == SecondReadPolicy.DISAGREEMENT
    if reading.kind != ReadingKind.FIRST or study.reads_required > 1 or not asked:
        return
    result = studies.top_result(study)
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
            field = next(iter(error.message_dict))
            raise InvalidInput(error.message_dict[field][0], field=field) from error
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
