"""The differential test finds a fault in either engine: each of these is put into one of them and must be seen."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from graphql import Executor, FragmentSpreadNode

from forecourt.domain.entities import ENTITIES
from forecourt.graphql import encode
from forecourt.graphql.compiled import complete, control, execute, failures, request, slots, variables
from forecourt.graphql.compiled.execute import Engine
from forecourt.graphql.compiled.failures import Failures
from forecourt.graphql.compiled.plan import PlanSelection
from forecourt.graphql.select import Selection
from forecourt.tenancy.reader import compile_sql, cursor, run, sql
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.fuzz import Fuzz, validated_once

#: Comparisons within which a fault must be found: those of `test_fuzz`.
MOST = 2_000
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


def _unmasked(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine shows masked values to everybody."""
    every = {item.permission: 4 for entity in ENTITIES for item in entity.fields if item.permission}

    def level(entities: Any, viewer: Any, shape: Any) -> Any:
        return sql.level(entities, replace(viewer, reach=every | dict(viewer.reach)), shape)

    patch.setattr(compile_sql, "level", level)


def _a_directive_ignored(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine leaves skipped fragments in."""
    patch.setattr(
        PlanSelection,
        "included",
        lambda self, node: isinstance(node, FragmentSpreadNode) or Selection.included(self, node),
    )


def _a_merged_field_lost(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine answers the first of two selections of the same key."""
    plain = PlanSelection.by_response

    def by_response(self: Any, nodes: Any, type_name: str) -> Any:
        return {key: found[:1] for key, found in plain(self, nodes, type_name).items()}

    patch.setattr(PlanSelection, "by_response", by_response)


def _another_type_behind_the_interface(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine names the interface where the row's type stands."""
    plain = vars(execute)["complete_rows"]

    def complete_rows(*given: Any) -> Any:
        source, made = plain(*given)

        def named(*rows: Any) -> Any:
            found = made(*rows)
            for by_row in found.values():
                for row in by_row.values():
                    row.update({key: "Node" for key in row if key == "__typename"})
            return found

        return source, named

    patch.setattr(execute, "complete_rows", complete_rows)


def _a_default_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine forgets the defaults of variables."""
    plain = variables.Variables.read

    def read(self: Any, given: Any) -> Any:
        found = plain(self, given)
        if found is None:
            return None
        values = {name: value if name in given else None for name, value in found.values.items()}
        return found._replace(
            known={name: value if name in given else None for name, value in found.known.items()}, values=values
        )

    patch.setattr(variables.Variables, "read", read)


def _the_other_direction(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine takes the last key of an order the other way round."""
    plain = Selection.connection

    def connection(self: Any, *given: Any) -> Any:
        shape = plain(self, *given)
        *others, last = shape.order
        return replace(shape, order=(*others, replace(last, descending=not last.descending)))

    patch.setattr(PlanSelection, "connection", connection)


def _null_is_empty(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine shows an empty object where a JSON value is null."""
    plain = complete._json
    patch.setitem(complete._NAMES, "json_value", lambda text: {} if text is None else plain(text))


def _an_error_at_its_parent(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine reports errors one step too high."""
    plain = vars(request)["located_error"]
    patch.setattr(request, "located_error", lambda error, nodes, path: plain(error, nodes, path[:-1] or path))


def _one_store_more(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine's page of stores ends one store late."""
    plain = vars(control)["page_of_stores"]

    def page_of_stores(stores: Any, **window: Any) -> Any:
        first = window.get("first")
        return plain(stores, **window | ({"first": first + 1} if first is not None and 0 <= first < 50 else {}))

    patch.setattr(control, "page_of_stores", page_of_stores)


def _errors_as_they_happen(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine tells errors in the order in which they happened."""
    patch.setattr(failures, "place", lambda _data, _path: [])


def _errors_beside_a_null_lost(patch: pytest.MonkeyPatch) -> None:
    """The compiled engine tells only the error that makes everything null."""
    plain = Failures.told
    patch.setattr(Failures, "told", lambda self, data: plain(self, data)[-1 if self.null else 0 :])


def _the_null_told_first(patch: pytest.MonkeyPatch) -> None:
    """The interpreter tells the error that makes everything null before the others."""
    plain = Executor.build_response

    def build_response(self: Any, data: Any) -> Any:
        found: Any = plain(self, data)
        if data is None and found.errors:
            found.errors.insert(0, found.errors.pop())
        return found

    patch.setattr(Executor, "build_response", build_response)


FAULTS: dict[str, Fault] = {
    "row rules": _rows_unseen_are_seen,
    "parents": _one_row_too_few,
    "moments": _a_moment_in_another_zone,
    "merge": _children_of_another,
    "values": _the_wrong_variable,
    "backward (interpreter)": _the_order_backward,
    "total (interpreter)": _a_total_of_the_page,
    "cursors (interpreter)": _cursors_of_another_list,
    "masks": _unmasked,
    "directives": _a_directive_ignored,
    "merged fields": _a_merged_field_lost,
    "types behind an interface": _another_type_behind_the_interface,
    "defaults": _a_default_forgotten,
    "directions": _the_other_direction,
    "nulls": _null_is_empty,
    "paths of errors": _an_error_at_its_parent,
    "pages of stores": _one_store_more,
    "order of errors": _errors_as_they_happen,
    "errors beside a null": _errors_beside_a_null_lost,
    "errors beside a null (interpreter)": _the_null_told_first,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_either_engine_is_found(whole: Both, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name](monkeypatch)
    monkeypatch.setattr(whole.schema, "compiled", Engine(whole.schema._schema, ENTITIES))
    seed = random.Random(name).randrange(1000)
    with validated_once():
        report = Fuzz(whole, seed, small=False).until(MOST, most_different=1)
    print(f"\n{name}: found after {report.documents} comparisons")
    assert report.different, f"{report}\nthe fault in {name} was not seen"
