"""The product's stored words, in the words that people read."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from diagnosis import report
from ml.contracts import GateCode

PRIORITIES = {"STAT": "STAT", "URGENT": "Urgent", "ROUTINE": "Routine"}
TABS = {
    "to-read": _("To read"),
    "second-read": _("Second reads"),
    "arbitration": _("Arbitration"),
    "reported": _("Reported"),
    "all": _("All"),
}
READER_TABS = {"second-read", "arbitration"}
ANY = _("All")
BANDS = {
    "SUGGESTS": _("At or above the decision point"),
    "DOUBT": _("In doubt: below it, not ruled out"),
    "RULED_OUT": _("Below the rule-out point"),
    "NO_SCORE": _("No score"),
}
MINE = {True: _("Held or drafted by me"), False: _("Submitted by me")}
CUTS = {
    "FURTHER": _(
        "Only a part of the list was looked at. Look further, or narrow the list by state, priority or site."
    ),
    "NEWEST": _("Only the newest of these studies were looked at. Choose fewer days, or one site."),
    "MATCHES": _("More patients match than are shown. Type more of the name or number."),
}
STATES = {
    "PROCESSING": "Analysis pending",
    "AWAITING_READ": "To read",
    "AWAITING_SECOND_READ": "Second read",
    "AWAITING_ARBITRATION": "Arbitration",
    "REPORTED": "Reported",
    "AMENDED": "Amended",
}
OPINIONS = report.OPINIONS
READINGS = report.KINDS
SEXES = report.SEXES
FIELDS = {
    "patient_id": "MRN",
    "patient_name": "patient name",
    "name": "patient name",
    "birth_date": "birth date",
    "age": "age",
    "sex": "sex",
    "accession_number": "accession number",
}
SUGGESTS = {True: "Suggests pneumonia", False: "Does not suggest pneumonia"}

HIDDEN = (
    "The model's result is hidden",
    "It is shown to a reader whose first opinion is stored, and to all when the case is reported.",
)

# Code of an analysis that gave no score -> what happened, and what to do about it.
_NO_SCORE: dict[str, tuple[str, str]] = {
    GateCode.TOO_SMALL: (
        "The film has too few pixels to be assessed.",
        "Submit it again at its true size.",
    ),
    GateCode.BLANK_OR_SATURATED: (
        "The film is almost all black, white or one gray.",
        "Check exposure and export, and submit it again.",
    ),
    GateCode.NOT_CHEST: (
        "This does not look like a chest film.",
        "Check that the right film was sent.",
    ),
    GateCode.LATERAL_OR_ROTATED: (
        "The film looks lateral or rotated.",
        "Submit the frontal film, upright.",
    ),
    GateCode.INVERTED: (
        "The gray scale looks inverted.",
        "Export the film again with bone bright, and submit it again.",
    ),
    GateCode.TEXT_OR_SCREENSHOT: (
        "This looks like a screenshot or a page of text.",
        "Submit the film itself, as exported by the device.",
    ),
    GateCode.OUT_OF_DISTRIBUTION: (
        "The film is unlike those that the model was made for.",
        "Read it without the model.",
    ),
    "AGE_OUT_OF_RANGE": (
        "The patient's age lies outside the range that the model is meant for.",
        "Read it without the model.",
    ),
    "BLOB_CORRUPT": (
        "The stored film is missing or was changed.",
        "Tell the administrator, and submit the film again.",
    ),
    "UNREADABLE": ("The stored film cannot be decoded.", "Export and submit the film again."),
    "NON_FINITE": (
        "The model gave no valid number.",
        "Read it without the model, and tell the administrator.",
    ),
    "POISON": (
        "The analysis of this film stopped its worker several times.",
        "Read it without the model, and tell the administrator.",
    ),
    "ERROR": (
        "The analysis failed several times.",
        "Read it without the model, and tell the administrator.",
    ),
}
_UNKNOWN = ("The film got no score.", "Read it without the model.")

_EVENTS = {
    "STUDY_SUBMITTED": "submitted the study",
    "STUDY_FILM_ADDED": "sent further films",
    "SUBMISSIONS_VIEWED": "looked through their studies",
    "STUDY_VIEWED": "opened the study",
    "WORKLIST_VIEWED": "looked through the worklist",
    "FILM_VIEWED": "viewed a film",
    "HEAT_MAP_VIEWED": "viewed a heat map",
    "REPORT_VIEWED": "read the report",
    "PATIENT_MISMATCH_CONFIRMED": "confirmed that the films are this patient's",
    "STUDY_ANALYSED": "completed the analysis; the case waits for its reader",
    "STUDY_REANALYSE": "opened the analysis again",
    "STUDY_REPORT": "closed the case as reported",
    "STUDY_NEED_SECOND_READ": "sent the case to a second reader",
    "STUDY_DISAGREE": "disagreed with the first reader; the case waits for arbitration",
    "STUDY_AMEND": "amended the report",
    "STUDY_OVERDUE": "marked the case as overdue",
    "JOB_QUEUED": "queued a film for analysis",
    "JOB_CLAIM": "began to analyse a film",
    "JOB_RELEASE": "handed a film back to the queue",
    "JOB_RETRY": "met an error; the film will be tried again",
    "JOB_LOSE_LEASE": "took a film from a lost worker; it will be tried again",
    "JOB_SUCCEED": "finished the analysis of a film",
    "JOB_REFUSE": "found a film not assessable",
    "JOB_FAIL": "gave up the analysis of a film",
    "JOB_ENDED": "ended the analysis of a film",
    "JOB_CANCEL": "canceled the analysis of a film",
    "JOB_LATE_WRITE": "wrote a result too late and was refused",
    "CASE_CLAIMED": "started reading",
    "CASE_TAKEN_OVER": "took the case over",
    "CASE_RELEASED": "released the case",
    "OPINION_STORED": "stored a first opinion; the model was shown",
    "DRAFT_STARTED": "began a draft of the report",
    "DRAFT_DISCARDED": "discarded a draft of the report",
    "SIGNATURE_REFUSED": "gave a wrong password for a signature",
    "PHRASE_SAVED": "saved a phrase for reports",
    "PHRASE_DELETED": "deleted a phrase for reports",
    "READING_SIGNED": "signed the report",
    "READING_AMENDED": "signed an addendum",
    "CRITICAL_MARK": "marked a critical finding",
    "CRITICAL_TELL": "told of the critical finding",
    "CRITICAL_READ_BACK": "recorded that the critical finding was read back",
    "CRITICAL_ACKNOWLEDGE": "acknowledged the critical finding",
    "CRITICAL_ESCALATE": "escalated the critical finding: nobody confirmed it in time",
    "CRITICAL_WITHDRAW": "withdrew the critical finding",
    "USER_CREATED": "made the account",
    "USER_CHANGED": "changed the account's names",
    "USER_ROLES_SET": "set the account's roles",
    "USER_SITES_SET": "set the account's sites",
    "USER_ACTIVATED": "let the account in",
    "USER_DEACTIVATED": "locked the account out",
    "USER_PASSWORD_SET": "set the account's password",
    "USER_TOKEN_ISSUED": "issued the account's API token",
    "USER_TOKEN_REVOKED": "revoked the account's API token",
    "SITE_CREATED": "made the site",
    "SITE_POLICY_SET": "set the site's policies of reading",
    "SITE_RENAMED": "renamed the site",
    "MODEL_REGISTERED": "registered the model version",
    "MODEL_ACTIVE": "activated the model version",
    "MODEL_RETIRED": "retired the model version",
    "ADMIN_VIEWED": "opened the record in the administration",
    "ADMIN_LISTED": "looked through a list in the administration",
    "LOGGED_IN": "logged in",
    "LOGGED_OUT": "logged out",
    "LOG_IN_REFUSED": "tried to log in and was refused",
}
ACTIONS = sorted(_EVENTS)
LOOKS = frozenset({"STUDY_VIEWED", "FILM_VIEWED", "HEAT_MAP_VIEWED", "REPORT_VIEWED"})


def no_score(code: str) -> tuple[str, str]:
    """What happened, and what to do, for a film without a score."""
    return _NO_SCORE.get(code, _UNKNOWN)


def event(action: str) -> str:
    """An audit action as part of a sentence; an unknown one in its own plain letters."""
    return _EVENTS.get(action) or action.replace("_", " ").lower()


def fields(names: list[str]) -> str:
    """Field names as a list for a sentence."""
    return ", ".join(FIELDS.get(name, name.replace("_", " ")) for name in names)
