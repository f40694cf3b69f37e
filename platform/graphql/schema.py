"""The schema, made from the declarations by a factory."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from ..tenancy.reader.entity import Entities
from .compiled.execute import Engine
from .compiled.mutate import Writes
from .cost import COST, LIST_SIZE
from .errors import Saying
from .known import Known
from .mutation import Mutation, Mutations
from .roots import made_group, made_query, made_store, made_subscription, made_viewer
from .scalars import SCALARS
from .types import Types, read_value


class ApiSchema(strawberry.Schema):
    """A schema whose errors are logged where they are formatted, not where they happen."""

    #: answers what it can from compiled plans
    compiled: Engine
    #: the same for mutations; None: there are none
    writes: Writes | None = None

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: see `errors.formatted`."""


@dataclasses.dataclass(frozen=True)
class Parts:
    """What other doors add: mix-in classes of strawberry fields for the roots, mutations, and their refusal codes."""

    group: Sequence[type] = ()
    query: Sequence[type] = ()
    store: Sequence[type] = ()
    viewer: Sequence[type] = ()
    subscription: Sequence[type] = ()
    mutations: Sequence[Mutation] = ()
    user_errors: Mapping[str, Saying] = dataclasses.field(default_factory=dict)
    #: further object types that nothing refers to by itself
    types: Sequence[type] = ()


def build(entities: Entities, parts: Parts | None = None) -> ApiSchema:
    """A new schema. Sorting would break unions at run time, so only the export is sorted."""
    parts = parts or Parts()
    types = Types(entities)
    store = made_store(types, parts.store)
    group = made_group(store, parts.group)
    mutations = Mutations(types, parts.user_errors)
    made = ApiSchema(
        query=made_query(store, group, made_viewer(parts.viewer), parts.query),
        mutation=mutations.type(parts.mutations) if parts.mutations else None,
        subscription=made_subscription(parts.subscription) if parts.subscription else None,
        types=[*types.objects.values(), *parts.types],
        extensions=[Known],
        config=StrawberryConfig(auto_camel_case=True, default_resolver=read_value, scalar_map=SCALARS),
    )
    made._schema.directives = (*made._schema.directives, COST, LIST_SIZE)
    made.compiled = Engine(made._schema, entities)
    if parts.mutations:
        made.writes = Writes(made, made.compiled, mutations, parts.mutations)
    return made
