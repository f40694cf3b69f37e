"""The differential test finds a fault in either engine: each of these is put into one of them and must be seen."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from forecourt.domain.entities import ENTITIES
from forecourt.graphql import encode
from forecourt.graphql.compiled import complete, slots
from forecourt.graphql.compiled.execute import Engine
from forecourt.tenancy.reader import compile_sql, cursor, run, sql
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.fuzz import run_fuzz, validated_once

Fault = Callable[[pytest.MonkeyPatch], None]


def _rows_unseen_are_seen(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine forgets the row rules."""
    patch.setattr(compile_sql, "level", lambda entities, viewer, shape: sql.level(entities, _everything(viewer), shape))


def _everything(viewer: Any) -> Any:
    return replace(viewer, reach=dict.fromkeys(viewer.reach, 4))


def _one_row_too_few(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine's parents end one row early, so the last one has no children."""
    plain = sql.root_values
    patch.setattr(
        compile_sql, "root_values", lambda lv, window, name: plain(lv, replace(window, size=window.size - 1), name)
    )


def _a_moment_in_another_zone(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine writes moments with an offset."""
    patch.setattr(encode, "OPTIONS", 0)


def _children_of_another(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine merges by the wrong value."""
    plain = complete._by_parent
    patch.setitem(complete._NAMES, "by_parent", lambda rows: plain([(row[1], *row[1:]) for row in rows]))


def _the_wrong_variable(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine keeps the values of a plan's first run."""
    plain = slots._keyed
    kept: dict[Any, Any] = {}

    def keyed(variables: Any, store: Any, rows: Any, key: Any) -> Any:
        return kept.setdefault(key, plain(variables, store, rows, key))

    patch.setattr(slots, "_keyed", keyed)


def _the_order_backward(patch: pytest.MonkeyPatch) -> None:
    """The interpreter forgets to turn pages that were read backward."""
    plain = run.Reader._pages

    async def pages(self: Any, lv: Any, window: Any, found: Any) -> Any:
        made = await plain(self, lv, window, found)
        if window.backward:
            for page in made.values():
                page.edges.reverse()
        return made

    patch.setattr(run.Reader, "_pages", pages)


def _a_total_of_the_page(patch: pytest.MonkeyPatch) -> None:
    """The interpreter counts one row too many."""
    plain = run.Reader.connection

    async def connection(self: Any, shape: Any) -> Any:
        page = await plain(self, shape)
        page.total = None if page.total is None else page.total + 1
        return page

    patch.setattr(run.Reader, "connection", connection)


def _cursors_of_another_list(patch: pytest.MonkeyPatch) -> None:
    """The interpreter makes cursors that the other engine would not make."""
    plain = cursor.encode
    patch.setattr(cursor, "encode", lambda entity, *rest: plain(entity + "s", *rest))


FAULTS: dict[str, Fault] = {
    "row rules": _rows_unseen_are_seen,
    "parents": _one_row_too_few,
    "moments": _a_moment_in_another_zone,
    "merge": _children_of_another,
    "values": _the_wrong_variable,
    "backward (interpreter)": _the_order_backward,
    "total (interpreter)": _a_total_of_the_page,
    "cursors (interpreter)": _cursors_of_another_list,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_either_engine_is_found(both: Both, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name](monkeypatch)
    monkeypatch.setattr(both.schema, "compiled", Engine(both.schema._schema, ENTITIES))
    with validated_once():
        report = run_fuzz(both, random.Random(name).randrange(1000), 400, most_different=1)
    assert report.different, f"{report}\nthe fault in {name} was not seen"
