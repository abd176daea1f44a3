"""The database's own guards of what is append-only, for SQLite and PostgreSQL.

audit events and results: never changed, never deleted. Signed readings: frozen once signed; a first
opinion: once stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Table -> the SQL condition, on the old row, under which it is frozen.
FROZEN = {
    "diagnosis_auditevent": "1=1",
    "diagnosis_result": "1=1",
    "diagnosis_reading": "OLD.signed_at IS NOT NULL",
}
# Table -> how a new row collides with a frozen one, beside its id: by its unique columns.
_COLLIDES = {
    "diagnosis_auditevent": "0",
    "diagnosis_result": "job_id = NEW.job_id",
    "diagnosis_reading": "signed_at IS NOT NULL AND (supersedes_id = NEW.supersedes_id OR "
    "study_id = NEW.study_id AND kind = NEW.kind AND kind <> 'ADDENDUM' "
    "AND NEW.signed_at IS NOT NULL)",
}


def _sqlite(table: str, condition: str) -> list[str]:
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
    collides = f"SELECT 1 FROM {table} WHERE (id = NEW.id OR {_COLLIDES[table]})"  # noqa: S608 (our own names)
    existing = f"EXISTS ({collides})"
    other = f"EXISTS ({collides} AND id <> OLD.id)"
    return [
        (
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
            f"WHEN {condition} OR {other} BEGIN {refuse}; END"
        ),
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {condition} BEGIN {refuse}; END",
        # OR REPLACE would delete the row in its way without firing a delete trigger.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {existing} BEGIN {refuse}; END",
    ]


def _postgresql(table: str, condition: str) -> list[str]:
    refuse = "EXECUTE FUNCTION diagnosis_append_only()"
    return [
        (
            "CREATE OR REPLACE FUNCTION diagnosis_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        ),
        (
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW WHEN ({condition}) {refuse}"
        ),
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
    ]


_OPINION = "first_opinion"
_NAMES = {
    "sqlite": ("no_update", "no_delete", "no_replace", _OPINION),
    "postgresql": ("no_change", "no_truncate", _OPINION),
}


_READING = "diagnosis_reading"
_OPINION_CHANGES = "OLD.opined_at IS NOT NULL AND ({})"
_OPINION_COLUMNS = ("first_opinion", "first_confidence", "first_regions", "opined_at")


def _opinion_guard(vendor: str) -> str:
    """A first opinion is what was thought before the model was seen: it never changes."""
    differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
    condition = _OPINION_CHANGES.format(
        " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in _OPINION_COLUMNS)
    )
    head = f"CREATE TRIGGER {_READING}_{_OPINION} BEFORE UPDATE ON {_READING} "
    if vendor == "sqlite":
        refuse = "SELECT RAISE(ABORT, 'a first opinion is append-only')"
        return f"{head} WHEN {condition} BEGIN {refuse}; END"
    return f"{head} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION diagnosis_append_only()"


def create(connection: BaseDatabaseWrapper) -> None:
    create_frozen(connection)
    with connection.cursor() as cursor:
        cursor.execute(_opinion_guard(connection.vendor))


def create_frozen(connection: BaseDatabaseWrapper) -> None:
    statements = _sqlite if connection.vendor == "sqlite" else _postgresql
    with connection.cursor() as cursor:
        for table, condition in FROZEN.items():
            for statement in statements(table, condition):
                cursor.execute(statement)


def drop(connection: BaseDatabaseWrapper) -> None:
    """For migrations backwards, and for tests that must empty the tables."""
    with connection.cursor() as cursor:
        for table in FROZEN:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            for name in _NAMES[connection.vendor]:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def migrate_forwards(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    create(editor.connection)


def migrate_frozen(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    """Those of before there were first opinions."""
    create_frozen(editor.connection)


def migrate_backwards(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    drop(editor.connection)
