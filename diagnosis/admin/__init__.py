"""The administrators' pages: read-only, but for what a service does and audits."""

from diagnosis.admin import accounts, cases, machinery
from diagnosis.admin.door import site

__all__ = ["accounts", "cases", "machinery", "site"]
