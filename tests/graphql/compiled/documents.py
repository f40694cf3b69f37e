"""Random valid documents over the real schema, with the values they need, and what they cover.

Every document has goals: fields that were covered least. The way to a goal is laid first, the rest grows beside it.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_non_null_type,
)

from forecourt.tenancy.reader.entity import Entities
from tests.graphql.compiled.inputs import Inputs, Place, Variables, has_default, literal
from tests.graphql.compiled.inventory import Inventory, Step
from tests.graphql.compiled.known import Known, Spot

#: Of all types only these values are asked: a schema in a schema would be most of every run.
_NAMES_ONLY = {("__Schema", "types")}
_RARE = 60
#: How often what the promise names must be covered.
WELL = 20
#: How often the goals of a document are words and fields of inputs.
_WITHIN = 0.3
#: The end of a page of stores, and how often it is a goal.
_STORES = "Group.stores(first)"
_OFTEN = 0.08
#: Types behind an interface that one document asks for, at most.
_BEHIND = 8


@dataclass
class Made:
    """A document with its variables; where its fields stand in the answer; what it covers."""

    text: str
    variables: Variables
    operation: str | None
    spot: Spot
    covers: Counter[str]
    goals: list[str]


@dataclass
class Level:
    """One object of the answer while it is written: which keys are taken, and for what."""

    type: str
    spot: Spot
    taken: dict[str, tuple[str, "Level"]] = field(default_factory=dict)
    unique: bool = False


class Maker:
    """Makes documents. Every choice comes from `chance`, so a seed repeats a run."""

    def __init__(
        self,
        schema: GraphQLSchema,
        entities: Entities,
        known: Known,
        chance: random.Random,
        counts: Counter[str],
        root: str = "Query",
    ) -> None:
        self.schema, self.entities, self.known, self.chance, self.counts = schema, entities, known, chance, counts
        self.inventory = Inventory(schema, root)
        #: what goals are chosen from: what the promise names, and what stands inside arguments
        self.required, self.further = list(self.inventory.outputs), self.inventory.further()
        #: is this field open to the asker? Others are chosen now and then only
        self.allowed: Callable[[str], bool] = lambda _label: True
        #: asked at a mutation's input by chance: a plausible one instead of a drawn one
        self.sample: Callable[[str], Any] | None = None
        self._arguments_wanted: set[str] = set()
        self._drawn: set[str] = set()
        self._wanted: set[str] = set()

    # -- goals

    def goals(self) -> list[str]:
        """Labels among those covered least, in any order: mostly of what the promise names, now and then what is inside arguments.

        Now and then the page of stores as well, which is no list of rows: no other list shows that it ends where it should.
        """
        within = self.covered() or self.chance.random() < _WITHIN
        pool = self.further if within else self.required
        rare = nsmallest(_RARE, pool, key=lambda label: (self.counts[label], self.chance.random()))
        self.chance.shuffle(rare)
        edge = [_STORES] if self.inventory.root == "Query" and self.chance.random() < _OFTEN else []
        return [*edge, *rare]

    def covered(self) -> bool:
        """Was everything that the promise names covered `WELL` times? Then all goals are inside arguments."""
        return all(self.counts[label] >= WELL for label in self.required)

    def way(self, label: str) -> list[Step]:
        """Steps from the root to where a label is covered."""
        known = self.inventory
        last: list[Step] = []
        if label in known.inputs:
            self._wanted |= known.leading(label)
            label = self.chance.choice(known.hosts[known.inputs[label]])
            self._drawn.add(label)
        if "(" in label:
            self._arguments_wanted.add(label)
        type_ = known.outputs[label]
        if "." in label:
            last = [(type_, label.split(".")[1].split("(")[0])]
        while type_ != known.root:
            ways = known.ways[type_]
            nearer = [step for step in ways if known.depth[step[0]] < known.depth[type_]]
            pool = nearer if self.chance.random() < 0.9 or len(last) > 4 else ways
            step = self.chance.choice(pool)
            last.insert(0, step)
            type_ = step[0]
        return last

    # -- documents

    def document(self, goals: Sequence[str], ways: Sequence[Sequence[Step]]) -> Made:
        """A new document that leads to these goals, by these ways."""
        self._covers: Counter[str] = Counter()
        self._inputs = Inputs(self.schema, self.entities, self.known, self.chance, self.counts, self._cover)
        self._inputs.wanted = frozenset(self._wanted)
        self._fragments: list[str] = []
        self._behind = [goal.split("=")[1] for goal in goals if "=" in goal]
        self._budget = self.chance.choice((0, 1, 2, 4))
        self._names = 0
        level = Level(self.inventory.root, Spot())
        body = self._selection(level, ways, root=True)
        if len(level.taken) > 1:
            self._cover("several roots")
        if level.type == "Query" and self._sometimes(
            0.1, "a failure beside"
        ):  # it fails at once, what stands before may later
            body = f'{body} nowhere: store(code: "nowhere") {{ code }}'
        self._arguments_wanted.clear()
        self._drawn.clear()
        self._wanted.clear()
        return self._assembled(body, level.spot, list(goals))

    def _assembled(self, body: str, spot: Spot, goals: list[str]) -> Made:
        variables = self._inputs.variables
        kind = self.inventory.root.lower()
        defined = ", ".join(f"${name}: {type_}" for name, type_ in variables.types.items())
        head = f"{kind} Q({defined})" if defined else f"{kind} Q"
        if not defined and kind == "query" and self.chance.random() < 0.3:
            head = ""
        operation = None
        others = ""
        if head and self.chance.random() < 0.1:
            self._cover("several operations")
            others, operation = "query Other { viewer { name } } ", "Q"
        text = f"{others}{head} {{ {body} }} {' '.join(self._fragments)}"
        return Made(text, variables, operation, spot, self._covers, goals)

    # -- selections

    def _selection(self, level: Level, ways: Sequence[Sequence[Step]], *, root: bool = False) -> str:
        """What is asked of one object: the next steps of the ways, values, and other fields while the budget lasts."""
        self._cover(level.type)
        type_ = self.schema.type_map[level.type]
        if isinstance(type_, GraphQLInterfaceType):
            return self._interface(level, ways)
        fields = self.inventory.fields(level.type)
        steps: dict[str, list[Sequence[Step]]] = {}
        for way in ways:
            if way:
                steps.setdefault(way[0][1], []).append(way[1:])
        parts = [self._field(level, name, rest) for name, rest in steps.items()]
        composite = [name for name, item in fields.items() if is_composite_type(get_named_type(item.type))]
        plain = [name for name in fields if name not in composite and name not in steps]
        if plain:
            count = 0 if root else self.chance.choice((1, 3, 6, 6, 99))
            chosen = self._rarest(level.type, plain, count)
            if self.chance.random() < 0.4:
                chosen.append(self.chance.choice(plain))
            parts += [self._field(level, name, ()) for name in chosen]
        if level.type.endswith("Payload") and "userErrors" in composite and "userErrors" not in steps:
            steps["userErrors"] = []
            parts.append(self._field(level, "userErrors", ()))
        wants = (0.0 if parts else 1.0) if root or level.type in ("__Schema", "Group") else 0.35
        composite = [
            name
            for name in composite
            if (level.type, name) not in _NAMES_ONLY
            and name not in steps
            and (self.allowed(f"{level.type}.{name}") or self.chance.random() < 0.02)
        ]
        while composite and (self._budget > 0 or not parts) and self.chance.random() < wants:
            self._budget -= 1
            pool = self._rarest(level.type, composite, 2) if self.chance.random() < 0.5 else composite
            name = self.chance.choice(pool)
            composite.remove(name)
            parts.append(self._field(level, name, ()))
        if self.chance.random() < 0.12 or not parts:
            self._cover("__typename")
            parts.append("__typename")
        if not root:
            self.chance.shuffle(parts)
        return self._wrapped(parts, level)

    def _rarest(self, owner: str, names: Sequence[str], count: int) -> list[str]:
        return sorted(names, key=lambda name: (self.counts[f"{owner}.{name}"], self.chance.random()))[:count]

    def _interface(self, level: Level, ways: Sequence[Sequence[Step]]) -> str:
        """Of an interface: its own fields, and fields of types behind it."""
        type_ = self.schema.type_map[level.type]
        assert isinstance(type_, GraphQLInterfaceType)
        own = list(type_.fields)
        parts = [self._field(level, name, ()) for name in own]
        if self.chance.random() < 0.6:
            self._cover("__typename")
            parts.append("__typename")
        behind = sorted(item.name for item in self.schema.get_possible_types(type_))
        chosen = [name for name in self._behind if name in behind] or [self.chance.choice(behind)]
        for name in dict.fromkeys(chosen):
            self._cover(f"{level.type}={name}", "interface")
            inner = Level(name, level.spot, unique=True)
            parts.append(f"... on {name} {self._directive('INLINE_FRAGMENT')} {{ {self._selection(inner, ())} }}")
        self.chance.shuffle(parts)
        return " ".join(parts)

    def _types_behind(self, interface: str) -> list[str]:
        """Which types a field of an interface asks for; its id is mostly one of theirs."""
        type_ = self.schema.type_map[interface]
        assert isinstance(type_, GraphQLInterfaceType)
        found = sorted(item.name for item in self.schema.get_possible_types(type_))
        known = [name for name in found if self.known.ids[name]] or found
        rare = sorted(known, key=lambda name: (self.counts[f"{interface}={name}"], self.chance.random()))
        return rare[: self.chance.choice((1, 2, 4, 6))]

    def _field(self, level: Level, name: str, ways: Sequence[Sequence[Step]]) -> str:
        item = self.inventory.fields(level.type)[name]
        label = f"{level.type}.{name}"
        named = get_named_type(item.type)
        self._cover(label, named.name)
        key = self._key(level, name)
        below = Level(named.name, Spot())
        if name in level.taken and not item.args and not level.unique and self._sometimes(0.4, "merged"):
            key, below = name, level.taken[name][1]
        level.taken[key] = name, below
        if isinstance(named, GraphQLInterfaceType):
            self._behind = list(dict.fromkeys([*self._behind, *self._types_behind(named.name)]))[:_BEHIND]
            self._inputs.prefer = self._behind
        level.spot.fields[key] = level.type, name, below.spot
        arguments = self._arguments(label, item, below) if item.args else ""
        head = f"{key}: {name}" if key != name else name
        written = f"{head}{arguments} {self._directive('FIELD')}"
        if not is_composite_type(named):
            return f"{written} {head}{arguments}" if self._sometimes(0.03, "merged") else written
        if not any(ways) and (further := self._further(named.name)):
            ways = [*ways, ((named.name, further),)]
        if (level.type, name) in _NAMES_ONLY:
            return f"{written} {{ kind name }}"
        inside = self._selection(below, ways)
        if self._sometimes(0.06, "merged"):  # the same again with other fields: the answer has both
            return f"{written} {{ {inside} }} {head}{arguments} {{ {self._selection(below, ())} }}"
        return f"{written} {{ {inside} }}"

    def _further(self, type_: str) -> str:
        """Into a list: mostly to its rows."""
        fields = self.inventory.fields(type_)
        if type_.endswith("Edge") and "node" in fields:
            return "node"
        if type_.endswith("Connection") and "edges" in fields:
            return "edges" if self.chance.random() < 0.85 else "pageInfo"
        return ""

    def _key(self, level: Level, name: str) -> str:
        if name not in level.taken and not level.unique and self.chance.random() < 0.7:
            return name
        self._cover("alias")
        self._names += 1
        return f"{name.strip('_')}_{self._names}"

    def _arguments(self, label: str, item: Any, below: Level) -> str:
        parts = []
        order = ""
        rare = sorted(item.args, key=lambda name: (self.counts[f"{label}({name})"], self.chance.random()))
        goals = {name for name in item.args if f"{label}({name})" in self._arguments_wanted}
        chosen = {*rare[: self.chance.choice((1, 3, 4, 5))], *goals}
        if "first" in item.args and "last" not in chosen and self.chance.random() < 0.7:
            chosen.add("first")
        if label == "Query.store" and self.chance.random() < 0.98:  # one of both is wanted
            chosen = {self.chance.choice(("id", "code"))}
        if {"first", "last"} <= chosen and self.chance.random() < 0.97:  # they exclude one another
            chosen.discard("last" if "first" in goals else "first")
        if {"after", "before"} & chosen and self.chance.random() < 0.8:  # most known cursors are of the plain order
            chosen -= {"after", "before"} if "orderBy" in goals else {"orderBy"}
        for name, given in item.args.items():
            required = is_non_null_type(given.type) and not has_default(given)
            if not required and name not in chosen:
                continue
            place = Place(label, name)
            if name in ("after", "before"):
                continue  # they follow the order, below
            if self._sometimes(0.02, "null") and not is_non_null_type(given.type):
                value = None
            elif (
                self.sample is not None
                and name == "input"
                and f"{label}(input)" not in self._drawn
                and self.chance.random() < 0.6
            ):
                value = self.sample(label.split(".")[1])
            else:
                value = self._inputs.value(given.type, place)
            if name == "orderBy":
                order = literal(given.type, value)
            self._cover(f"{label}({name})")
            parts.append(f"{name}: {self._inputs.write(given.type, value, place, defaulted=has_default(given))}")
        below.spot.cursors = f"{below.type}{order}"
        for name in ("after", "before"):
            pool = self.known.cursors[below.spot.cursors]
            if name in chosen and (pool or self.chance.random() < 0.03):
                bad = not pool or self._sometimes(0.02, "bad cursor")
                value = "bad" if bad else self.chance.choice(pool)
                place = Place(label, name, ("cursors", below.spot.cursors))
                if bad:
                    self._cover("bad cursor")
                self._cover(f"{label}({name})")
                parts.append(f"{name}: {self._inputs.write(item.args[name].type, value, place)}")
        self.chance.shuffle(parts)
        return f"({', '.join(parts)})" if parts else ""

    def _wrapped(self, parts: list[str], level: Level) -> str:
        """Some of the parts in fragments, with directives."""
        if len(parts) > 1 and self.chance.random() < 0.3:
            cut = self.chance.randint(1, len(parts) - 1)
            inside = " ".join(parts[cut:])
            if self.chance.random() < 0.6:
                parts = [*parts[:cut], self._fragment(inside, level.type)]
            else:
                self._cover("inline")
                condition = self.chance.choice((f"on {level.type}", ""))
                if not condition:
                    self._cover("inline without a type")
                parts = [*parts[:cut], f"... {condition} {self._directive('INLINE_FRAGMENT')} {{ {inside} }}"]
        return " ".join(parts)

    def _fragment(self, inside: str, type_: str) -> str:
        self._cover("fragment")
        if "..." in inside:
            self._cover("fragment in a fragment")
        self._names += 1
        name = f"F{self._names}"
        self._fragments.append(f"fragment {name} on {type_} {{ {inside} }}")
        spreads = [f"...{name} {self._directive('FRAGMENT_SPREAD')}"]
        if self._sometimes(0.15, "fragment twice"):
            spreads.append(f"...{name}")
        return " ".join(spreads)

    def _directive(self, place: str) -> str:
        if self.chance.random() > (0.04 if place == "FIELD" else 0.2):
            return ""
        known = [label for label in self.inventory.directives if f":{place}=" in label]
        keep = [label for label in known if label.startswith("@skip") == label.endswith("false")]
        label = self.chance.choice(keep if self.chance.random() < 0.6 else known)
        self._cover(label)
        word, value = label.split(":")[0], label.endswith("true")
        written = self._inputs.write(GraphQLNonNull(self.schema.type_map["Boolean"]), value, Place(word, "if"))
        return f"{word}(if: {written})"

    # -- small things

    def _sometimes(self, odds: float, label: str) -> bool:
        if self.chance.random() < odds:
            self._cover(label)
            return True
        return False

    def _cover(self, *what: str) -> None:
        self._covers.update(what)
