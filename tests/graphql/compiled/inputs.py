"""Values for arguments, and how GraphQL writes them: literals, variables, whole inputs, single values for lists."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from forecourt.auth.roles import PERMISSIONS, ROLES
from forecourt.domain.settings.rules import KEYS
from forecourt.tenancy.reader.entity import Entities
from tests.graphql.compiled.known import Known

TEXTS = ("", "B", "a", "王芳", "a%_b", "b' or 1=1 --", "$1", "%s", "\\", '"')
NO_ID = "01900000-0000-7000-8000-000000000000"
SCALARS: Mapping[str, tuple[Any, ...]] = {
    "Boolean": (True, False),
    "Date": ("2026-09-15", "2026-09-12"),
    "DateTime": ("2026-09-02T20:00:00+08:00", "2026-09-03T00:00:00Z", "2026-10-01T00:00:00Z"),
    "Decimal": ("1.10", "0", "-1"),
    "Float": (1.5, 0, -2, 82.352941),
    "ID": ("AAAA", "nothing"),
    "Int": (0, 1, 2, 3, 4),
    "JSON": (1, "a", {"k": 1}, []),
    "String": TEXTS,
    "UUID": (NO_ID,),
    "YearMonth": ("2026-08", "2026-09", "2099-01"),
}
#: What texts stand for by the name of their argument or field.
WORDS: Mapping[str, tuple[str, ...]] = {
    "kpi": ("S01", "S01", "S02", "NO_KPI"),
    "key": (*KEYS, "no.such.key"),
    "permission": (*sorted(PERMISSIONS), "a:b:c"),
    "role": (*sorted(ROLES), "NO_ROLE"),
    "language": ("en", "zh-CN", "tlh"),
    "mutation": ("closeComplaint", "noSuch"),
    "type": ("Customer", "Employee", "Group", "Store", "NoType"),
    "field": ("name", "phone", "customers", "noField"),
    "currency": ("CNY",),
    "month": ("2026-08", "2026-09"),
}
#: Ids by the name of their argument, where the name does not say the type.
IDS: Mapping[str, tuple[str, ...]] = {
    "store": ("Store",),
    "membershipId": ("AccountMembership",),
    "providerId": ("IdentityProvider",),
    "callId": ("Call",),
    "orderId": ("SalesOrder",),
    "entryId": ("LedgerEntry",),
    "accusedIds": ("Employee",),
    "replacesId": ("ContactPoint",),
    "RuleResponseInput": ("Response",),
    "ClientInput": ("OAuthClient",),
    "ChangeClientInput": ("OAuthClient",),
    "MoveSurveyTemplateInput": ("SurveyTemplate",),
    "ApproveRunInput": ("EvaluationRun",),
    "PublishRunInput": ("EvaluationRun",),
    "Query.store": ("Store",),
}


@dataclass(frozen=True)
class Place:
    """Where a value stands: the field or input type that owns it, its own name, and whose values would fit."""

    owner: str
    name: str
    pool: tuple[str, str] | None = None


@dataclass
class Variables:
    """The variables of one document: types as they are declared, values, and how to draw others."""

    types: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    again: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def redrawn(self, chance: random.Random) -> dict[str, Any]:
        """Other values for some of them."""
        return {
            name: self.again[name]() if name in self.again and chance.random() < 0.5 else value
            for name, value in self.values.items()
        }


class Inputs:
    """Draws values and writes them. `cover` is told what was used; `counts` says what is rare."""

    def __init__(
        self,
        schema: GraphQLSchema,
        entities: Entities,
        known: Known,
        chance: random.Random,
        counts: Counter[str],
        cover: Callable[..., None],
    ) -> None:
        self.schema, self.entities, self.known, self.chance = schema, entities, known, chance
        self.counts, self.cover = counts, cover
        #: what this document has drawn already
        self._drawn: Counter[str] = Counter()
        self.variables = Variables()
        #: types whose ids a field of an interface asks for
        self.prefer: Sequence[str] = ()
        #: labels that this document is made for
        self.wanted: frozenset[str] = frozenset()

    def rarest(self, names: list[str], owner: str, count: int) -> list[str]:
        """The names that are wanted, then those used least, in earlier documents and in this one; among equals in any order."""

        def used(name: str) -> tuple[bool, int, float]:
            label = f"{owner}.{name}"
            return label not in self.wanted, self.counts[label] + 4 * self._drawn[label], self.chance.random()

        found = sorted(names, key=used)[:count]
        self._drawn.update(f"{owner}.{name}" for name in found)
        return found

    # -- values

    def value(self, type_: Any, place: Place, depth: int = 2) -> Any:
        """A value of an input type, as JSON."""
        if is_non_null_type(type_):
            return self.value(type_.of_type, place, depth)
        if get_named_type(type_).name == "Upload":
            return []  # a file comes with the request, never in the document
        if is_list_type(type_):
            sizes = {"orderBy": (1, 2, 3, 5), "ids": (2, 4, 8)}.get(place.name, (0, 1, 1, 2, 3))
            size = self.chance.choice(sizes)
            named = get_named_type(type_)
            if isinstance(named, GraphQLEnumType):
                size = min(3 * size, len(named.values))
            return [self.value(type_.of_type, place, depth) for _ in range(size)]
        if isinstance(type_, GraphQLEnumType):
            return self.rarest(list(type_.values), type_.name, 1)[0]
        if isinstance(type_, GraphQLInputObjectType):
            if type_.name.endswith("Where"):
                return self._where(type_, depth)
            if place.pool is not None:
                return self._filter(type_, place.pool)
            return self._object(type_, depth)
        return self._scalar(type_.name, place)

    def _object(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        given = [name for name, item in type_.fields.items() if is_non_null_type(item.type) and not has_default(item)]
        others = [name for name in type_.fields if name not in given]
        aimed = sum(f"{type_.name}.{name}" in self.wanted for name in others)
        chosen = {*given, *self.rarest(others, type_.name, max(aimed, self.chance.randint(0, min(3, len(others)))))}
        return {
            name: self.value(item.type, Place(type_.name, name), depth - 1)
            if is_non_null_type(item.type) or self.chance.random() > 0.05
            else None
            for name, item in type_.fields.items()
            if name in chosen
        }

    def _where(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        entity = self.entities[type_.name.removesuffix("Where")]
        wanted = any(f"{type_.name}.{name}" in self.wanted for name in type_.fields)
        pick = self.chance.random() if depth else 1.0
        if pick < 0.55:  # alternatives: several conditions at once would leave no rows
            size = self.chance.choice((2, 4, 6) if wanted else (0, 2, 4, 6))
            return {"or": [self._where(type_, depth - 1) for _ in range(size)]}
        if pick < 0.7:
            size = self.chance.choice((1, 2) if wanted else (0, 1, 2))
            return {"and": [self._where(type_, depth - 1) for _ in range(size)]}
        if pick < 0.8:
            return {"not": self._where(type_, depth - 1)}
        pool = [name for name in type_.fields if depth or name not in ("and", "or", "not")]
        pool = [name for name in pool if depth or name not in entity.relation_by_name]
        chosen = self.rarest(pool, type_.name, self.chance.choice((1, 1, 2)))
        if not wanted and self.chance.random() < 0.3:
            chosen = [self.chance.choice(pool)]
        found: dict[str, Any] = {}
        for name in chosen:
            place = Place(type_.name, name, None if name in ("and", "or", "not") else (entity.name, name))
            if name in entity.relation_by_name:
                place = Place(type_.name, name)
            found[name] = self.value(type_.fields[name].type, place, depth - 1)
        return found

    def _filter(self, type_: GraphQLInputObjectType, pool: tuple[str, str]) -> dict[str, Any]:
        names = list(type_.fields)
        name = self.rarest(names, type_.name, 1)[0] if self.chance.random() < 0.7 else self.chance.choice(names)
        return {name: self.value(type_.fields[name].type, Place(type_.name, name, pool), 0)}

    def _scalar(self, kind: str, place: Place) -> Any:
        chance = self.chance
        if place.name in ("first", "last"):
            # Nobody sees more than two stores, so a page of three is all of them.
            sizes = (0, 1, 1, 1, 2, 3) if place.owner == "Group.stores" else (0, 1, 1, 2, 2, 3, 5, 8, 100)
            return chance.choice(sizes) if chance.random() < 0.99 else chance.choice((-1, 101, 501))
        if place.pool is not None and place.pool[0] == "cursors":
            return chance.choice(self.known.cursors[place.pool[1]] or ["bad"])
        if place.name == "isNull" or kind == "Boolean":
            return chance.choice((True, False))
        if kind == "ID":
            return self._id(place)
        if place.pool is not None and self.known.values[place.pool] and chance.random() < 0.85:
            return chance.choice(self.known.values[place.pool])
        if place.owner == "Query.store" and place.name == "code":
            known = self.known
            return known.here if known.here and chance.random() < 0.9 else chance.choice((*known.codes, "nowhere"))
        if place.owner == "Query.__type":
            return chance.choice((*sorted(self.schema.type_map), "NoType"))
        if kind == "String" and place.name in WORDS and place.pool is None:
            return chance.choice(WORDS[place.name])
        return chance.choice(SCALARS[kind])

    def _id(self, place: Place) -> str:
        chance, known = self.chance, self.known.ids
        # A document has many ids in its filters, and one that does not exist refuses all of it.
        odd = 0.005 if place.pool is not None else 0.04
        if chance.random() < odd:
            return "nothing"
        if place.owner in ("Query.node", "Query.nodes"):
            types: tuple[str, ...] = tuple(name for name in self.prefer if known[name])
        elif place.pool is not None:
            types = (place.pool[0],)
        else:
            named = place.name.removesuffix("Ids").removesuffix("Id")
            title = named[:1].upper() + named[1:]
            inside = [type_ for type_ in known if place.name == "id" and type_ in place.owner]
            types = IDS.get(place.name) or IDS.get(place.owner) or ((title,) if title in known else ())
            types = types or ((max(inside, key=len),) if inside else ())
        if not types or chance.random() < odd:
            types = (chance.choice(sorted(known)),) if known else ()
        pool = self.known.ids_here(types) if chance.random() > 2 * odd else []
        pool = pool or [text for type_ in types for text in known[type_]]
        return chance.choice(pool or ["AAAA"])

    # -- writing

    def write(self, type_: Any, value: Any, place: Place, *, defaulted: bool = False) -> str:
        """A value as it stands in the document; some of it in variables. `defaulted`: the place has a default value."""
        self._used(type_, value)
        return self._write(type_, value, place, defaulted=defaulted, whole=True)

    def _write(
        self,
        type_: Any,
        value: Any,
        place: Place,
        *,
        defaulted: bool = False,
        whole: bool = False,
        alone: bool = False,
    ) -> str:
        bare = type_.of_type if is_non_null_type(type_) else type_
        if not alone and self.chance.random() < (0.4 if whole else 0.15):  # a variable is no list by itself
            return self._variable(type_, value, place, defaulted=defaulted)
        if value is None:
            self.cover("null")
            return "null"
        if isinstance(value, list) and is_list_type(bare):
            if len(value) == 1 and value[0] is not None and self.chance.random() < 0.3:
                self.cover("single value as a list")
                return self._write(bare.of_type, value[0], place, alone=True)
            items = [self._write(bare.of_type, item, place) for item in value]
            if any(item.startswith("$") for item in items):
                self.cover("variable in a list")
            return f"[{', '.join(items)}]"
        if isinstance(value, dict) and isinstance(bare, GraphQLInputObjectType):
            inner = (
                f"{name}: {self._write(bare.fields[name].type, item, Place(bare.name, name))}"
                for name, item in value.items()
            )
            return f"{{{', '.join(inner)}}}"
        return literal(bare, value)

    def _used(self, type_: Any, value: Any) -> None:
        named = get_named_type(type_)
        self.cover(named.name)
        if isinstance(value, list):
            for item in value:
                self._used(named, item)
            return
        if isinstance(named, GraphQLEnumType) and value is not None:
            self.cover(f"{named.name}.{value}")
        elif isinstance(named, GraphQLInputObjectType) and isinstance(value, dict):
            for name, item in value.items():
                self.cover(f"{named.name}.{name}")
                self._used(named.fields[name].type, item)

    def _variable(self, type_: Any, value: Any, place: Place, *, defaulted: bool) -> str:
        known, chance = self.variables, self.chance
        self.cover("variable")
        if isinstance(value, dict):
            self.cover("whole input")
        if isinstance(value, list):
            self.cover("list variable")
        required = is_non_null_type(type_)
        declared = str(type_)
        if required and defaulted and chance.random() < 0.5:
            declared, required = declared.removesuffix("!"), False  # allowed where the place has a default
        elif not required and value is not None and chance.random() < 0.3:
            declared, required = f"{declared}!", True
        for name, other in known.types.items():
            if other == declared and name in known.values and known.values[name] == value and chance.random() < 0.5:
                self.cover("variable twice")
                return f"${name}"
        name = f"v{len(known.types)}"
        known.types[name] = declared
        if value is not None and chance.random() < 0.2:
            known.types[name] += f" = {literal(type_, value)}"
            self.cover("default")
            if chance.random() < 0.6:
                self.cover("default kept")
                return f"${name}"
        pick = chance.random()
        if place.owner == "Query.store" and chance.random() < 0.9:  # without an id or a code nothing is asked
            pick = 1.0
        if not required and pick < 0.08:
            self.cover("missing variable")
            return f"${name}"
        if not required and pick < 0.16:
            self.cover("null variable")
            value = None
        known.values[name] = value
        if value is not None:
            known.again[name] = lambda: self.value(type_, place)
        return f"${name}"


def has_default(item: Any) -> bool:
    return item.default_value is not Undefined


def literal(type_: Any, value: Any) -> str:
    """A constant as GraphQL writes it."""
    bare = type_.of_type if is_non_null_type(type_) else type_
    if value is None:
        return "null"
    if isinstance(value, list):
        inner = bare.of_type if is_list_type(bare) else bare
        return f"[{', '.join(literal(inner, item) for item in value)}]"
    if isinstance(value, dict):
        of = bare.fields if isinstance(bare, GraphQLInputObjectType) else {}
        return f"{{{', '.join(f'{name}: {literal(of[name].type if name in of else bare, item)}' for name, item in value.items())}}}"
    named = get_named_type(bare)
    return str(value) if isinstance(named, GraphQLEnumType) else json.dumps(value, ensure_ascii=False)
