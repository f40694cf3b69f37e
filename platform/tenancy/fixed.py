"""Statements whose text is made once, from SQLAlchemy's expressions: only their values change from run to run.

For what every unit of work sends. To look a statement's text up in SQLAlchemy's cache, and to give it a context, a cursor
and a result of its own, costs several times what sending it does.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, bindparam, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.base import Executable

from .lane import Statement
from .names import TENANT_PLACEHOLDER

_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
#: A column's name alone would be taken for the value of that column.
_PREFIX = "new_"
#: With one schema to be put in later, SQLAlchemy leaves each to be put in.
_CONTROL = "__[SCHEMA_control]"


def compiled(statement: Executable) -> Any:
    """A statement's text with `$1` … and the schema's placeholder; lists in it are written out one by one."""
    return statement.compile(  # type: ignore[attr-defined]  # every statement that can be executed compiles
        dialect=_DIALECT,
        schema_translate_map={TENANT_PLACEHOLDER: TENANT_PLACEHOLDER},
        compile_kwargs={"render_postcompile": True},
    )


class Fixed:
    """A statement with named parameters, as `Statement`s with values. Its other values stay as they were when it was made."""

    def __init__(self, statement: Executable) -> None:
        made = compiled(statement)
        self.text = str(made).replace(_CONTROL, "control")
        #: of each parameter in its order: name, value where none is given, whether it is JSON
        self._parameters: list[tuple[str, Any, bool]] = [
            (name, made.params[name], isinstance(made.binds[name].type, JSONB)) for name in made.positiontup or ()
        ]
        #: the same with the column that it fills, where `of_row` made it
        self._columns = [(*one, one[0].removeprefix(_PREFIX)) for one in self._parameters]

    def given(self, **values: Any) -> Statement:
        """The statement with these values; one that is not given is as it was in the expression."""
        return Statement(
            self.text, [_sent(values.get(name, default), json_) for name, default, json_ in self._parameters]
        )

    def row(self, row: Mapping[str, Any], **values: Any) -> Statement:
        """The same, with the values of a row whose parameters `of_row` made."""
        return Statement(
            self.text,
            [
                _sent(row.get(column, default) if column != name else values.get(name, default), json_)
                for name, default, json_, column in self._columns
            ],
        )


def _sent(value: Any, is_json: bool) -> Any:
    return json.dumps(value) if is_json and value is not None else value


def of_row(table: Table, *without: str) -> dict[str, Any]:
    """Parameters for a row of a table, by column, as `Fixed.row` fills them; `without` those that the server fills."""
    columns = (column for column in table.c if column.name not in without)
    return {column.name: bindparam(_PREFIX + column.name, type_=column.type) for column in columns}


@lru_cache(maxsize=1_000)
def insertion(table: Table, columns: tuple[str, ...]) -> Fixed:
    """Adds a row of which these columns are given; the server fills the others.

    Raises:
        ValueError: a column is missing that Python would fill.
    """
    if missing := [one.name for one in table.c if one.default is not None and one.name not in columns]:
        raise ValueError(f"{table.name} needs {', '.join(missing)}")
    return Fixed(insert(table).values(of_row(table, *(one.name for one in table.c if one.name not in columns))))
