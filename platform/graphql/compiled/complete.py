"""From rows to the answer: Python made once per plan, with one dictionary display per object and nothing looked up by name.

The source is put together from the templates below. Of a document it contains the response keys alone, as literals made by
`repr`; everything else is numbers and names of this module. `forecourt explain` shows it.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from graphql import FieldNode

from ...tenancy.reader import cursor
from ...tenancy.reader.compile_sql import Read, Variant
from ...tenancy.reader.entity import Field, Kind
from .. import ids
from ..select import key_of
from .fields import Made, cell
from .plan import STORE_VALUES, HandOver, PlanSelection, RowsPlan, StorePlan

#: rows by statement, the store's id, the store, what fields made in Python need → the object of the answer
Completion = Callable[[Sequence[Sequence[tuple[Any, ...]]], UUID, Any, Made], Any]

_first = itemgetter(0)


# --- what the generated source calls ---------------------------------------------------------------------------------


def _doubt(what: str = "a value outside its kind") -> Any:
    raise HandOver(what)


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _float(number: float | None) -> float | None:
    return number if number is None or math.isfinite(number) else _doubt()


def _cursor_moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _cursor_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _cursor_decimal(text: str | None) -> str | None:
    return None if text is None else str(Decimal(text))


def _by_parent(rows: Iterable[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    """Rows that come ordered by their first column, cut where it changes."""
    return {parent: list(run) for parent, run in groupby(rows, _first)}


_NAMES = {
    "doubt": _doubt,
    "prefix": ids.prefix,
    "json_value": _json,
    "finite": _float,
    "cursor_date": _cursor_date,
    "cursor_moment": _cursor_moment,
    "cursor_decimal": _cursor_decimal,
    "by_parent": _by_parent,
    "NONE": (),
}

_CURSOR = {
    Kind.DATE: "cursor_date({})",
    Kind.DECIMAL: "cursor_decimal({})",
    Kind.MOMENT: "cursor_moment({})",
}


# --- the source ------------------------------------------------------------------------------------------------------


class _Source:
    """Puts the source of one completion together."""

    def __init__(self, selection: PlanSelection) -> None:
        self._selection = selection
        self._names: dict[str, Any] = dict(_NAMES)
        #: what stands before everything else, by what it is for
        self._groups: dict[int | str, str] = {}
        self._lines: list[str] = []
        self._made = 0

    def finished(self, result: str) -> tuple[str, Completion]:
        """The source of a completion that gives `result`, and the completion."""
        lines = ["def complete(S, store_id, store, M):"]
        lines += [f"  {line}" for line in (*self._groups.values(), *self._lines, f"return {result}")]
        text = "\n".join(lines) + "\n"
        space = dict(self._names)
        exec(compile(text, "<completion>", "exec"), space)  # noqa: S102  (made from the templates of this module)
        found: Completion = space["complete"]
        return text, found

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = f"K{len(self._names)}"
        self._names[name] = value
        return name

    def _function(self, argument: str, body: Iterable[str]) -> str:
        self._made += 1
        name = f"f{self._made}"
        self._lines.append(f"def {name}({argument}):")
        self._lines += [f"  {line}" for line in body]
        return name

    # -- objects

    def object(self, read: Read, nodes: Sequence[FieldNode], row: str) -> str:
        """A row as these nodes select it."""
        entity = read.entity
        parts = []
        for key, group in self._selection.by_response(nodes, entity.name).items():
            name = group[0].name.value
            if name == "__typename":
                value = repr(entity.name)
            elif name == "id":
                value = f"{self._prefix(entity.name)} + {row}[{read.id}]"
            elif name in entity.relation_by_name:
                value = self._relation(read, group, row)
            elif entity.field_by_name[name].made is not None:
                value = self._made_value(read, name, group, row)
            else:
                value = self._value(entity.field_by_name[name], f"{row}[{read.fields[name]}]")
            parts.append(f"{key!r}: {value}")
        return "{" + ", ".join(parts) + "}"

    def _prefix(self, type_: str) -> str:
        """The name of what the ids of this type begin with."""
        name = f"I_{type_}"
        self._groups.setdefault(name, f"{name} = prefix({type_!r}, store_id)")
        return name

    def _made_value(self, read: Read, name: str, group: Sequence[FieldNode], row: str) -> str:
        """A field that is made in Python: a call with the columns it needs; null where the viewer does not see it."""
        item = read.made.get(name)
        if item is None or item.made is None or read.rows is None:
            return "None"
        cells = ", ".join(f"{row}[{read.locals[need.column]}]" for need in item.made.needs)
        return f"{self.constant(cell(item, read.rows, group))}(M, {cells})"

    def _value(self, field: Field, cell: str) -> str:
        match field.kind:
            case Kind.INT if field.wide:  # GraphQL's Int has 32 bits
                return f"(x if (x := {cell}) is None or -2147483648 <= x <= 2147483647 else doubt())"
            case Kind.FLOAT:
                return f"finite({cell})"
            case Kind.JSON if field.nullable:
                return f"json_value({cell})"
            case Kind.JSON:
                return f"(x if (x := json_value({cell})) is not None else doubt())"
            case Kind.WORD if field.words is not None:
                words: dict[str | None, str | None] = {word: word for word in field.words.meanings}
                if field.nullable:
                    words[None] = None
                return f"{self.constant(words)}[{cell}]"
            case _:
                return cell

    def _relation(self, read: Read, group: Sequence[FieldNode], row: str) -> str:
        child = read.children[key_of(group[0])]
        assert child.relation is not None  # noqa: S101  (it stands below a row)
        local = f"{row}[{read.locals[child.relation.local]}]"
        if child.relation.many:
            return f"{self.connection(child, group)}({local})"
        found = self._group(child.rows, "{{r[0]: r for r in S[{0}]}}.get")
        body = [f"return None if r is None else {self.object(child, group, 'r')}"]
        return f"{self._function('r', body)}({found}({local}))"

    def _group(self, statement: int | None, template: str) -> str:
        assert statement is not None  # noqa: S101  (its rows were asked)
        name = f"g{statement}"
        self._groups.setdefault(statement, f"{name} = {template.format(statement)}")
        return name

    # -- lists

    def connection(self, read: Read, nodes: Sequence[FieldNode]) -> str:
        """The name of a function that gives a list: of the value that leads to it, or without one of the store's."""
        root = read.relation is None
        entity = read.entity.name
        empty, parts = [], []
        for key, group in self._selection.by_response(nodes, f"{entity}Connection").items():
            match group[0].name.value:
                case "edges":
                    value, nothing = self._edges(read, group), "[]"
                case "pageInfo":
                    value, nothing = self._page_info(read, group)
                case "totalCount":
                    value, nothing = self._total(read), "0"
                case _:
                    value = nothing = repr(f"{entity}Connection")
            parts.append(f"{key!r}: {value}")
            empty.append(f"{key!r}: {nothing}")
        body = []
        if not root:
            body.append(f"if v is None: return {{{', '.join(empty)}}}")
        if read.rows is not None:
            found = f"S[{read.rows}]" if root else f"{self._group(read.rows, 'by_parent(S[{0}]).get')}(v, NONE)"
            body.append(f"R = {found}")
            if read.shape.more:
                body += [f"more = len(R) > {read.size}", f"if more: R = R[:{read.size}]"]
            if read.backward:
                body.append("R = R[::-1]")
        body.append(f"return {{{', '.join(parts)}}}")
        return self._function("" if root else "v", body)

    def _total(self, read: Read) -> str:
        if read.relation is None:
            return f"S[{read.total}][0][0]"
        return f"{self._group(read.total, 'dict(S[{0}]).get')}(v, 0)"

    def _edges(self, read: Read, nodes: Sequence[FieldNode]) -> str:
        parts = []
        for key, group in self._selection.by_response(nodes, f"{read.entity.name}Edge").items():
            match group[0].name.value:
                case "node":
                    value = self.object(read, group, "r")
                case "cursor":
                    value = self._cursor(read, "r")
                case _:
                    value = repr(f"{read.entity.name}Edge")
            parts.append(f"{key!r}: {value}")
        return f"[{{{', '.join(parts)}}} for r in R]"

    def _page_info(self, read: Read, nodes: Sequence[FieldNode]) -> tuple[str, str]:
        """`pageInfo`, and what it is for a row that has no value to lead anywhere."""
        forward = not read.backward
        flags = {
            "hasNextPage": "True" if read.before else "more" if forward else "False",
            "hasPreviousPage": "True" if read.after else "False" if forward else "more",
        }
        parts, empty = [], []
        for key, group in self._selection.by_response(nodes, "PageInfo").items():
            name = group[0].name.value
            if name in flags:
                value, nothing = flags[name], "False"
            elif name == "__typename":
                value = nothing = repr("PageInfo")
            else:
                at = "R[0]" if name == "startCursor" else "R[-1]"
                value, nothing = f"({self._cursor(read, at)} if R else None)", "None"
            parts.append(f"{key!r}: {value}")
            empty.append(f"{key!r}: {nothing}")
        return f"{{{', '.join(parts)}}}", f"{{{', '.join(empty)}}}"

    def _cursor(self, read: Read, row: str) -> str:
        before = cursor.before_id(read.entity.name, read.shape.order)
        if before is not None:
            return f"{before!r} + {row}[{read.id}]"
        pack = self.constant(cursor.packer(read.entity.name, read.shape.order))
        values = (
            _CURSOR.get(kind, "{}").format(f"{row}[{place}]") for kind, place in zip(read.kinds, read.keys, strict=True)
        )
        return f"{pack}(({', '.join(values)},))"


def complete_store(selection: PlanSelection, plan: StorePlan, variant: Variant) -> tuple[str, Completion]:
    """How a store's part is made from the rows of its statements: the source, and the function."""
    source = _Source(selection)
    parts = []
    for key, group in plan.groups.items():
        name, at = group[0].name.value, key_of(group[0])
        if name == "__typename":
            value = repr(ids.STORE)
        elif name == "id":
            value = f"{source.constant(ids.store_id)}(store_id)"
        elif name == "asOf":
            value = "S[0][0][0]"
        elif name in STORE_VALUES:
            value = f"store.{STORE_VALUES[name]}"
        elif at in plan.refused or key in plan.own:
            value = "None"
        else:
            value = f"{source.connection(variant.reads[at], group)}()"
        parts.append(f"{key!r}: {value}")
    return source.finished("{" + ", ".join(parts) + "}")


def complete_rows(selection: PlanSelection, plan: RowsPlan, variant: Variant) -> tuple[str, Completion]:
    """How rows read by their ids are made: type → id of the row → object."""
    source = _Source(selection)
    parts = []
    for name in plan.types:
        read = variant.reads[name]
        made = source.object(read, plan.nodes, "r")
        parts.append(f"{name!r}: {{r[{read.id}]: {made} for r in S[{read.rows}]}}")
    return source.finished("{" + ", ".join(parts) + "}")
