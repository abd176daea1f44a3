"""Sites, and who works at which."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.models.choices import choices, one_of
from diagnosis.states import RevealPolicy, SecondReadPolicy


class Site(models.Model):
    """A hospital or department whose studies are seen by its members only, and how it reads."""

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=120)
    reveal_policy = models.CharField(
        "hide the model until the first opinion",
        max_length=8,
        choices=choices(RevealPolicy),
        default=RevealPolicy.OFF,
    )
    reveal_percent = models.PositiveSmallIntegerField(
        "share of studies, when sampled, in %", default=0
    )
    second_read_policy = models.CharField(
        "second read", max_length=12, choices=choices(SecondReadPolicy),
        default=SecondReadPolicy.NONE,
    )  # fmt: skip
    second_read_percent = models.PositiveSmallIntegerField(
        "share of second reads, when sampled, in %", default=0
    )
    signs_with_password = models.BooleanField(
        "ask for the password at each signature", default=False
    )
    acknowledge_minutes = models.PositiveSmallIntegerField(
        "minutes until an unacknowledged critical finding escalates", default=60
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            one_of("reveal_policy", RevealPolicy, "site_reveal_policy_known"),
            one_of("second_read_policy", SecondReadPolicy, "site_second_read_policy_known"),
            models.CheckConstraint(
                condition=Q(reveal_percent__lte=100, second_read_percent__lte=100),
                name="site_shares_up_to_100",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user works at a site; the role is the user's group."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "site"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.site_id}"
