"""Random valid documents over the real schema, with the values they need, and what they cover."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLSchema, get_named_type

from forecourt.graphql import ids
from forecourt.tenancy.reader.entity import Entities, Entity, Field, Kind

TEXTS = ("", "B", "a", "王芳", "a%_b", "b' or 1=1 --", "$1", "%s", "\\", '"')


@dataclass
class Known:
    """What earlier answers taught: cursors by list, ids by type, values by field."""

    codes: Sequence[str] = ()
    store_ids: Sequence[str] = ()
    cursors: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, made: "Made", data: Any) -> None:
        """Take cursors, ids and values from an answer."""
        for path, entity, order in made.lists:
            for page in _at(data, path):
                for cursor in _cursors(page):
                    _keep(self.cursors[entity, order], cursor)
        for text in _texts(data):
            found = ids.parse(text)
            if found is not None:
                _keep(self.ids[found.type], text)
        for path, entity, name in made.leaves:
            for value in _at(data, path):
                if value is not None:
                    _keep(self.values[entity, name], value)


def _keep(kept: list[Any], value: Any) -> None:
    if value not in kept:
        kept.append(value)
        del kept[:-40]


def _at(found: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(found, list):
        for item in found:
            yield from _at(item, path)
    elif not path:
        if found is not None:
            yield found
    elif isinstance(found, dict) and path[0] in found:
        yield from _at(found[path[0]], path[1:])


def _cursors(page: Any) -> Iterator[str]:
    if isinstance(page, Mapping):
        for key, value in page.items():
            if isinstance(value, str) and key.lower().startswith(("cursor", "start", "end")):
                yield value
            yield from _cursors(value)
    elif isinstance(page, list):
        for item in page:
            if isinstance(item, Mapping):  # of this list, not of those below its rows
                yield from (v for k, v in item.items() if k.startswith("cursor") and isinstance(v, str))


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, Mapping):
        for item in found.values():
            yield from _texts(item)
    elif isinstance(found, list):
        for item in found:
            yield from _texts(item)
    elif isinstance(found, str):
        yield found


@dataclass
class Made:
    """A document with its variables; where its lists and leaves stand in the answer; what it covers."""

    text: str
    variables: dict[str, Any]
    lists: list[tuple[tuple[str, ...], str, str]]
    leaves: list[tuple[tuple[str, ...], str, str]]
    covers: Counter[str]


class Maker:
    """Makes documents. Every choice comes from `chance`, so a seed repeats a run."""

    def __init__(self, schema: GraphQLSchema, entities: Entities, known: Known, chance: random.Random) -> None:
        self.schema, self.entities, self.known, self.chance = schema, entities, known, chance
        #: lists that most documents choose from: those that the asker may read
        self.open: Sequence[Entity] = list(entities)
        #: what earlier documents covered: the rarest is chosen more often
        self.covered: Counter[str] = Counter()

    def document(self) -> Made:
        """A new document."""
        self._begin()
        roots = " ".join(self._roots())
        defined = ", ".join(f"${name}: {type_}" for name, type_ in self._types.items())
        head = f"query Q({defined})" if defined else self.chance.choice(("query Q", ""))
        text = f"{head} {{ {roots} }} {' '.join(self._fragments)}"
        return Made(text, self._variables, self._lists, self._leaves, self._covers)

    def _begin(self) -> None:
        self._variables: dict[str, Any] = {}
        self._types: dict[str, str] = {}
        self._fragments: list[str] = []
        self._lists: list[tuple[tuple[str, ...], str, str]] = []
        self._leaves: list[tuple[tuple[str, ...], str, str]] = []
        self._covers: Counter[str] = Counter()
        self._budget = self.chance.choice((6, 12, 25, 40))
        self._names = 0

    # -- roots

    def _roots(self) -> Iterator[str]:
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            pick = self.chance.random()
            if pick < 0.55:
                yield self._store_root()
            elif pick < 0.7:
                yield self._group()
            elif pick < 0.85:
                yield self._node()
            elif pick < 0.95:
                yield self._nodes()
            else:
                key = self._alias("viewer")
                yield f"{self._as(key, 'viewer')} {{ __typename name key language }}"
        if self.chance.random() < 0.1:
            yield f"{self._alias('t')}: __typename"

    def _store_root(self) -> str:
        self._cover("Query.store")
        key = self._alias("store")
        if self.chance.random() < 0.5:
            argument = f"code: {self._text(self.chance.choice((*self.known.codes, 'nowhere')), 'String')}"
        else:
            argument = f"id: {self._text(self.chance.choice((*self.known.store_ids, 'AAAA')), 'ID')}"
        return f"{self._as(key, 'store')}({argument}) {self._directive()} {{ {self._store((key,))} }}"

    def _group(self) -> str:
        self._cover("Query.group", "Group.stores")
        key, stores, edges = self._alias("group"), self._alias("stores"), self._alias("edges")
        arguments = self.chance.choice(("", f"(first: {self.chance.randint(0, 3)})", "(last: 1)"))
        node = self._alias("node")
        inside = f"{self._as(node, 'node')} {{ {self._store((key, stores, edges, node))} }}"
        plain = self._some(("code", "name", "currency", "timeZone", "__typename"))
        page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }" if self.chance.random() < 0.3 else ""
        return (
            f"{self._as(key, 'group')} {{ {plain} {self._as(stores, 'stores')}{arguments} {{ totalCount {page} "
            f"{self._as(edges, 'edges')} {{ cursor {inside} }} }} }}"
        )

    def _node(self) -> str:
        self._cover("Query.node")
        key = self._alias("node")
        type_ = self._known_type()
        text = self._text(self.chance.choice(self.known.ids[type_] or ["AAAA"]), "ID")
        return f"{self._as(key, 'node')}(id: {text}) {{ __typename id {self._on(type_, (key,))} }}"

    def _nodes(self) -> str:
        self._cover("Query.nodes")
        key = self._alias("nodes")
        types = [self._known_type() for _ in range(2)]
        pool = [text for type_ in types for text in self.known.ids[type_]] + ["nothing", *self.known.store_ids]
        chosen = [self.chance.choice(pool) for _ in range(self.chance.randint(0, 6))]
        given = self._variable("[ID!]!", chosen) if self.chance.random() < 0.5 else _json(chosen)
        inside = " ".join(self._on(type_, (key,)) for type_ in dict.fromkeys(types))
        return f"{self._as(key, 'nodes')}(ids: {given}) {{ __typename id {inside} }}"

    def _known_type(self) -> str:
        names = sorted(name for name, found in self.known.ids.items() if found and name in self.entities)
        return self.chance.choice(names) if names else "Customer"

    def _on(self, type_: str, path: tuple[str, ...]) -> str:
        return f"... on {type_} {{ {self._row(self.entities[type_], path, 2)} }}"

    # -- a store

    def _store(self, path: tuple[str, ...]) -> str:
        parts = [self._some(("id", "code", "name", "brand", "region", "grade", "cityTier", "timeZone", "state"))]
        if self.chance.random() < 0.25:
            parts.append(self._as(self._alias("asOf"), "asOf"))
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            entity = self._entity()
            parts.append(self._list("Store", entity.plural, entity, path, 4))
        return self._wrapped(parts, "Store")

    def _entity(self) -> Entity:
        pick = self.chance.random()
        if pick < 0.3:
            return min(self.entities, key=lambda entity: self.covered[f"Store.{entity.plural}"])
        return self.chance.choice(self.open if self.open and pick < 0.85 else list(self.entities))

    def _wrapped(self, parts: list[str], type_: str) -> str:
        """Some of the parts in fragments, with directives."""
        out = []
        for part in parts:
            pick = self.chance.random()
            if not part.strip():
                continue
            if pick < 0.12:
                self._names += 1
                name = f"F{self._names}"
                self._fragments.append(f"fragment {name} on {type_} {{ {part} }}")
                self._cover("fragment")
                out += [f"...{name} {self._directive()}"] * self.chance.choice((1, 1, 2))
            elif pick < 0.2:
                self._cover("inline")
                condition = self.chance.choice((f"on {type_}", ""))
                out.append(f"... {condition} {self._directive()} {{ {part} }}")
            else:
                out.append(part)
        return " ".join(out) or "__typename"

    # -- lists and rows

    def _list(self, parent: str, name: str, entity: Entity, path: tuple[str, ...], depth: int) -> str:
        self._cover(f"{parent}.{name}", entity.name)
        self._budget -= 2
        key = self._alias(name)
        at = (*path, key)
        arguments, order = self._arguments(entity)
        self._lists.append((at, entity.name, order))
        parts = []
        if self.chance.random() < 0.85:
            edges = self._alias("edges")
            node = self._alias("node")
            row = f"{self._as(node, 'node')} {{ {self._row(entity, (*at, edges, node), depth - 1)} }}"
            cursor = self._as(self._alias("cursor"), "cursor") if self.chance.random() < 0.4 else ""
            parts.append(f"{self._as(edges, 'edges')} {self._directive()} {{ {cursor} {row} }}")
            if self.chance.random() < 0.12:  # the same edges under another key, with other fields of the same rows
                self._cover("edges twice")
                again, node = self._alias("edges"), self._alias("node")
                row = f"{self._as(node, 'node')} {{ {self._row(entity, (*at, again, node), depth - 2)} }}"
                parts.append(f"{self._as(again, 'edges')} {{ {row} __typename }}")
        if self.chance.random() < 0.4:
            flags = self._some(("hasNextPage", "hasPreviousPage", "startCursor", "endCursor", "__typename"))
            parts.append(f"pageInfo {{ {flags} }}")
        if self.chance.random() < 0.3 or not parts:
            parts.append(self.chance.choice(("totalCount", "n: totalCount", "__typename totalCount")))
        inside = self._wrapped(parts, f"{entity.name}Connection")
        return f"{self._as(key, name)}{arguments} {self._directive()} {{ {inside} }}"

    def _row(self, entity: Entity, path: tuple[str, ...], depth: int) -> str:
        names = [item.name for item in entity.fields]
        chosen = self.chance.sample(names, min(len(names), self.chance.randint(1, 4)))
        if self.chance.random() < 0.6:
            rare = sorted(names, key=lambda name: self.covered[f"{entity.name}.{name}"])[:3]
            chosen += [name for name in rare if name not in chosen]
        parts = []
        for name in chosen:
            key = self._alias(name)
            self._cover(f"{entity.name}.{name}")
            self._leaves.append(((*path, key), entity.name, name))
            parts.append(f"{self._as(key, name)} {self._directive()}")
        if self.chance.random() < 0.5:
            parts.append(self.chance.choice(("id", "x: id", "__typename id")))
            self._cover(f"{entity.name}.id")
        if self.chance.random() < 0.1:
            self._cover("interface")
            self._names += 1
            parts.append(f"... on Node {{ i{self._names}: id ... on {entity.name} {{ __typename }} }}")
        relations = list(entity.relations)
        while relations and depth > 0 and self._budget > 0 and self.chance.random() < 0.6:
            rarest = min(relations, key=lambda one: self.covered[f"{entity.name}.{one.name}"])
            relation = rarest if self.chance.random() < 0.4 else self.chance.choice(relations)
            relations.remove(relation)
            target = self.entities[relation.target]
            if relation.many:
                parts.append(self._list(entity.name, relation.name, target, path, depth))
            else:
                self._cover(f"{entity.name}.{relation.name}", target.name)
                self._budget -= 1
                key = self._alias(relation.name)
                inside = self._row(target, (*path, key), depth - 1)
                parts.append(f"{self._as(key, relation.name)} {self._directive()} {{ {inside} }}")
                if self.chance.random() < 0.1:  # the same again: the answer merges both
                    parts.append(f"{self._as(key, relation.name)} {{ __typename }}")
        self.chance.shuffle(parts)
        return self._wrapped(parts, entity.name)

    # -- arguments

    def _arguments(self, entity: Entity) -> tuple[str, str]:
        parts = []
        order = ""
        if self.chance.random() < 0.4:
            self._cover("argument:orderBy")
            sortable = [item for item in entity.fields if item.sortable]
            keys = []
            for item in self.chance.sample(sortable, min(len(sortable), self.chance.randint(1, 2))):
                direction = self.chance.choice(("", ", direction: ASC", ", direction: DESC"))
                keys.append(f"{{field: {_upper(item.name)}{direction}}}")
            order = f"[{', '.join(keys)}]"
            parts.append(f"orderBy: {order}")
        size = self.chance.choice((0, 1, 1, 2, 3, 5, 8, 100))
        way = self.chance.choice(("first", "first", "first", "last", ""))
        if way:
            self._cover(f"argument:{way}")
            parts.append(f"{way}: {self._variable('Int', size) if self.chance.random() < 0.3 else size}")
        for side in ("after", "before"):
            pool = self.known.cursors[entity.name, order]
            if pool and self.chance.random() < 0.3:
                self._cover(f"argument:{side}")
                parts.append(f"{side}: {self._text(self.chance.choice(pool), 'String')}")
            elif self.chance.random() < 0.01:
                self._cover("bad cursor")
                parts.append(f'{side}: "bad"')
        if self.chance.random() < 0.35:
            self._cover("argument:where")
            parts.append(f"where: {self._where(entity)}")
        self.chance.shuffle(parts)
        return (f"({', '.join(parts)})" if parts else ""), order

    def _where(self, entity: Entity) -> str:
        value = self._condition(entity, 2)
        if self.chance.random() < 0.4:
            return self._variable(f"{entity.name}Where", value)
        return self._literal(self.schema.type_map[f"{entity.name}Where"], value)

    def _condition(self, entity: Entity, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self.chance.choice((1, 1, 2))):
            pick = self.chance.random()
            ones = [relation for relation in entity.relations if not relation.many]
            if depth and pick < 0.1:
                word = self.chance.choice(("and", "or"))
                self._cover(f"where:{word}")
                found[word] = [self._condition(entity, depth - 1) for _ in range(self.chance.randint(0, 2))]
            elif depth and pick < 0.18:
                self._cover("where:not")
                found["not"] = self._condition(entity, depth - 1)
            elif depth and ones and pick < 0.35:
                self._cover("where:related")
                relation = self.chance.choice(ones)
                found[relation.name] = self._condition(self.entities[relation.target], depth - 1)
            elif pick < 0.4 and self.known.ids[entity.name]:
                pool = self.known.ids[entity.name]
                self._cover("where:id")
                found["id"] = self.chance.choice(
                    ({"eq": self.chance.choice(pool)}, {"in": self.chance.sample(pool, min(2, len(pool)))})
                )
            else:
                item = self.chance.choice([item for item in entity.fields if item.filterable])
                found[item.name] = self._compared(entity, item)
        return found

    def _compared(self, entity: Entity, item: Field) -> dict[str, Any]:
        where = self.schema.type_map[f"{entity.name}Where"]
        assert isinstance(where, GraphQLInputObjectType)
        kind = get_named_type(where.fields[item.name].type)
        assert isinstance(kind, GraphQLInputObjectType)
        operator = self.chance.choice(list(kind.fields))
        self._cover(f"operator:{operator}", f"filter:{kind.name}")
        if operator == "isNull":
            return {operator: self.chance.choice((True, False))}
        pool = self.known.values[entity.name, item.name] or [_sample(item)]
        if item.kind is Kind.TEXT:
            pool = [*pool, *TEXTS]
        if operator == "in":
            return {operator: [self.chance.choice(pool) for _ in range(self.chance.randint(0, 3))]}
        return {operator: self.chance.choice(pool)}

    def _literal(self, type_: Any, value: Any, required: str = "") -> str:
        """A value as GraphQL writes it, some of its leaves as variables."""
        bare = get_named_type(type_)
        if isinstance(value, dict):
            assert isinstance(bare, GraphQLInputObjectType)
            inner = (f"{name}: {self._literal(bare.fields[name].type, item)}" for name, item in value.items())
            return f"{{{', '.join(inner)}}}"
        if isinstance(value, list):
            if self.chance.random() < 0.3:
                return self._variable(str(type_), value)
            return f"[{', '.join(self._literal(bare, item, '!') for item in value)}]"
        if self.chance.random() < 0.25:
            return self._variable(f"{bare}{required}", value)
        return str(value) if isinstance(bare, GraphQLEnumType) else _json(value)

    # -- small things

    def _variable(self, type_: str, value: Any) -> str:
        self._cover("variable")
        name = f"v{len(self._types)}"
        if (
            self.chance.random() < 0.15
            and not type_.endswith("!")
            and isinstance(value, int | str)
            and type_ in ("Int", "String")
        ):
            self._types[name] = f"{type_} = {_json(value)}"
            self._cover("default")
        else:
            self._types[name] = type_ if type_.endswith("!") or type_ in ("Int", "String") else f"{type_}!"
            if type_ in ("Int", "String") and self.chance.random() < 0.05:
                self._cover("null variable")
                value = None
            if type_ in ("ID",):
                self._types[name] = "ID!"
            self._variables[name] = value
        return f"${name}"

    def _text(self, value: str, type_: str) -> str:
        return self._variable(type_, value) if self.chance.random() < 0.5 else _json(value)

    def _directive(self) -> str:
        pick = self.chance.random()
        if pick > 0.1:
            return ""
        word = "skip" if pick < 0.05 else "include"
        self._cover(f"@{word}")
        keep = self.chance.random() < 0.7
        value = keep == (word == "include")
        given = self._variable("Boolean!", value) if self.chance.random() < 0.5 else _json(value)
        return f"@{word}(if: {given})"

    def _alias(self, name: str) -> str:
        self._names += 1
        if self.chance.random() < 0.2:
            self._cover("alias")
        return f"{name}_{self._names}"

    def _as(self, key: str, name: str) -> str:
        return f"{key}: {name}"

    def _some(self, names: Iterable[str]) -> str:
        pool = list(names)
        return " ".join(self.chance.sample(pool, self.chance.randint(1, len(pool))))

    def _cover(self, *what: str) -> None:
        self._covers.update(what)


def _upper(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _sample(item: Field) -> Any:
    match item.kind:
        case Kind.WORD:
            assert item.words is not None
            return next(iter(item.words.meanings))
        case Kind.INT:
            return 2
        case Kind.FLOAT:
            return 1.5
        case Kind.BOOL:
            return True
        case Kind.DECIMAL:
            return "1.10"
        case Kind.DATE:
            return "2026-09-15"
        case Kind.MOMENT:
            return "2026-09-02T20:00:00+08:00"
        case Kind.MONTH:
            return "2026-08"
        case Kind.UUID:
            return "01900000-0000-7000-8000-000000000000"
        case _:
            return "a"
