"""Mutations in either engine from the same state: what a mutation commits is noted and taken back, so nothing is ever written.

Time stands still, and ids come from a seeded sequence, so two engines that do the same write the same.
"""

import copy
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLSchema
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from forecourt.app import operation_context
from forecourt.auth.actor import Actor
from forecourt.domain.entities import ENTITIES
from forecourt.domain.work import Platform
from forecourt.graphql.context import Context
from forecourt.graphql.idempotency import Repeat
from forecourt.graphql.run import run
from forecourt.tenancy import ids as row_ids
from forecourt.tenancy import queue
from forecourt.tenancy import session as session_module
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.names import store_role
from tests.graphql.compiled.documents import Level, Made, Maker
from tests.graphql.compiled.inputs import Inputs
from tests.graphql.compiled.known import Known, Spot
from tests.graphql.live import LiveApi

ENGINES = ("interpreted", "compiled")
#: The server's own clock and random nonces.
_NOT_COMPARED = frozenset({"created_at", "updated_at", "value_enc", "xid"})
_STARTED = datetime.now(UTC).date()
_TODAY = re.compile(rf'"(?:{_STARTED}|{_STARTED + timedelta(days=1)})T[0-9:.]+Z"')
#: Rows that this transaction, or a savepoint of it, wrote.
_MINE = "t.xmin::text::bigint >= pg_current_xact_id()::xid::text::bigint"


class _Undone(Exception):
    """Raised where a transaction would commit."""


@dataclass
class Rehearsal:
    """Both engines over one world. `seed` is where ids begin."""

    live: LiveApi
    platforms: Mapping[str, Platform]
    patch: pytest.MonkeyPatch
    seed: int = 1
    compiled: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def context(self, engine: str, actor: Actor, language: str = "en") -> Context:
        """One operation's context in an engine."""
        group = next(one for one in self.live.world.groups.values() if one.id == actor.group_id)
        return operation_context(self.platforms[engine], actor, group, language=language, request_id="r-1")

    async def tried(
        self,
        engine: str,
        actor: Actor,
        query: str,
        variables: Mapping[str, Any],
        language: str = "en",
        repeat: Repeat | None = None,
    ) -> tuple[dict[str, Any], list[str]]:
        """The answer of an engine, and what it would have committed; `repeat`: under this key."""
        with self._undoing() as effects:
            context = self.context(engine, actor, language)
            context.repeat = repeat
            answer = await run(self.live.schema, context, query, copy.deepcopy(dict(variables)))
        return answer, effects

    async def same(
        self, actor: Actor, query: str, variables: Mapping[str, Any] | None = None, language: str = "en"
    ) -> tuple[dict[str, Any], list[str]]:
        """The answer and effects that both engines give."""
        engine = self.live.schema.compiled
        before, known = engine.compiled, dict(engine.handed_over)
        one, two = [await self.tried(name, actor, query, variables or {}, language) for name in ENGINES]
        assert timeless(two[0]) == timeless(one[0]), f"{query}\n{variables}\n{actor.memberships}"
        assert two[1] == one[1], "\n".join(sorted(set(one[1]) ^ set(two[1])))
        self.compiled += engine.compiled - before
        for reason, count in engine.handed_over.items():
            if count > known.get(reason, 0):
                self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return two

    @contextmanager
    def _undoing(self) -> Iterator[list[str]]:
        effects: list[str] = []
        plain, additions = session_module._transaction, queue.additions

        @asynccontextmanager
        async def undone(engines: Engines, engine: Any, **more: Any) -> AsyncIterator[AsyncSession]:
            try:
                async with plain(engines, engine, **more) as session:
                    yield session
                    await session_module.send_last(session, commit=False)
                    if not str(engine.url.username).startswith("r_"):
                        effects.extend([*await _written(session), "committed"])
                    raise _Undone
            except _Undone:
                return

        def noted(jobs: Any, **more: Any) -> Any:
            effects.extend(f"job {job.actor} {job.args}" for job in jobs)
            return additions(jobs, **more)

        with self.patch.context() as patch:
            chance = random.Random(self.seed)
            patch.setattr(row_ids, "time", SimpleNamespace(time_ns=lambda: 1_800_000_000_000_000_000))
            patch.setattr(row_ids, "secrets", SimpleNamespace(randbits=chance.getrandbits))
            patch.setattr(row_ids, "_last", 0)
            patch.setattr(session_module, "_transaction", undone)
            patch.setattr("forecourt.domain.work.additions", noted)
            yield effects


def timeless(answer: dict[str, Any]) -> str:
    """The answer as text, in its order, without what the server's own clock wrote: that is of today, all else of September."""
    return _TODAY.sub('"now"', json.dumps(answer))


async def _written(session: AsyncSession) -> list[str]:
    """Every row of the store that this transaction wrote, as text."""
    store = session.info.get("writes")
    if store is None:
        return []
    role = store_role(store)
    names = sorted(table.name for table in StoreTable.metadata.tables.values() if table.schema == "tenant")
    parts = (f"select '{name}', to_jsonb(t) from {role}.{name} t where {_MINE}" for name in names)
    rows = (await session.execute(text(" union all ".join(parts)))).all()
    kept = ((name, {key: value for key, value in row.items() if key not in _unequal(row)}) for name, row in rows)
    return sorted(f"{name} {json.dumps(row, sort_keys=True)}" for name, row in kept)


def _unequal(row: dict[str, Any]) -> frozenset[str]:
    """What is not compared: of rows that a set-based statement made, the id too, which the server chose."""
    by_server = row.get("event") in ("Imported", "Corrected") or row.get("source") == "IMPORT"
    return _NOT_COMPARED | {"id"} if by_server else _NOT_COMPARED


@asynccontextmanager
async def rehearsals(live: LiveApi, engines: Engines, patch: pytest.MonkeyPatch) -> AsyncIterator[Rehearsal]:
    """See `Rehearsal`."""
    pools = {name: Engines(engines.server, engines.settings.model_copy(update={"reader": name})) for name in ENGINES}
    yield Rehearsal(live, {name: Platform(made, live.clock) for name, made in pools.items()}, patch)
    for made in pools.values():
        await made.aclose()


class PayloadMaker(Maker):
    """Random documents of given mutations: payload rows under several aliases, fragments, directives, variables."""

    def __init__(self, schema: GraphQLSchema, chance: random.Random) -> None:
        super().__init__(schema, ENTITIES, Known(()), chance, Counter(), "Mutation")

    def mutation(self, fields: list[tuple[str, str, Mapping[str, Any], Iterable[str]]]) -> Made:
        """A document of these mutations: name, input type, input, and what of the payload must be asked."""
        self._covers = Counter()
        self._inputs = Inputs(self.schema, self.entities, self.known, self.chance, self.counts, self._cover)
        self._fragments, self._behind, self._names = [], [], 0
        self._budget = self.chance.choice((3, 6, 12))
        level = Level("Mutation", Spot())
        parts = []
        for number, (name, kind, given, shows) in enumerate(fields):
            payload = f"{name[0].upper()}{name[1:]}Payload"
            key, below = self._key(level, name), Level(payload, Spot())
            level.taken[key] = name, below
            variables = self._inputs.variables
            variables.types[f"input{number}"], variables.values[f"input{number}"] = f"{kind}!", given
            twice = [shown for shown in shows for _ in range(self.chance.choice((1, 1, 2)))]
            inside = self._selection(below, [[(payload, shown)] for shown in dict.fromkeys(twice)])
            again = " ".join(self._field(below, shown, ()) for shown in shows if twice.count(shown) > 1)
            parts.append(
                f"{key}: {name}(input: $input{number}) {{ {inside} {again} userErrors {{ __typename code message path }} }}"
            )
        body = self._wrapped(parts, level)
        defined = ", ".join(f"${name}: {type_}" for name, type_ in self._inputs.variables.types.items())
        text_ = f"mutation M({defined}) {{ {body} }} {' '.join(self._fragments)}"
        return Made(text_, self._inputs.variables, None, level.spot, self._covers, [])
