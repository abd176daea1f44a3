"""Many rows into a table at once: COPY on PostgreSQL, one prepared INSERT on SQLite."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from django.core.management.color import no_style
from django.db import connection, models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Rows = Sequence[dict[str, Any]]  # by column, all with the same ones


def load(model: type[models.Model], rows: Rows) -> None:
    """Insert the rows; a column that none of them names gets the field's default."""
    if not rows:
        return
    (_copy if connection.vendor == "postgresql" else _insert)(model, rows)


def settle(tables: Iterable[type[models.Model]]) -> None:
    """What the database would have done by itself by now: sequences past our ids, statistics."""
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), list(tables)):
            cursor.execute(sql)
        is_free = connection.vendor == "postgresql" and not connection.in_atomic_block
        cursor.execute("VACUUM ANALYZE" if is_free else "ANALYZE")


@cache
def _defaults(model: type[models.Model]) -> dict[str, Any]:
    return {
        field.attname: field.get_db_prep_save(field.get_default(), connection)
        for field in model._meta.concrete_fields
        if not field.primary_key and not field.generated
    }


def _names(model: type[models.Model], rows: Rows) -> str:
    columns = {field.attname: field.column for field in model._meta.concrete_fields}
    return ", ".join(f'"{columns[name]}"' for name in _defaults(model) | rows[0])


def _copy(model: type[models.Model], rows: Rows) -> None:
    sql = f'COPY "{model._meta.db_table}" ({_names(model, rows)}) FROM STDIN'
    defaults = _defaults(model)
    with connection.cursor() as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(tuple((defaults | row).values()))


def _insert(model: type[models.Model], rows: Rows) -> None:
    names, defaults = _names(model, rows), _defaults(model)
    places = ", ".join(["%s"] * len(defaults | rows[0]))
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608 (our own names)
    adapt = _adapters(model)
    values = [
        list((defaults | {name: adapt[name](value) for name, value in row.items()}).values())
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)


@cache
def _adapters(model: type[models.Model]) -> dict[str, Callable[[Any], Any]]:
    """SQLite has neither times nor UUIDs of its own."""
    return {
        field.attname: partial(field.get_db_prep_save, connection=connection)
        for field in model._meta.concrete_fields
    }
