"""Sites, and who works at which."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Site(models.Model):
    """A hospital or department whose studies are seen by its members only."""

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["code"]

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
