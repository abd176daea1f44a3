"""Patients."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import models

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.keys import KeyField, begins_with, family_key
from diagnosis.models.site import Site

if TYPE_CHECKING:
    from datetime import date


class Sex(StrEnum):
    """DICOM's Patient's Sex (0010,0040)."""

    F = "F"
    M = "M"
    O = "O"  # noqa: E741 (DICOM's word for "other")


def full_months(born: date, on: date) -> int:
    """Age on a day in full months, by the calendar."""
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)


class Patient(models.Model):
    """A person, known at one site by a medical record number."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    mrn = models.CharField("medical record number", max_length=64)
    name = models.CharField(max_length=200)
    birth_date = models.DateField()
    sex = models.CharField(max_length=1, choices=choices(Sex))
    created_at = models.DateTimeField(default=db_now, editable=False)
    name_key = KeyField("name")
    family_key = KeyField("name", family_key)
    mrn_key = KeyField("mrn")

    class Meta:
        ordering = ["name"]
        indexes = [
            begins_with("name_key", "patient_name"),
            begins_with("family_key", "patient_family"),
            begins_with("mrn_key", "patient_mrn"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["site", "mrn"], name="patient_mrn_once_per_site"),
            models.CheckConstraint(condition=~models.Q(mrn=""), name="patient_mrn_not_empty"),
            one_of("sex", Sex, "patient_sex_known"),
        ]

    def __str__(self) -> str:
        return f"patient {self.pk}"  # never the name: this text reaches logs

    def months_old(self, on: date) -> int:
        return full_months(self.birth_date, on)
