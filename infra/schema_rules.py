"""Rules of the schema's form: descriptions, names, Relay's specifications, mutations, deprecations. Pure; each says its reason.

The specifications meant are Relay's Cursor Connections and Global Object Identification. `schema_gates` runs the rules over
`schema.graphql`; another reading of them, by graphql-eslint, is `npm_gates`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_introspection_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
    is_specified_directive,
    is_specified_scalar_type,
)

#: Fields called `id` that are not `ID!`, with the reason.
OTHER_IDS: Mapping[str, str] = {
    "Membership.id": "the role of a look is no membership, so there is none to name",
}
#: Types that tell what came of a change: there is no id of what was refused.
CHANGED = ("Payload", "Result")
#: Fields that list rows without a connection, with the reason.
PLAIN_LISTS: Mapping[str, str] = {
    "Query.nodes": "as Global Object Identification has it; as long as the ids that are given",
}
PAGING: Mapping[str, str] = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
PAGE_INFO: Mapping[str, str] = {
    "hasNextPage": "Boolean!",
    "hasPreviousPage": "Boolean!",
    "startCursor": "String",
    "endCursor": "String",
}
USER_ERRORS = "[UserError!]!"
USER_ERROR: Mapping[str, str] = {"code": "UserErrorCode!", "message": "String!", "path": "[String!]!"}

_CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
_PASCAL = re.compile(r"[A-Z][a-zA-Z0-9]*")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
#: `Removed after 2027-03-31: use netAmount.`
_REASON = re.compile(r"Removed after (\d{4}-\d\d-\d\d): \S.*\.")

Fields = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


class Element(NamedTuple):
    """One element of a schema. `at` is its schema coordinate (`Type.field(argument:)`), `of` graphql-core's object."""

    at: str
    of: Any


def elements(schema: GraphQLSchema) -> Iterator[Element]:
    """Everything that the schema itself declares: types, fields, arguments, enum values, directives."""
    for kind in own_types(schema):
        yield Element(kind.name, kind)
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                yield Element(f"{kind.name}.{name}", value)
        for name, field in fields_of(kind).items():
            yield Element(f"{kind.name}.{name}", field)
            for argument, given in _arguments(field).items():
                yield Element(f"{kind.name}.{name}({argument}:)", given)
    for directive in schema.directives:
        if not is_specified_directive(directive):
            yield Element(f"@{directive.name}", directive)
            for argument, given in directive.args.items():
                yield Element(f"@{directive.name}({argument}:)", given)


def own_types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    """The types without those that GraphQL itself brings."""
    for kind in schema.type_map.values():
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind):
            yield kind


def fields_of(kind: GraphQLNamedType) -> Mapping[str, Any]:
    """The fields of a type, none where it has none."""
    return kind.fields if isinstance(kind, Fields) else {}


def _arguments(field: Any) -> Mapping[str, GraphQLArgument]:
    return field.args if isinstance(field, GraphQLField) else {}


def problems(schema: GraphQLSchema) -> Iterator[str]:
    """One line per broken rule."""
    for rule in RULES:
        yield from rule(schema)


def described(schema: GraphQLSchema) -> Iterator[str]:
    """The schema is the manual: who reads it in an editor has nothing else."""
    for at, of in elements(schema):
        if not (of.description or "").strip():
            yield f"{at}: has no description"


def named(schema: GraphQLSchema) -> Iterator[str]:
    """Generated code uses these names as they are."""
    for at, of in elements(schema):
        last = re.findall(r"\w+", at)[-1]
        kind, form = _form_of(of)
        if not form.fullmatch(last):
            yield f"{at}: {kind}"


def _form_of(of: Any) -> tuple[str, re.Pattern[str]]:
    if isinstance(of, GraphQLNamedType):
        return "types are written LikeThis", _PASCAL
    if isinstance(of, GraphQLEnumValue):
        return "enum values are written LIKE_THIS", _UPPER
    return "fields, arguments and directives are written likeThis", _CAMEL


def identified(schema: GraphQLSchema) -> Iterator[str]:
    """Clients keep what has an id by it, and read it again by `node`."""
    node = schema.type_map.get("Node")
    if not isinstance(node, GraphQLInterfaceType) or _types(node) != {"id": "ID!"}:
        yield "Node: must be an interface with the one field id: ID!"
    yield from _root_of_nodes(schema, "node", {"id": "ID!"}, "Node")
    yield from _root_of_nodes(schema, "nodes", {"ids": "[ID!]!"}, "[Node]!")
    for at, of in elements(schema):
        name = re.findall(r"\w+", at)[-1]
        if name == "id" and isinstance(of, GraphQLField) and at not in OTHER_IDS:
            wanted = ("ID!", "ID") if at.split(".")[0].endswith(CHANGED) else ("ID!",)
            if str(of.type) not in wanted:
                yield f"{at}: an id is {' or '.join(wanted)}, not {of.type}"
        if isinstance(of, GraphQLArgument | GraphQLInputField):
            kind = str(_nullable(of.type))
            if name == "id" and kind not in ("ID", "IdFilter"):
                yield f"{at}: an id is ID, not {kind}"
            if name == "ids" and kind != "[ID!]":
                yield f"{at}: ids are [ID!], not {kind}"


def _root_of_nodes(schema: GraphQLSchema, name: str, arguments: Mapping[str, str], gives: str) -> Iterator[str]:
    field = schema.query_type.fields.get(name) if schema.query_type else None
    if (
        field is None
        or {key: str(one.type) for key, one in field.args.items()} != arguments
        or str(field.type) != gives
    ):
        yield f"Query.{name}: must be {name}({', '.join(f'{key}: {kind}' for key, kind in arguments.items())}): {gives}"


def _types(kind: Any) -> dict[str, str]:
    return {name: str(field.type) for name, field in kind.fields.items()}


def paged(schema: GraphQLSchema) -> Iterator[str]:
    """A client's store pages through every list in one way, so whatever is called a connection is one, and nothing else is."""
    page = schema.type_map.get("PageInfo")
    if not isinstance(page, GraphQLObjectType) or _types(page) != PAGE_INFO:
        yield f"PageInfo: must have exactly {', '.join(f'{name}: {kind}' for name, kind in PAGE_INFO.items())}"
    for kind in own_types(schema):
        if kind.name.endswith("Connection"):
            yield from _connection(kind)
        elif kind.name.endswith("Edge"):
            yield from _edge(schema, kind)
        elif isinstance(kind, GraphQLObjectType) and {"edges", "pageInfo"} & set(kind.fields):
            yield f"{kind.name}: pages like a connection, so its name must end with Connection"
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield from _paging(f"{kind.name}.{name}", field)


def _connection(kind: GraphQLNamedType) -> Iterator[str]:
    if not isinstance(kind, GraphQLObjectType):
        yield f"{kind.name}: the ending Connection is for object types that page through a list"
        return
    found, edge = _types(kind), kind.name.removesuffix("Connection") + "Edge"
    if found.get("edges") != f"[{edge}!]!" or found.get("pageInfo") != "PageInfo!":
        yield f"{kind.name}: the ending Connection is for types with edges: [{edge}!]! and pageInfo: PageInfo!"
    if found.get("totalCount", "Int!") != "Int!":
        yield f"{kind.name}.totalCount: must be Int!"


def _edge(schema: GraphQLSchema, kind: GraphQLNamedType) -> Iterator[str]:
    connection = kind.name.removesuffix("Edge") + "Connection"
    if not isinstance(kind, GraphQLObjectType) or connection not in schema.type_map:
        yield f"{kind.name}: the ending Edge is for the object type of {connection}.edges"
        return
    node, cursor = kind.fields.get("node"), kind.fields.get("cursor")
    if node is None or is_list_type(_nullable(node.type)) or not isinstance(_nullable(node.type), GraphQLNamedType):
        yield f"{kind.name}: needs a node that is no list"
    if cursor is None or str(cursor.type) != "String!":
        yield f"{kind.name}: needs cursor: String!"


def _nullable(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _paging(at: str, field: GraphQLField) -> Iterator[str]:
    gives = _nullable(field.type)
    if is_list_type(gives):
        inside = get_named_type(gives)
        if inside.name.endswith("Connection"):
            yield f"{at}: a list of connections"
        rows = inside.name == "Node" or any(one.name == "Node" for one in getattr(inside, "interfaces", ()))
        if rows and at not in PLAIN_LISTS:
            yield f"{at}: a list of rows has no bound of its own; make it a connection"
        return
    if not gives.name.endswith("Connection"):
        return
    given = {name: str(_nullable(one.type)) for name, one in field.args.items() if name in PAGING}
    if not ({"first", "after"} <= given.keys() or {"last", "before"} <= given.keys()):
        yield f"{at}: a connection needs the arguments first and after, or last and before"
    for name, kind in given.items():
        if kind != PAGING[name]:
            yield f"{at}({name}:): must be {PAGING[name]}, not {kind}"
        if is_required_argument(field.args[name]):
            yield f"{at}({name}:): must be optional, so that a page can be asked for without it"


def changing(schema: GraphQLSchema) -> Iterator[str]:
    """One form for every change, so that one piece of a client's code sends them all and reads every refusal."""
    error = schema.type_map.get("UserError")
    if not isinstance(error, GraphQLObjectType) or not USER_ERROR.items() <= _types(error).items():
        yield f"UserError: must have {', '.join(f'{name}: {kind}' for name, kind in USER_ERROR.items())}"
    for name, field in (schema.mutation_type.fields if schema.mutation_type else {}).items():
        at = f"Mutation.{name}"
        payload = f"{name[:1].upper()}{name[1:]}Payload"
        given = list(field.args.items())
        if [key for key, _ in given] != ["input"]:
            yield f"{at}: takes exactly one argument, input"
        elif not _input(given[0][1].type):
            yield f"{at}(input:): must be a required input object whose name ends with Input, not {given[0][1].type}"
        if str(field.type) != payload:
            yield f"{at}: must give {payload}, null when nothing happened; not {field.type}"
        elif _types(get_named_type(field.type)).get("userErrors") != USER_ERRORS:
            yield f"{payload}: must have userErrors: {USER_ERRORS}"


def _input(kind: Any) -> bool:
    inside = _nullable(kind)
    return kind is not inside and isinstance(inside, GraphQLInputObjectType) and inside.name.endswith("Input")


def deprecated(schema: GraphQLSchema) -> Iterator[str]:
    """Who uses it must learn until when they can, and what to use instead."""
    for at, of in elements(schema):
        reason = getattr(of, "deprecation_reason", None)
        if reason is None:
            continue
        if removed_after(reason) is None:
            yield f"{at}: a deprecation says 'Removed after YYYY-MM-DD: what to use instead.', not '{reason}'"
        needed = isinstance(of, GraphQLArgument) and is_required_argument(of)
        if needed or (isinstance(of, GraphQLInputField) and is_required_input_field(of)):
            yield f"{at}: whoever must give it cannot leave it; make it optional first"


def removed_after(reason: str) -> date | None:
    """The last day on which something deprecated can be relied on; None when its reason does not say it in the one form."""
    found = _REASON.fullmatch(reason)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


RULES: tuple[Callable[[GraphQLSchema], Iterator[str]], ...] = (
    described,
    named,
    identified,
    paged,
    changing,
    deprecated,
)
