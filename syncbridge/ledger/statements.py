"""Statements that every order runs, built once a process: building one costs more than running it (measured)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, Update, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite


@cache
def _update(table: Table, where: tuple[str, ...], columns: tuple[str, ...]) -> Update:
    return (
        update(table)
        .where(*(table.c[name] == bindparam(f"is_{name}") for name in where))
        .values({name: bindparam(f"to_{name}") for name in columns})
    )


def update_where(
    connection: Connection, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]
) -> int:
    """Set columns where others equal what is expected; return how many rows it were. No condition may be None."""
    parameters = {f"is_{name}": value for name, value in where.items()}
    parameters |= {f"to_{name}": value for name, value in values.items()}
    return connection.execute(_update(table, tuple(where), tuple(values)), parameters).rowcount


@cache
def _select(table: Table, columns: tuple[str, ...], where: tuple[str, ...], order: str) -> Select[Any]:
    query = select(*(table.c[name] for name in columns)).where(
        *(table.c[name] == bindparam(f"is_{name}") for name in where)
    )
    return query.order_by(table.c[order]) if order else query


def select_where(
    connection: Connection, table: Table, columns: tuple[str, ...], where: Mapping[str, Any], order: str = ""
) -> list[Any]:
    """Return the rows in which columns equal what is given; no condition may be None."""
    parameters = {f"is_{name}": value for name, value in where.items()}
    return list(connection.execute(_select(table, columns, tuple(where), order), parameters).all())


@cache
def _insert(table: Table, dialect: str, unless: tuple[str, ...], returning: str) -> Any:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    if unless:
        statement = statement.on_conflict_do_nothing(index_elements=unless)
    return statement.returning(table.c[returning])


def insert_row(
    connection: Connection,
    table: Table,
    values: Mapping[str, Any],
    *,
    returning: str = "id",
    unless: tuple[str, ...] = (),
) -> Any:
    """Insert a row and return one of its columns; None where a row with the same `unless` columns is there already."""
    statement = _insert(table, connection.dialect.name, unless, returning)
    return connection.execute(statement, dict(values)).scalar()
