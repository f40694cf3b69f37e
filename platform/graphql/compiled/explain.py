"""How a document is answered, for people: its plan, statements and columns, the source that makes the answer, the times."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...auth.roles import Scope
from ...tenancy.lanes import Row
from ...tenancy.reader.compile_sql import Program, Read, Run, Template, Variant
from ...tenancy.reader.entity import Batched, Viewer
from ..context import Context, StoreInfo
from ..schema import ApiSchema
from .document import Document
from .execute import Engine, Made, Part, Request
from .plan import HandOver, OperationPlan, RowsPlan, StorePlan

STEPS = ("parse and validate", "plan", "statements", "completion source", "round trips", "rest: values, merge, answer")


@dataclass
class Explanation:
    """What was found. `times` are milliseconds by step: of the first request with this document, and of the next."""

    handed_over: str = ""
    plan: OperationPlan | None = None
    parts: dict[Made, tuple[Part, list[str]]] = field(default_factory=dict)
    reach: dict[Part, Any] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    times: list[dict[str, float]] = field(default_factory=list)
    answer: dict[str, Any] | None = None


async def explain(
    schema: ApiSchema, make_context: Callable[[], Context], query: str, variables: Mapping[str, Any], name: str | None
) -> Explanation:
    """Run a document twice with an engine of its own, so that nothing is known beforehand, and watch it."""
    found = Explanation()
    engine = _Watched(schema._schema, make_context().entities, explanation=found)
    for _ in range(2):
        engine.times = dict.fromkeys(STEPS, 0.0)
        began = time.perf_counter()
        try:
            plan, known = engine.plan(query, variables, name)
            found.plan = plan
            found.answer = await _WatchedRequest(engine, make_context(), plan, known).answer()
        except HandOver as reason:
            found.handed_over = str(reason)
            return found
        whole = (time.perf_counter() - began) * 1000
        engine.times[STEPS[-1]] = whole - sum(engine.times.values())
        found.times.append(engine.times)
    return found


@dataclass(eq=False, kw_only=True)
class _Watched(Engine):
    """An engine that notes what it makes, and how long that takes."""

    explanation: Explanation
    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] += (time.perf_counter() - began) * 1000

    def document(self, query: str) -> Document | str:
        with self.step(STEPS[0]):
            return super().document(query)

    def plan(self, query: str, variables: Mapping[str, Any], name: str | None) -> tuple[OperationPlan, dict[str, Any]]:
        before = self.times[STEPS[0]]
        with self.step(STEPS[1]):
            found = super().plan(query, variables, name)
        self.times[STEPS[1]] -= self.times[STEPS[0]] - before
        return found

    def part(self, key: Any, make: Callable[[], StorePlan | RowsPlan]) -> Part:
        with self.step(STEPS[1]):
            found = super().part(key, make)
        self.explanation.reach[found] = key[2]
        return found

    def made(self, key: Any, part: Part, variant: Variant, selection: Any) -> Made:
        with self.step(STEPS[3]):
            found = super().made(key, part, variant, selection)
        self.explanation.parts.setdefault(found, (part, []))
        return found


@dataclass
class _WatchedRequest(Request):
    """A request whose round trips are timed; those of several stores overlap, so their time is the longest."""

    engine: _Watched

    def _run(
        self, program: Program, viewer: Viewer, store: StoreInfo, rows: Mapping[str, list[Any]]
    ) -> tuple[Run, Variant]:
        with self.engine.step(STEPS[2]):
            return super()._run(program, viewer, store, rows)

    async def _read(
        self, store: StoreInfo, key: Any, part: Part, run: tuple[Run, Variant]
    ) -> tuple[Made, list[list[Row]]]:
        began = time.perf_counter()
        before = self.engine.times[STEPS[3]]
        made, rows = await super()._read(store, key, part, run)
        took = (time.perf_counter() - began) * 1000 - (self.engine.times[STEPS[3]] - before)
        self.engine.times[STEPS[4]] = max(self.engine.times[STEPS[4]], took)
        stores = self.engine.explanation.parts[made][1]
        if store.code not in stores:
            stores.append(store.code)
        self.engine.explanation.rows[store.code] = [len(found) for found in rows]
        return made, rows


# --- as text ---------------------------------------------------------------------------------------------------------


def as_text(found: Explanation) -> str:
    """The explanation in the order in which a request goes its way."""
    if found.handed_over:
        return f"Not compiled: {found.handed_over}.\ngraphql-core answers it (docs/reader.md, Compiled)."
    assert found.plan is not None  # noqa: S101  (it was not handed over)
    lines = [f"Compiled. Roots: {', '.join(f'{root.key}: {root.name}' for root in found.plan.roots)}."]
    if not found.parts:
        lines.append("No store is opened: control rows answer all of it.")
    for number, (made, (part, stores)) in enumerate(found.parts.items(), 1):
        lines += ["", f"Part {number}, one round trip for each of: {', '.join(stores)}"]
        lines += _key(part, found.reach[part])
        counts = found.rows[stores[-1]] if stores else []
        for place, template in enumerate(made.variant.templates):
            lines += _statement(place, template, counts[place] if place < len(counts) else None)
        for key, read in made.variant.reads.items():
            lines += ["", "   Columns", *_columns(key, read, "   ")]
        lines += ["", "   The answer is made by", *(f"     {line}" for line in made.source.splitlines())]
    lines += ["", f"{'Milliseconds':30}{'first time':>12}{'again':>12}"]
    for step in STEPS:
        lines.append(f"{step:30}" + "".join(f"{times[step]:12.2f}" for times in found.times))
    lines.append(f"{'together':30}" + "".join(f"{sum(times.values()):12.2f}" for times in found.times))
    if found.answer is not None and "errors" in found.answer:
        lines += ["", "Errors in the answer:"]
        lines += [
            f"   {'.'.join(map(str, e.get('path', ())))}: {e['extensions']['code']}" for e in found.answer["errors"]
        ]
    return "\n".join(lines)


def _key(part: Part, reach: Sequence[tuple[str, int]]) -> list[str]:
    shown = ", ".join(f"{permission} {Scope(scope).name}" for permission, scope in reach) or "nothing"
    lines = [f"   This plan is for whoever may: {shown}"]
    if isinstance(part.plan, StorePlan) and part.plan.refused:
        lines.append(f"   Refused before any statement: {', '.join(part.plan.refused)}")
    return lines


def _statement(place: int, template: Template, rows: int | None) -> list[str]:
    lines = ["", f"   Statement {place}" + ("" if rows is None else f" ({rows} rows)")]
    lines += [f"     {line.strip()}" for line in template.text.splitlines()]
    lines += [f"     ${number} = {source}" for number, source in enumerate(template.sources, 1)]
    return lines


def _columns(key: str, read: Read, indent: str) -> list[str]:
    where = "no rows" if read.rows is None else f"statement {read.rows}"
    total = "" if read.total is None else f", total in statement {read.total}"
    lines = [f"{indent}  {key} → {read.entity.name}: {where}{total}"]
    if read.rows is not None:
        cells = {"id": read.id, **read.fields, **{f"({name})": at for name, at in read.locals.items()}}
        if read.relation is not None:
            cells = {"(parent)": 0, **cells}
        lines.append(f"{indent}    " + ", ".join(f"{at} {name}" for name, at in cells.items()))
        for made in read.made.values():
            how = made.made
            lines.append(
                f"{indent}    {made.name}: made in Python" + (", loaded at once" if isinstance(how, Batched) else "")
            )
    for name, child in read.children.items():
        lines += _columns(name, child, indent + "  ")
    return lines
