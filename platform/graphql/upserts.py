"""Records of other systems 外部系统记录, created or updated by the keys of the exchange format: what integrators send all day.

The inputs are made from the format (`domain/interchange/format.py`): one type per file, one field per column.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import strawberry

from ..domain.entities import ENTITIES
from ..domain.interchange.findings import Finding, Language, reason, sayings
from ..domain.interchange.format import FILES, ColumnSpec
from ..domain.interchange.merge_map import MERGES
from ..domain.interchange.upsert import MOST_RECORDS, OFFERED, PERMISSION, Result, camel, path_of, upsert
from ..tenancy.reader.entity import Entity
from . import ids
from .context import Context
from .errors import Saying
from .inputs import listing, made_enum, maybe
from .mutation import Done, Mutation, UserErrorValue, WithErrors
from .services import store_work

_OF_RECORDS = (
    "MISSING_VALUE",
    "BAD_FORMAT",
    "BAD_VALUE",
    "OUT_OF_RANGE",
    "DUPLICATE_KEY",
    "UNKNOWN_REF",
    "IMPOSSIBLE_DATE",
)
_SAYINGS = sayings()
USER_ERRORS = {code: Saying(*_SAYINGS[code]) for code in (*_OF_RECORDS, "VIN_CHECK_DIGIT")}

OUTCOME = made_enum(
    "UpsertOutcome",
    "What became of a record.",
    {
        "CREATED": ("CREATED", "It was not known, and is there now 新建."),
        "UPDATED": ("UPDATED", "It was known, and has changed 更新."),
        "UNCHANGED": ("UNCHANGED", "It was known just so; nothing was written 未变."),
        "REFUSED": ("REFUSED", "It was not written; userErrors say why 拒绝."),
    },
)
#: file → the entity whose rows its records are
_ENTITY: Mapping[str, Entity] = {
    merge.file: next(one for one in ENTITIES if one.name == merge.table.__name__) for merge in reversed(MERGES)
}
_TYPES: Mapping[str, Any] = {
    "int": int,
    "dec": Decimal,
    "bool": bool,
    "date": date,
    "time": datetime,
}
#: Columns that no entity has under this name.
_WORDS = {"phone": "Phone number, digits as dialled 电话.", "duration_s": "How long it took, in seconds 通话时长."}


@dataclass(frozen=True, slots=True)
class ResultValue:
    """One record as the API answers it."""

    index: int
    outcome: str
    id: str | None
    user_errors: Sequence[UserErrorValue]
    warnings: Sequence[UserErrorValue]


@lru_cache(maxsize=8)
def _result(user_error: Any) -> Any:
    """The type of a result; `user_error` is the schema's type of a refusal."""
    fields: Mapping[str, tuple[Any, str]] = {
        "index": (int, "Its place in the input, from 0."),
        "outcome": (OUTCOME, "What became of it 结果."),
        "id": (maybe(strawberry.ID), "Id of its row; null when it was refused."),
        "user_errors": (listing(user_error), "Why it was refused; empty when it was not."),
        "warnings": (listing(user_error), "What looks wrong, though it was written."),
    }
    body: dict[str, Any] = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}}
    body |= {name: strawberry.field(description=text) for name, (_, text) in fields.items()}
    return strawberry.type(
        type("UpsertResult", (), body), name="UpsertResult", description="What became of one record."
    )


def _record(file: str) -> Any:
    """The input type of a record of a file."""
    spec, title = FILES[file], _ENTITY[file].name
    body: dict[str, Any] = {"__annotations__": {}}
    for column in sorted(spec.columns, key=lambda one: not one.required):  # those without a default first
        kind = _TYPES.get(column.type, str)
        body["__annotations__"][column.name] = kind if column.required else maybe(kind)
        more: dict[str, Any] = {} if column.required else {"default": None}
        body[column.name] = strawberry.field(name=camel(column.name), description=_said(file, column), **more)
    name = f"{title}Record"
    key = " and ".join(camel(one) for one in spec.key)
    text = f"A whole record of {spec.meaning}, known by {key}: what is left out is unknown from then on."
    return strawberry.input(type(name, (), body), name=name, description=text)


def _said(file: str, column: ColumnSpec) -> str:
    """What a column means, from the entity that shows it or that it refers to."""
    named = {one.name: one.description for one in _ENTITY[file].fields}
    text = _WORDS.get(column.name) or named.get(camel(column.name))
    if text is None and column.reference:
        [key] = FILES[column.reference].key
        text = next(one.description for one in _ENTITY[column.reference].fields if one.name == camel(key))
    assert text is not None  # noqa: S101  (a test reads the whole schema)
    more = [" or ".join(column.words)] if column.words else []
    if column.meaning:
        more.append(column.meaning)
    plain = text.partition("; null")[0].rstrip(".")
    return f"{plain} ({'; '.join(more)})." if more else f"{plain}."


def _cell(value: Any) -> str:
    """A value as a cell of an export says it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _input(file: str, name: str, record: Any) -> Any:
    title = f"{name[0].upper()}{name[1:]}Input"
    fields: Mapping[str, tuple[Any, dict[str, Any]]] = {
        "store_id": (strawberry.ID, {"description": "Id of the store whose records they are 门店."}),
        "items": (listing(record), {"description": f"1 to {MOST_RECORDS} records; a key counts once 记录."}),
        "all_or_nothing": (
            bool,
            {
                "default": False,
                "description": "Write none when one is refused; else the good ones are written 全有或全无.",
            },
        ),
        "live_since": (
            maybe(date),
            {
                "default": None,
                "description": "Plan calls and surveys for facts from this local day on; without: for none 实时起始日.",
            },
        ),
    }
    body: dict[str, Any] = {"__annotations__": {key: kind for key, (kind, _) in fields.items()}}
    body |= {key: strawberry.field(**more) for key, (_, more) in fields.items()}
    text = f"Records of {FILES[file].meaning} to create or update."
    return strawberry.input(type(title, (), body), name=title, description=text)


async def _run(file: str, context: Context, given: Any) -> Done:
    store, _ = await context.resolve(given.store_id, ids.STORE)
    names = [column.name for column in FILES[file].columns]
    records = [{name: _cell(getattr(item, name)) for name in names} for item in given.items[: MOST_RECORDS + 1]]
    async with store_work(context, store) as work:
        results = await upsert(work, file, records, all_or_nothing=given.all_or_nothing, live_since=given.live_since)
    shown = [_shown(context, file, store.id, place, one) for place, one in enumerate(results)]
    return Done(store, values={"results": shown})


def _shown(context: Context, file: str, store: UUID, place: int, result: Result) -> ResultValue:
    language: Language = "en" if context.language.lower().startswith("en") else "zh-CN"

    def errors(findings: Sequence[Finding]) -> list[UserErrorValue]:
        return [
            UserErrorValue(one.code, _sentence(reason(one, language)), ["input", *path_of(one)]) for one in findings
        ]

    id_ = None if result.id is None else str(ids.GlobalId(_ENTITY[file].name, store, result.id))
    return ResultValue(place, result.outcome, id_, errors(result.faults), errors(result.warnings))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _mutation(file: str) -> Mutation:
    name = camel(f"upsert_{FILES[file].stem}")
    run: Callable[[Context, Any], Any] = partial(_run, file)
    return Mutation(
        name=name,
        description=f"Create or update {FILES[file].meaning} by their own keys, as an import does 新增或更新. Needs {PERMISSION}.",
        input=_input(file, name, _record(file)),
        run=run,
        values={"results": (WithErrors(lambda error: listing(_result(error))), "One per record, in their order 结果.")},
    )


MUTATIONS = tuple(map(_mutation, OFFERED))
