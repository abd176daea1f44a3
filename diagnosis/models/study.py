"""Studies: the case that is submitted, analysed, read and reported."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from diagnosis.models.choices import choices, one_of
from diagnosis.models.clock import db_now
from diagnosis.models.keys import KeyField, begins_with
from diagnosis.models.patient import Patient
from diagnosis.models.site import Site
from diagnosis.states import TO_READ, Priority, SecondReadPolicy, StudyState


class Study(models.Model):
    """`state`, the flags and `worklist_rank` are written by services/lifecycle.py alone."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="studies")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="studies")
    accession_number = models.CharField(max_length=64, blank=True)
    accession_key = KeyField("accession_number")
    indication = models.TextField(max_length=2000, blank=True)
    priority = models.CharField(max_length=8, choices=choices(Priority), default=Priority.ROUTINE)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="studies"
    )
    submitted_at = models.DateTimeField(default=db_now)
    due_at = models.DateTimeField(help_text="Turn-round target of the priority.")

    state = models.CharField(
        max_length=24, choices=choices(StudyState), default=StudyState.PROCESSING
    )
    # A column, because SQLite takes a partial index for a word of truth, and never for a list.
    to_read = models.GeneratedField(
        expression=Q(state__in=sorted(state.value for state in TO_READ)),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    ai_unavailable = models.BooleanField(default=False)
    needs_new_film = models.BooleanField(default=False)
    is_overdue = models.BooleanField(default=False)
    awaits_model = models.BooleanField(
        default=False, help_text="A film was accepted while no model version was active."
    )
    is_blinded = models.BooleanField(
        default=False, help_text="The model is hidden from a reader without an opinion. Drawn once."
    )
    reads_required = models.PositiveSmallIntegerField(default=1)
    second_read_reason = models.CharField(
        max_length=12, choices=choices(SecondReadPolicy), default=SecondReadPolicy.NONE
    )
    worklist_rank = models.IntegerField()

    idempotency_key = models.CharField(max_length=100, blank=True)
    request_digest = models.CharField(max_length=64)
    intake_report = models.JSONField(default=list, help_text="A code per submitted film.")

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["worklist_rank", "id"]
        indexes = [
            # The first two are for a user of one site, the others for one of several; what stands
            # behind the id is chosen by without a look at the row.
            models.Index(
                fields=["site", "worklist_rank", "id"],
                name="study_to_read_of_site",
                condition=Q(to_read=True),
            ),
            models.Index(fields=["site", "worklist_rank", "id", "to_read"], name="study_of_site"),
            models.Index(
                fields=["worklist_rank", "id", "site"],
                name="study_to_read",
                condition=Q(to_read=True),
            ),
            models.Index(fields=["worklist_rank", "id", "site", "to_read"], name="study_rank"),
            models.Index(
                fields=["site", "state", "worklist_rank", "id"],
                name="study_in_state_of_site",
                condition=Q(to_read=True),
            ),
            models.Index(
                fields=["state", "worklist_rank", "id", "site"],
                name="study_in_state",
                condition=Q(to_read=True),
            ),
            models.Index(fields=["site", "submitted_at"], name="study_submitted"),
            models.Index(fields=["submitted_by", "submitted_at"], name="study_submitter"),
            begins_with("accession_key", "study_accession"),
            models.Index(
                fields=["due_at"], name="study_due", condition=Q(to_read=True, is_overdue=False)
            ),
            models.Index(
                fields=["id"],
                name="study_awaits_model",
                condition=Q(to_read=True, awaits_model=True),
            ),
            models.Index(fields=["submitted_by", "id", "site"], name="study_of_submitter"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["submitted_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="study_idempotency_key_once_per_user",
            ),
            models.CheckConstraint(
                condition=Q(reads_required__gte=1) & Q(reads_required__lte=2),
                name="study_one_or_two_reads",
            ),
            one_of("second_read_reason", SecondReadPolicy, "study_second_read_reason_known"),
            one_of("state", StudyState, "study_state_known"),
            one_of("priority", Priority, "study_priority_known"),
        ]

    def __str__(self) -> str:
        return f"study {self.uid}"
