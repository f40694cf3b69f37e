"""When two answers are the same: graphql-core's, which is the reference, and the compiled one.

Always: the same data with the same order of keys (the moments of `asOf` aside), and no place with two errors.

- **Nothing ran** (no `data`): the same errors in the same order.
- **Data**: the same errors. The compiled answer has them in the order of their places in it. graphql-core has them in the
  order in which they happened, which is that of their places wherever nothing is waited for; GraphQL gives no order among
  fields that are waited for side by side. So its errors are put in the order of their places first.
- **`data: null`**, because a null rose to the top. GraphQL demands the error that made it rise, and lets an implementation
  stop everything else. Both tell it last, and it is the same one, or one of the same root: its fields are waited for side by
  side, and where several of them make the null it is a matter of time which of them fails first. What graphql-core tells
  beside it happened before the fields that it stopped had ended. The answers are equal; or the compiled one tells more: then
  it tells, in order, all that graphql-core tells and every error of the roots that did not make the null, because it stops
  nothing. What that is shows an execution in which no null rises (`Whole`).

A document that was handed over is answered by graphql-core both times, which may tell different errors beside `data: null`.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import Executor, get_nullable_type, is_list_type, is_non_null_type

Answer = dict[str, Any]
Path = tuple[str | int, ...]
Run = Callable[[str], Answer]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


@dataclass
class Whole:
    """graphql-core's answer without any null that rises, and the type of every field in it."""

    answer: Answer = field(default_factory=dict)
    types: dict[Path, Any] = field(default_factory=dict)

    def rises(self, error: Any) -> bool:
        """Does null rise from this error to the top? Then nothing on its way may be null."""
        path = tuple(error["path"])
        return all(is_non_null_type(self._type(path[:size])) for size in range(1, len(path) + 1))

    def _type(self, path: Path) -> Any:
        found = self.types.get(path)
        if found is not None or not path:
            return found
        outer = get_nullable_type(self._type(path[:-1]))
        return outer.of_type if is_list_type(outer) else None


def whole_of(run: Run) -> Whole:
    """See `Whole`."""
    found = Whole()
    with _nothing_rises(found.types):
        found.answer = run("interpreted")
    return found


@contextmanager
def _nothing_rises(types: dict[Path, Any]) -> Iterator[None]:
    plain = Executor.execute_field

    def execute_field(self: Any, parent: Any, source: Any, details: Any, path: Any, context: Any) -> Any:
        types[tuple(path.as_list())] = self.schema.get_field(parent, details[0].node.name.value).type
        return plain(self, parent, source, details, path, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Executor, "execute_field", execute_field)
        never = property(lambda _: False, lambda _, __: None)
        patch.setattr(Executor, "error_propagation", never, raising=False)
        yield


@dataclass(frozen=True)
class Pair:
    """The answers to one request: graphql-core's, the compiled one, and whether that was handed over."""

    one: Answer
    two: Answer
    handed_over: bool

    def difference(self, ask: Callable[[], Whole]) -> str | None:
        """What is different; None: they are the same. `ask` is called where `Whole` is needed."""
        one, two = self.one, self.two
        for answer in (one, two):
            twice = [path for path, count in Counter(_paths(answer)).items() if count > 1]
            if twice:
                return f"two errors at {twice[0]}"
        if _text(_timeless(one.get("data", "none"))) != _text(_timeless(two.get("data", "none"))):
            return "data"
        first, second = _errors(one), _errors(two)
        if first == second:
            return None
        if "data" not in one:
            return "errors of a request that was refused"
        if one["data"] is not None:
            if self.handed_over:
                second = in_order(second, one["data"])
            return None if in_order(first, one["data"]) == second else "errors, or their order"
        if not first or not second:
            return "a null without an error"
        found = ask()
        return _handed_over(first, second, found) if self.handed_over else _fuller(first, second, found)


def pair(engine: Any, run: Run) -> Pair:
    """Both answers of a request; `engine` counts what it answers."""
    one, before = run("interpreted"), engine.compiled
    two = run("compiled")
    return Pair(one, two, engine.compiled == before)


def _fuller(first: Sequence[Any], second: Sequence[Any], found: Whole) -> str | None:
    """Is the compiled answer, whose data is null, graphql-core's with all errors of other roots?"""
    every = in_order(_errors(found.answer), found.answer["data"])
    nulling = [error for error in every if found.rises(error)]
    roots = {error["path"][0] for error in nulling}
    if first[-1] not in nulling or second[-1] not in nulling or first[-1]["path"][0] != second[-1]["path"][0]:
        return "the error that made everything null"
    told = second[:-1]
    if [error for error in every if error in told and error not in nulling] != told:
        return "an error beside the null that did not happen, or their order"
    missing = [error for error in every if error["path"][0] not in roots and error not in told]
    missing += [error for error in first[:-1] if error not in told]
    return f"the error at {missing[0]['path']} is missing" if missing else None


def _handed_over(first: Sequence[Any], second: Sequence[Any], found: Whole) -> str | None:
    every = _errors(found.answer)
    for told in (first, second):
        if not found.rises(told[-1]) or any(error not in every for error in told):
            return "errors of graphql-core, once and again"
    return None


def in_order(errors: Sequence[Any], data: Any) -> list[Any]:
    """Errors in the order of their places in the data, as far as these are there."""

    def place(error: Any) -> list[int]:
        found: Any = data
        at: list[int] = []
        for step in error.get("path", ()):
            keys = list(found) if isinstance(found, dict) else range(len(found or ()))
            if step not in keys:
                break
            at.append(keys.index(step))
            found = found[step]
        return at

    return sorted(errors, key=place)


def _errors(answer: Answer) -> list[Any]:
    return list(answer.get("errors", ()))


def _paths(answer: Answer) -> list[Path]:
    return [tuple(error["path"]) for error in _errors(answer) if "path" in error]


def _text(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False)


def _timeless(found: Any) -> Any:
    if isinstance(found, dict):
        return {
            key: "a moment"
            if key.startswith("asOf") and isinstance(value, str) and _TIME.fullmatch(value)
            else _timeless(value)
            for key, value in found.items()
        }
    return [_timeless(item) for item in found] if isinstance(found, list) else found
