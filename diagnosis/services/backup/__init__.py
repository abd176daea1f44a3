"""Backups: one folder that holds database and films, written so that half of one is never taken for
a whole one.

    DIR/manifest.json             what belongs together, and its digests; written last
    DIR/database-DIGEST.sqlite3   or .pgdump
    DIR/films-DIGEST.txt          a line for each film: storage key, SHA-256, bytes
    DIR/films/ab/ab12...          each film once, named by its SHA-256
"""

from diagnosis.services.backup.folder import BackupRefused
from diagnosis.services.backup.restoring import differences, restore
from diagnosis.services.backup.writing import Written, backup

__all__ = ["BackupRefused", "Written", "backup", "differences", "restore"]
