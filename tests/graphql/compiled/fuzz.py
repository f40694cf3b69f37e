"""One differential run: random documents by random people, compiled against interpreted."""

import gc
import json
import logging
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from graphql import validate

import forecourt.graphql.compiled.document as compiled_document
from forecourt.auth.actor import Actor
from forecourt.domain.entities import ENTITIES
from forecourt.graphql.ids import GlobalId
from tests.graphql.compiled.agreeing import Pair, Run, pair, whole_of
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.documents import Made, Maker
from tests.graphql.compiled.inventory import Step
from tests.graphql.compiled.known import Known
from tests.graphql.compiled.people import Asker, People, may
from tests.graphql.compiled.shrink import shrunk

#: What a wrong variable holds.
_WRONG: tuple[Any, ...] = (None, "x", 1e99, 2**40, True, [], {"a": 1}, "\0", "\ud800")


#: A run ends at so many times the comparisons it was to make, though something be covered too rarely.
_TOO_MANY = 2


@dataclass
class Report:
    """What a run covered and found."""

    seed: int
    #: comparisons, and how many of them were of a document not seen before
    documents: int = 0
    distinct: int = 0
    compiled: int = 0
    with_errors: int = 0
    #: answers of several errors; of null; of null where the compiled one tells more errors
    several: int = 0
    null: int = 0
    fuller: int = 0
    values: int = 0
    seconds: float = 0.0
    covers: Counter[str] = field(default_factory=Counter)
    #: labels of fields → in how many answers they stood
    answered: Counter[str] = field(default_factory=Counter)
    handed_over: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def count(self, found: Pair) -> None:
        """Note what the answers say of errors."""
        one, two = (len(answer.get("errors", ())) for answer in (found.one, found.two))
        self.with_errors += one > 0
        self.several += one > 1
        self.null += found.one.get("data", "none") is None
        self.fuller += two > one

    def __str__(self) -> str:
        rare = ", ".join(f"{name} {count}" for name, count in sorted(self.covers.items(), key=lambda one: one[1])[:12])
        over = "; ".join(f"{count} × {reason}" for reason, count in self.handed_over.most_common(12))
        return (
            f"seed {self.seed}: {self.documents} comparisons of {self.distinct} documents in {self.seconds:.0f} s, "
            f"{self.compiled} compiled, {self.with_errors} with errors, "
            f"{self.several} with several, {self.null} null, {self.fuller} of them fuller, {self.values} values; "
            f"{len(self.covers)} things covered, least: {rare}; handed over: {over or 'none'}"
        )


@contextmanager
def validated_once(every: int = 4) -> Iterator[None]:
    """Only one new document of `every` is validated: the makers of documents make valid ones."""
    new = count()

    def validate_some(schema: Any, document: Any, rules: Any, **given: Any) -> Any:
        return validate(schema, document, rules, **given) if next(new) % every == 0 else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_document, "validate", validate_some)
        for name, level in (("forecourt.graphql", logging.CRITICAL), ("forecourt.graphql.compiled", logging.ERROR)):
            patch.setattr(logging.getLogger(name), "level", level)  # errors of answers are compared, not told
        yield


@contextmanager
def _cancelled_unsaid() -> Iterator[None]:
    """Where an error makes its parent null, graphql-core 3.3 cancels what is under way below; what has not begun is never awaited.

    Random documents meet that now and then; everywhere else the warning fails a test.
    """
    with warnings.catch_warnings():
        unawaited = r"coroutine '(GraphQLCoreConverter|Executor)\..*' was never awaited"
        warnings.filterwarnings("ignore", unawaited, RuntimeWarning)
        yield
        gc.collect()  # what is left of them is said here


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Collect seldom: plans and schemas are many objects that stay, and looking through them takes a third of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


Runs = Callable[[str, Actor, str, dict[str, Any], str | None], dict[str, Any]]


class Fuzz:
    """Compares both engines. `run` answers a document in one of them; `root` says what is asked."""

    def __init__(
        self, both: Both, seed: int, *, run: Runs | None = None, root: str = "Query", small: bool = True
    ) -> None:
        self.both = both
        self.chance = random.Random(seed)
        self.report = Report(seed)
        codes = ("a1", "a2")
        self.known = Known(codes, {code: both.world.stores[code].id for code in codes})
        for type_, rows in _first_ids(both).items():
            self.known.ids[type_] += rows
        #: make differences small before they are told
        self.small = small
        self.maker = Maker(both.schema._schema, ENTITIES, self.known, self.chance, self.report.covers, root)
        accounts = [(rows["Account"], rows["AccountMembership"]) for rows in [both.group_rows["a"]]]
        self.people = People(both, self.chance, self.report.covers, accounts)
        self._run = run or both.run
        self.secrets = ("SECRET-B", "SECRET-b")

    def until(self, documents: int, *, most_different: int = 3, covered: Callable[[], bool] = lambda: True) -> Report:
        """Run comparisons until there were so many and all is `covered`, or too many, or so many differences."""
        report, engine = self.report, self.both.schema.compiled
        before, began, start = Counter(engine.handed_over), engine.compiled, time.monotonic()
        with _cancelled_unsaid(), _garbage_kept():
            while len(report.different) < most_different and report.documents < documents * _TOO_MANY:
                if report.documents >= documents and covered():
                    break
                self.one()
        report.compiled += engine.compiled - began
        report.handed_over += Counter(engine.handed_over) - before
        report.seconds += time.monotonic() - start
        return report

    def one(self) -> None:
        """A new document, run several times: new, from its plan, by others, with other variables."""
        maker, chance = self.maker, self.chance
        reading = maker.inventory.root == "Query"
        sizes = (2, 3, 4) if self.maker.covered() else (2, 4, 6)
        asker, goals, ways = self._aimed(chance.choice(sizes if reading else (3, 4, 5)))
        actor = asker.actor
        maker.allowed = lambda label: may(actor, label)
        here = self.known.here = chance.choice(self.people.seen(asker) or [None])
        made = maker.document(goals, ways)
        self.report.distinct += 1
        steps = sorted({f"{type_}.{name}" for way in ways for type_, name in way})
        variables = dict(made.variables.values)
        for number in range(chance.choice((3, 3, 4, 5))):
            if number:
                if chance.random() < 0.4:
                    asker = self.people.able(steps, here)
                variables = self._wrong(made.variables.redrawn(chance))
            self._compared(asker, made, variables)

    def _aimed(self, size: int) -> tuple[Asker, list[str], list[list[Step]]]:
        """Rare labels that one document can have together, the ways there, and somebody who may ask for them."""
        goals: list[str] = []
        ways: list[list[Step]] = []
        asker: Asker | None = None
        for goal in self.maker.goals():
            way = self.maker.way(goal)
            steps = [f"{type_}.{name}" for type_, name in way]
            if asker is None:
                asker = self.people.able(steps)
            elif not all(may(asker.actor, step) for step in steps):
                continue
            goals.append(goal)
            ways.append(way)
            if len(goals) == size:
                break
        assert asker is not None
        return asker, goals, ways

    def _wrong(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Now and then a value that does not fit, or one that nobody asked for."""
        if variables and self.chance.random() < 0.03:
            self.report.covers["wrong variable"] += 1
            name = self.chance.choice(sorted(variables))
            if self.chance.random() < 0.3:
                return {key: value for key, value in variables.items() if key != name}
            return {**variables, name: self.chance.choice(_WRONG), "unknown": 1}
        return variables

    def _compared(self, asker: Asker, made: Made, variables: dict[str, Any]) -> None:
        report = self.report

        def run_in(engine: str) -> dict[str, Any]:
            return self._run(engine, asker.actor, made.text, variables, made.operation)

        found = pair(self.both.schema.compiled, run_in)
        written = json.dumps(found.one, ensure_ascii=False)
        different = found.difference(lambda: whole_of(run_in))
        if different is not None:
            report.different.append(f"{different}: {self._told(asker, made, variables)}")
        elif any(word in written for word in self.secrets):
            report.different.append(f"a row of another group: {made.text}\n{variables}\n{written[:3000]}")
        report.documents += 1
        if "data" in found.one:  # otherwise nothing ran
            report.covers.update(dict.fromkeys(made.covers, 1))
        report.covers.update(asker.labels)
        report.answered.update(self.known.learn(made.spot, found.one))
        report.count(found)
        report.values += written.count(",")

    def _told(self, asker: Asker, made: Made, variables: dict[str, Any]) -> str:
        """The difference on a document as small as it gets."""

        def run_of(text: str) -> Run:
            return lambda engine: self._run(engine, asker.actor, text, variables, made.operation)

        def differs(text: str) -> bool:
            if made.operation is not None and made.operation not in text:
                return False
            found = pair(self.both.schema.compiled, run_of(text))
            return "data" in found.one and found.difference(lambda: whole_of(run_of(text))) is not None

        text = shrunk(made.text, differs) if self.small and differs(made.text) else made.text
        found = pair(self.both.schema.compiled, run_of(text))
        members = ", ".join(f"{item.role}" for item in asker.actor.memberships)
        used = {name: value for name, value in variables.items() if f"${name}" in text}
        return (
            f"seed {self.report.seed}, comparison {self.report.documents}\n{text}\n"
            f"{json.dumps(used, ensure_ascii=False)}\nas {asker.who} ({members})\n"
            f"interpreted: {_short(found.one)}\ncompiled:    {_short(found.two)}"
        )


def _first_ids(both: Both) -> dict[str, list[str]]:
    """What a client could know before it asks: the stores, one of another group, and some rows of each group."""
    found: dict[str, list[str]] = {"Store": [both.store_id(code) for code in ("a1", "a2", "b1")]}
    for code, size in (("a1", 6), ("a2", 3), ("b1", 1)):
        for entity in ENTITIES:
            rows_of = both.rows[code][entity.table.name][:size]
            made = (GlobalId(entity.name, both.world.stores[code].id, row["id"]) for row in rows_of)
            found.setdefault(entity.name, []).extend(map(str, made))
    for letter in ("a", "a", "b"):
        group = both.world.groups[letter].id
        for type_, row in both.group_rows[letter].items():
            found.setdefault(type_, []).append(str(GlobalId(type_, group, row)))
    return found


def _short(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)[:3000]
