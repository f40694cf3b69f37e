"""How a document is answered, watched while it runs: its plan, statements and columns, what it may cost, the times.

Of values nothing is kept, only where each parameter comes from: they may be personal data.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import FieldNode
from graphql.pyutils import Path

from ...tenancy.lanes import Row
from ...tenancy.reader.compile_sql import Program, Run, Variant
from ...tenancy.reader.entity import Viewer
from ..context import Context, StoreInfo
from .document import Document, NoDocument
from .execute import Engine, Made, Part
from .failures import Failures
from .plan import OperationPlan, RowsPlan, StorePlan
from .request import Request
from .resolve import Resolvers

STEPS = (
    "parse and validate",
    "plan",
    "statements",
    "completion source",
    "round trips",
    "fields by graphql-core",
    "rest: values, merge, answer",
)
_PARSE, _PLAN, _STATEMENTS, _SOURCE, _TRIPS, _OWN, _REST = STEPS


@dataclass
class Seen:
    """A part's plan in one variant, as it ran."""

    part: Part
    reach: Sequence[tuple[str, int]]
    #: of the cursors that it starts from, which of their values are null
    nulls: Sequence[str] = ()
    #: rows that each statement gave, by the code of the store
    rows: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Explanation:
    """What was found. `times` are milliseconds by step, of each request that was watched."""

    handed_over: str = ""
    plan: OperationPlan | None = None
    parts: dict[Made, Seen] = field(default_factory=dict)
    #: milliseconds of the fields that graphql-core completed, by the types and names of those that ran as one
    own: dict[str, float] = field(default_factory=dict)
    times: list[dict[str, float]] = field(default_factory=list)
    answer: dict[str, Any] | None = None


async def explain(
    engine: Engine, make_context: Callable[[], Context], query: str, variables: Mapping[str, Any], name: str | None
) -> Explanation:
    """Run a document twice with an engine of its own, so that nothing is known beforehand, and watch it."""
    found = Explanation()
    watched = _Watched(engine.schema, engine.entities, explanation=found)
    for _ in range(2):
        await watched.watch(make_context(), query, variables, name)
    return found


async def answered(
    engine: Engine, context: Context, query: str, variables: Mapping[str, Any], name: str | None
) -> Explanation:
    """Run a document once with this engine and what it knows already, and watch it. Without an `answer`, graphql-core is to
    give it."""
    watched = _Watched(
        engine.schema,
        engine.entities,
        engine.documents,
        engine.operations,
        engine.parts,
        engine.handed_over,
        turns=engine.turns,
        explanation=Explanation(),
    )
    await watched.watch(context, query, variables, name)
    engine.compiled += watched.compiled
    return watched.explanation


@dataclass(eq=False, kw_only=True)
class _Watched(Engine):
    """An engine that notes what it makes, and how long that takes."""

    explanation: Explanation
    times: dict[str, float] = field(default_factory=dict)
    reach: dict[Part, Any] = field(default_factory=dict)

    async def watch(self, context: Context, query: str, variables: Mapping[str, Any], name: str | None) -> None:
        """Answer a request, and keep its times."""
        self.times = dict.fromkeys(STEPS, 0.0)
        began = time.perf_counter()
        with self.step(_PARSE):
            document = await self.read(context, query)
        self.explanation.answer = await self.answer(context, document, variables, name)
        whole = (time.perf_counter() - began) * 1000
        side_by_side = min(self.times[_TRIPS], self.times[_OWN])
        self.times[_REST] = max(0.0, whole - sum(self.times.values()) + side_by_side)
        self.explanation.times.append(self.times)

    def request(
        self, context: Context, plan: OperationPlan, known: Mapping[str, Any], given: Mapping[str, Any]
    ) -> Request:
        self.explanation.plan = plan
        return _WatchedRequest(self, context, plan, known, given)

    def count(self, reason: str) -> None:
        super().count(reason)
        self.explanation.handed_over = reason

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] += (time.perf_counter() - began) * 1000

    def longest(self, name: str, began: float, but: float = 0.0) -> None:
        """Note a step that several do side by side: the longest counts."""
        self.times[name] = max(self.times[name], (time.perf_counter() - began) * 1000 - but)

    def plan(
        self, document: Document | NoDocument, variables: Mapping[str, Any], name: str | None
    ) -> tuple[OperationPlan, dict[str, Any]]:
        with self.step(_PLAN):
            return super().plan(document, variables, name)

    def part(self, key: Any, make: Callable[[], StorePlan | RowsPlan]) -> Part:
        with self.step(_PLAN):
            found = super().part(key, make)
        self.reach[found] = key[2].items
        return found

    def made(self, key: Any, part: Part, variant: Variant, selection: Any) -> Made:
        with self.step(_SOURCE):
            found = super().made(key, part, variant, selection)
        self.explanation.parts.setdefault(found, Seen(part, self.reach[part]))
        return found


@dataclass
class _WatchedRequest(Request):
    """A request whose round trips are timed; those of several stores overlap, so their time is the longest."""

    engine: _Watched

    @cached_property
    def resolvers(self) -> Resolvers:
        operation, given = self.plan.operation, self.given
        return _WatchedResolvers(self.engine.schema, operation, given, self.context, engine=self.engine)

    def _run(
        self, program: Program, viewer: Viewer, store: StoreInfo, rows: Mapping[str, list[Any]]
    ) -> tuple[Run, Variant]:
        with self.engine.step(_STATEMENTS):
            return super()._run(program, viewer, store, rows)

    async def _read(
        self, store: StoreInfo, key: Any, part: Part, run: tuple[Run, Variant]
    ) -> tuple[Made, list[list[Row]]]:
        began = time.perf_counter()
        before = self.engine.times[_SOURCE]
        made, rows = await super()._read(store, key, part, run)
        self.engine.longest(_TRIPS, began, self.engine.times[_SOURCE] - before)
        seen = self.engine.explanation.parts[made]
        seen.nulls = _nulls(part.plan.program, run[0])
        seen.rows[store.code] = [len(found) for found in rows]
        return made, rows


@dataclass(kw_only=True)
class _WatchedResolvers(Resolvers):
    engine: _Watched

    def fields(
        self,
        source: Any,
        type_name: str,
        path: Path | None,
        groups: Mapping[str, Sequence[FieldNode]],
        errors: Failures,
        nullable: Path | None,
    ) -> Awaitable[dict[str, Any] | None]:
        began = time.perf_counter()
        found = super().fields(source, type_name, path, groups, errors, nullable)
        name = ", ".join(own_names(type_name, groups.values()))

        async def timed() -> dict[str, Any] | None:
            made = await found
            self.engine.longest(_OWN, began)
            own = self.engine.explanation.own
            own[name] = max(own.get(name, 0.0), (time.perf_counter() - began) * 1000)
            return made

        return timed()


def own_names(type_name: str, groups: Any) -> list[str]:
    """Fields of a type as people name them, each once."""
    return list(dict.fromkeys(f"{type_name}.{nodes[0].name.value}" for nodes in groups))


def _nulls(program: Program, run: Run) -> list[str]:
    found = []
    for border, value in run.borders.items():
        page = program.pages[border.page]
        keys = [order.field for order in page.order] + ["id"]
        if value is None:
            found.append(f"{page.entity}.{keys[border.key]} {border.side} the cursor")
    return found
