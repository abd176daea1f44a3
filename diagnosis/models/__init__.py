"""The tables. One small module each; no logic beyond what a row knows of itself."""

from diagnosis.models.audit import AuditEvent
from diagnosis.models.claim import CaseClaim
from diagnosis.models.critical_finding import CriticalFinding
from diagnosis.models.film_addition import FilmAddition
from diagnosis.models.image import Image
from diagnosis.models.job import Job
from diagnosis.models.model_version import ModelVersion
from diagnosis.models.notification import NoticeChoice, Notification
from diagnosis.models.patient import Patient
from diagnosis.models.phrase import ReportPhrase
from diagnosis.models.reading import Reading
from diagnosis.models.result import Result
from diagnosis.models.saved_filter import SavedFilter
from diagnosis.models.site import Membership, Site
from diagnosis.models.study import Study
from diagnosis.models.worker import WorkerHeartbeat

__all__ = [
    "AuditEvent",
    "CaseClaim",
    "CriticalFinding",
    "FilmAddition",
    "Image",
    "Job",
    "Membership",
    "ModelVersion",
    "NoticeChoice",
    "Notification",
    "Patient",
    "Reading",
    "ReportPhrase",
    "Result",
    "SavedFilter",
    "Site",
    "Study",
    "WorkerHeartbeat",
]
