"""Object types made from the declarations. No field has a resolver of its own: values come from the reader's nodes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import strawberry
from strawberry.types.unset import UNSET

from ..errors import ForecourtError
from ..tenancy.reader.entity import Entities, Entity
from ..tenancy.reader.made import Failure
from ..tenancy.reader.shape import DEFAULT_PAGE, MAX_PAGE, Connection, Edge, Node
from . import ids
from .context import StoreInfo
from .inputs import Inputs, argument, listing, maybe, upper_snake
from .select import key_of


@dataclass
class StorePart:
    """One store's part of an answer: what the control rows say, and its lists by key, each read or refused."""

    info: StoreInfo
    as_of: datetime | None = None
    lists: dict[str, Connection] = field(default_factory=dict)
    refused: dict[str, ForecourtError] = field(default_factory=dict)


def stamp(found: Node | Connection | None, store: Any) -> None:
    """Give every node below its global id."""
    if isinstance(found, Connection):
        for edge in found.edges:
            stamp(edge.node, store)
    elif found is not None:
        found.values["id"] = str(ids.GlobalId(found.entity, store, found.id))
        for child in found.children.values():
            stamp(child, store)


def read_value(source: Any, name: str) -> Any:
    """The default resolver: a value of a node, or an attribute of anything else.

    Raises:
        Exception: what went wrong when the value was made.
    """
    if not isinstance(source, Node):
        return getattr(source, name)
    found = source.values[name]
    if isinstance(found, Failure):
        raise found.again()
    return found


def _type_name(found: Any, _info: Any, _abstract: Any) -> str:
    return ids.STORE if isinstance(found, StorePart) else str(found.entity)


@strawberry.interface(name="Node", description="Anything with an id that `node` gives back.")
class NodeInterface:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(description="Opaque id, the same wherever this appears.")

    resolve_type = staticmethod(_type_name)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo, read from a connection."""

    @strawberry.field(description="More rows follow.")  # type: ignore[untyped-decorator]
    def has_next_page(root: strawberry.Parent[Any]) -> bool:
        return bool(root.has_next)

    @strawberry.field(description="Rows come before.")  # type: ignore[untyped-decorator]
    def has_previous_page(root: strawberry.Parent[Any]) -> bool:
        return bool(root.has_previous)

    @strawberry.field(description="Cursor of the first row of the page.")  # type: ignore[untyped-decorator]
    def start_cursor(root: strawberry.Parent[Any]) -> str | None:
        return root.edges[0].cursor if root.edges else None

    @strawberry.field(description="Cursor of the last row of the page.")  # type: ignore[untyped-decorator]
    def end_cursor(root: strawberry.Parent[Any]) -> str | None:
        return root.edges[-1].cursor if root.edges else None


def page_arguments(most: int = MAX_PAGE) -> Mapping[str, tuple[Any, str]]:
    """The arguments of a list whose pages have up to so many rows."""
    return {
        "first": (
            int,
            f"This many rows from the front, 0 to {most}; {DEFAULT_PAGE} when neither first nor last is given.",
        ),
        "after": (str, "Only rows behind this cursor."),
        "last": (int, f"This many rows from the back, 0 to {most}; not together with first."),
        "before": (str, "Only rows before this cursor."),
    }


def with_arguments(
    resolve: Callable[..., Any], arguments: Mapping[str, tuple[Any, str]], gives: Any
) -> Callable[..., Any]:
    """A resolver `(root, info)` with optional arguments in the schema; they are read by `select`, not by the resolver."""

    def resolver(root: Any, info: Any, **_: Any) -> Any:
        return resolve(root, info)

    kinds = inspect.Parameter
    parameters = [
        kinds("root", kinds.POSITIONAL_OR_KEYWORD, annotation=Any),
        kinds("info", kinds.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info),
    ]
    for name, (kind, text) in arguments.items():
        annotation = argument(maybe(kind), text, name)
        parameters.append(kinds(f"{name}_", kinds.KEYWORD_ONLY, annotation=annotation, default=UNSET))
    resolver.__signature__ = inspect.Signature(parameters, return_annotation=gives)  # type: ignore[attr-defined]
    resolver.__annotations__ = {item.name: item.annotation for item in parameters} | {"return": gives}
    return resolver


def made_connection(name: str, node: Any, description: str) -> type:
    """A connection type with its edges; the node is nullable, as a store that fails must be."""
    edge = type(f"{name}Edge", (), {"__annotations__": {"node": maybe(node), "cursor": str}})
    edge.node = strawberry.field(description="The row.")  # type: ignore[attr-defined]
    edge.cursor = strawberry.field(description="Where the row stands in this list.")  # type: ignore[attr-defined]
    edge = strawberry.type(edge, name=f"{name}Edge", description=f"A {name} in a list.")
    page = with_arguments(lambda root, _: root, {}, PageInfo)
    body = {
        "__annotations__": {"edges": listing(edge)},
        "edges": strawberry.field(description="The rows of the page."),
        "pageInfo": strawberry.field(resolver=page, name="pageInfo", description="Where the page stands."),
        "totalCount": strawberry.field(
            resolver=with_arguments(lambda root, _: root.total, {}, int),
            name="totalCount",
            description="How many rows match without the page; counted only when asked.",
        ),
    }
    return strawberry.type(type(f"{name}Connection", (), body), name=f"{name}Connection", description=description)


def _usual(entity: Entity) -> str:
    """The order of a list that asks for none, in words. Ids grow with time, so rows without another order come by age."""
    keys = (f"{upper_snake(name)} {'DESC' if descending else 'ASC'}" for name, descending in entity.order)
    return ", ".join(keys) or "by age, oldest first,"


def _child(root: Any, info: Any) -> Any:
    return root.children[key_of(info._raw_info.field_nodes[0])]


def _listed(root: StorePart, info: Any) -> Connection:
    key = key_of(info._raw_info.field_nodes[0])
    if key in root.refused:
        raise root.refused[key]
    return root.lists[key]


class Types:
    """The object types of all entities, and the lists that a store has."""

    def __init__(self, entities: Entities) -> None:
        self.inputs = Inputs(entities)
        self.entities = entities
        self.objects: dict[str, type] = {}
        self.connections: dict[str, type] = {}
        for entity in entities:
            self.objects[entity.name] = type(entity.name, (NodeInterface,), {"__annotations__": {}})
        for entity in entities:
            text = f"A page of {entity.name}."
            self.connections[entity.name] = made_connection(entity.name, self.objects[entity.name], text)
        for entity in entities:
            self._declare(entity)

    def list_arguments(self, entity: Entity) -> dict[str, tuple[Any, str]]:
        """The arguments of a list of an entity."""
        where, order = self.inputs.where[entity.name], self.inputs.order[entity.name]
        return {
            "where": (where, "Only rows that match."),
            "orderBy": (listing(order), f"In this order; {_usual(entity)} when nothing is given."),
            **page_arguments(),
        }

    def store_lists(self) -> dict[str, Any]:
        """A field for every list of a store; null with an error where the actor may not read it."""
        found = {}
        for entity in self.entities:
            gives = maybe(self.connections[entity.name])
            resolver = with_arguments(_listed, self.list_arguments(entity), gives)
            found[entity.plural] = strawberry.field(
                resolver=resolver, name=entity.plural, description=f"All that the viewer may see: {entity.description}"
            )
        return found

    def _declare(self, entity: Entity) -> None:
        cls = self.objects[entity.name]
        for item in entity.fields:
            kind = self.inputs.python(item)
            cls.__annotations__[item.name] = maybe(kind) if item.nullable else kind
            setattr(cls, item.name, strawberry.field(name=item.name, description=item.description))
        for relation in entity.relations:
            target = self.entities[relation.target]
            if relation.many:
                resolver = with_arguments(_child, self.list_arguments(target), self.connections[target.name])
            else:
                resolver = with_arguments(_child, {}, maybe(self.objects[target.name]))
            field_ = strawberry.field(resolver=resolver, name=relation.name, description=relation.description)
            setattr(cls, relation.name, field_)
        cls.is_type_of = staticmethod(_is(entity.name))  # type: ignore[attr-defined]
        strawberry.type(cls, name=entity.name, description=entity.description)


def _is(name: str) -> Callable[[Any, Any], bool]:
    return lambda found, _info: isinstance(found, Node) and found.entity == name


__all__ = [
    "Edge",
    "NodeInterface",
    "PageInfo",
    "StorePart",
    "Types",
    "made_connection",
    "read_value",
    "stamp",
    "with_arguments",
]
