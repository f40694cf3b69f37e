"""One differential run: random documents by random people, compiled against interpreted."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import graphql
import pytest
import strawberry.schema.schema as strawberry_schema
from strawberry.schema.schema import validate_document

import forecourt.graphql.compiled.document as compiled_document
import forecourt.graphql.schema as api_schema_module
from forecourt.auth.actor import Actor
from forecourt.auth.roles import EITHER_ROLES, GROUP_ROLES, ROLES
from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.ids import new_id
from tests.graphql.compiled.conftest import NOW, Both, comparable
from tests.graphql.compiled.documents import Known, Made, Maker


@dataclass
class Report:
    """What a run covered and found."""

    seed: int
    documents: int = 0
    compiled: int = 0
    with_errors: int = 0
    rows: int = 0
    covers: Counter[str] = field(default_factory=Counter)
    handed_over: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rare = ", ".join(f"{name} {count}" for name, count in sorted(self.covers.items(), key=lambda one: one[1])[:12])
        over = "; ".join(f"{count} × {reason}" for reason, count in self.handed_over.most_common(12))
        return (
            f"seed {self.seed}: {self.documents} documents, {self.compiled} compiled, {self.with_errors} with errors, "
            f"{self.rows} values; {len(self.covers)} things covered, least: {rare}; handed over: {over or 'none'}"
        )


def actors(both: Both, chance: random.Random) -> tuple[str, Actor]:
    """Somebody of group a: every role, alone or beside another, as one of the first employees."""
    role = chance.choice(sorted(ROLES))
    if role == "REGION_MANAGER":
        return role, both.actor((role, "region"))
    here = role not in GROUP_ROLES or (role in EITHER_ROLES and chance.random() < 0.5)
    members: list[tuple[str, str | None]] = [(role, chance.choice(("a1", "a2")) if here else None)]
    if chance.random() < 0.3:
        second = chance.choice(sorted(set(ROLES) - GROUP_ROLES))
        members.append((second, chance.choice(("a1", "a2"))))
    actor = both.actor(*members, person=chance.randrange(4))
    pick = chance.random()
    if pick < 0.03:  # covers somebody's holiday
        lent = replace(actor.memberships[0], delegated_by=new_id(), delegator="张伟")
        return role, replace(actor, memberships=(lent, *actor.memberships[1:]))
    if pick < 0.06:  # looks as a role
        return role, both.actor(("STORE_GM", "a1")).looking_as(actor.memberships[0], new_id(), NOW)
    return role, actor


@contextmanager
def validated_once() -> Iterator[None]:
    """graphql-core's way parses and validates at every request; here it remembers the last documents, as both engines use
    the same functions for it."""
    parsed = lru_cache(maxsize=8)(graphql.parse)
    checked: dict[int, tuple[Any, Any]] = {}

    def validate(schema: Any, document: Any, rules: Any) -> Any:
        found = checked.get(id(document))
        if found is None:
            if len(checked) > 8:
                checked.clear()
            found = checked[id(document)] = document, validate_document(schema, document, rules)
        return found[1]

    with pytest.MonkeyPatch.context() as patch:
        for module in (strawberry_schema, api_schema_module, compiled_document):
            patch.setattr(module, "parse", parsed)
        for module in (strawberry_schema, compiled_document):
            patch.setattr(module, "validate_document", validate)
        yield


def run_fuzz(both: Both, seed: int, documents: int, *, most_different: int = 5) -> Report:
    """Compare both engines over so many documents."""
    chance = random.Random(seed)
    report = Report(seed)
    known = Known(("a1", "a2"), [both.store_id("a1"), both.store_id("a2"), both.store_id("b1")])
    maker = Maker(both.schema._schema, ENTITIES, known, chance)
    maker.covered = report.covers
    engine = both.schema.compiled
    before = Counter(engine.handed_over)
    began = engine.compiled
    while report.documents < documents and len(report.different) < most_different:
        role, actor = actors(both, chance)
        viewer = both.context("compiled", actor).viewer(both.world.stores[chance.choice(("a1", "a2"))])
        maker.open = [entity for entity in ENTITIES if entity.open_to(viewer)]
        made = maker.document()
        # Several times: new, from the plan, and by others with the same plan's statements or another's.
        for _ in range(chance.choice((1, 4, 6))):
            answer = _compare(both, report, actor, made)
            report.documents += 1
            report.covers.update(made.covers)
            report.covers[f"role:{role}"] += 1
            known.learn(made, answer.get("data"))
            report.with_errors += "errors" in answer
            report.rows += len(json.dumps(answer.get("data")).split(","))
            role, actor = actors(both, chance)
    report.compiled = engine.compiled - began
    report.handed_over = Counter(engine.handed_over) - before
    return report


def _compare(both: Both, report: Report, actor: Actor, made: Made) -> dict[str, Any]:
    one = both.run("interpreted", actor, made.text, made.variables)
    two = both.run("compiled", actor, made.text, made.variables)
    if comparable(one) != comparable(two):
        members = ", ".join(f"{item.role}" for item in actor.memberships)
        report.different.append(
            f"{made.text}\n{json.dumps(made.variables, ensure_ascii=False)}\nas {members}\n"
            f"interpreted: {_short(one)}\ncompiled:    {_short(two)}"
        )
    return one


def _short(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)[:3000]
