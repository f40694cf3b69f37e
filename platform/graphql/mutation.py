"""Mutations: one `input`, one payload with the things it changed and `userErrors`.

A door declares a `Mutation`; its `run` calls one action and says which rows the payload shows. What the action refuses
(`Refused`) becomes `userErrors`; access problems and faults become top-level errors.

`Mutations.carry_out` is the one order in which a mutation happens, whoever makes the answer of it (`compiled/mutate.py` or
graphql-core): the action, its changes flushed, the payload's rows read where they were written, audit and commit.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLResolveInfo, default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues

from ..domain.work import Work
from ..errors import AllRefused, Refused, ViewOnly
from .context import Context, StoreInfo
from .errors import USER_ERRORS, KeyRefused, Saying, formatted
from .idempotency import Claim, Replay, Told
from .inputs import argument, listing, made_enum, maybe
from .read import row
from .roots import context_of
from .select import Selection
from .types import Types, with_arguments
from .unit import Unit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What a mutation changed: the ids of the rows that the payload shows, by payload field, and further plain values."""

    store: StoreInfo | None = None
    ids: Mapping[str, UUID] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WithErrors:
    """The type of a payload's value that holds refusals of its own: made from the schema's type of a refusal."""

    of: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation.

    `input` is a strawberry input; `shows` names the payload's rows (field → entity), `values` its plain fields
    (name → type, description). `run` opens one unit of work, calls the action in it and returns what changed; the unit
    commits when the rows were read.
    """

    name: str
    description: str
    input: type
    run: Callable[[Context, Any], Awaitable[Done]]
    shows: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    #: allowed to whoever looks as a role: only the end of the look
    viewing: bool = False

    @property
    def payload(self) -> str:
        """The name of the payload's type."""
        return f"{self.name[0].upper()}{self.name[1:]}Payload"


#: Reads what a mutation shows, by response key; of a unit of work in a store on its connection.
Show = Callable[[Done, Work | None], Awaitable[Mapping[str, Any]]]


@dataclass
class Payload:
    """The answer of one mutation."""

    errors: list[Any] = field(default_factory=list)
    rows: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


#: Makes the answer of a payload, with its errors as they stand in a response.
Complete = Callable[[Payload], Awaitable[Told]]


@dataclass
class UserErrorValue:
    """Why a rule said no."""

    code: str
    message: str
    path: list[str]


class Mutations:
    """Builds the Mutation type. `codes` are the refusals of the actions, with what they say in both languages."""

    def __init__(self, types: Types, codes: Mapping[str, Saying]) -> None:
        self.types = types
        self.codes = {**USER_ERRORS, **codes}
        known = {code: (code, f"{saying.en} {saying.zh}") for code, saying in sorted(self.codes.items())}
        code = made_enum("UserErrorCode", "Why a rule said no. More may be added.", known)
        body: dict[str, Any] = {
            "__annotations__": {"code": code, "message": str, "path": list[str]},
            "code": strawberry.field(description="Stable code."),
            "message": strawberry.field(description="Message in the viewer's language."),
            "path": strawberry.field(description="Where in the input; empty: the whole."),
        }
        self.user_error = strawberry.type(
            type("UserError", (), body), name="UserError", description="An expected refusal: nothing was changed."
        )

    def type(self, mutations: Sequence[Mutation]) -> Any:
        """The Mutation type."""
        body = {}
        for item in sorted(mutations, key=lambda one: one.name):
            body[item.name] = strawberry.field(
                resolver=self._resolver(item), name=item.name, description=item.description
            )
        return strawberry.type(type("Mutation", (), body), name="Mutation", description="What can be changed.")

    def _payload(self, item: Mutation) -> Any:
        fields: dict[str, Any] = {}
        for name, entity in item.shows.items():
            gives = maybe(self.types.objects[entity])
            resolver = with_arguments(lambda root, info: root.rows.get(info._raw_info.path.key), {}, gives)
            text = "As it is after the change; null when it was refused or may not be seen."
            fields[name] = strawberry.field(resolver=resolver, name=name, description=text)
        for name, (kind, text) in item.values.items():
            kind = kind.of(self.user_error) if isinstance(kind, WithErrors) else kind
            resolver = with_arguments(_value(name), {}, maybe(kind))
            fields[name] = strawberry.field(resolver=resolver, name=name, description=text)
        errors = with_arguments(lambda root, _info: root.errors, {}, listing(self.user_error))
        fields["userErrors"] = strawberry.field(
            resolver=errors, name="userErrors", description="Why nothing was changed; empty when it was."
        )
        title = item.payload
        return strawberry.type(type(title, (), fields), name=title, description=f"Answer of {item.name}.")

    def _resolver(self, item: Mutation) -> Callable[..., Any]:
        async def resolve(root: Any, info: Any, input: Any) -> Payload:  # noqa: A002
            context, raw = context_of(info), info._raw_info
            show = partial(interpreted, context, raw, item)
            if context.repeat is None:
                return await self.carry_out(context, item, input, show)
            key = str(raw.path.key)
            context.repeat.told[key] = await self.carry_out_once(
                context, item, input, key, show, partial(_told_by_core, context, raw)
            )
            return Payload()  # `Repeat.merged` puts what was told in its place

        given = argument(item.input, "What to do.")
        gives = maybe(self._payload(item))
        resolve.__annotations__ = {"root": Any, "info": strawberry.Info, "input": given, "return": gives}
        return resolve

    async def carry_out(self, context: Context, item: Mutation, given: Any, show: Show) -> Payload:
        """Run a mutation once. When this raises, nothing of its last unit of work was written.

        Raises:
            ViewOnly: the actor looks as a role. Others: whatever is no refusal of the action.
        """
        return await self._in_unit(context, item, given, Unit(), show, ready, ready)

    async def carry_out_once(
        self, context: Context, item: Mutation, given: Any, key: str, show: Show, complete: Complete
    ) -> Told:
        """`carry_out` under the request's idempotency key: the answer is made and kept before the commit, or replayed.

        Raises:
            KeyRefused: the key keeps it from running. Others: as `carry_out`.
        """
        repeat = context.repeat
        assert repeat is not None  # noqa: S101  (whoever calls has looked)
        if repeat.refusal is not None:
            raise repeat.refusal
        claim = Claim(repeat, context.actor, key)

        async def kept(payload: Payload) -> Told:
            told = await complete(payload)
            claim.keep(told)
            return told

        async def refused(payload: Payload) -> Told:
            told = await complete(payload)
            await claim.refuse(told)
            return told

        try:
            told = await self._in_unit(context, item, given, Unit(claim), show, kept, refused)
        except Replay as known:
            repeat.replayed.append(key)
            told = known.told
        except KeyRefused as error:
            repeat.refusal = error
            raise
        repeat.ran = True
        return told

    async def _in_unit(
        self,
        context: Context,
        item: Mutation,
        given: Any,
        unit: Unit,
        show: Show,
        done_with: Callable[[Payload], Awaitable[T]],
        refused: Callable[[Payload], Awaitable[T]],
    ) -> T:
        """The one order in which a mutation happens. `done_with` makes the answer before the commit, `refused` that of a
        refusal after what was done is taken back."""
        if context.actor.viewing is not None and not item.viewing:
            raise ViewOnly(item.name)
        context.unit = unit
        reading = False
        try:
            async with unit:
                done = await item.run(context, given)
                if unit.work is not None:
                    await unit.work.session.flush()
                reading = True
                answer = await done_with(Payload(rows=await show(done, unit.work), values=done.values))
                reading = False
        except Refused as error:
            if reading:  # the payload asks for what cannot be, such as a page out of range: no refusal of the action
                raise
            return await refused(Payload(self._refusals(error, context.language)))
        finally:
            context.unit = None
        return answer

    def _refusals(self, error: Refused, language: str) -> list[UserErrorValue]:
        reasons = error.reasons if isinstance(error, AllRefused) else (error,)
        return [self._refusal(one, language) for one in reasons]

    def _refusal(self, error: Refused, language: str) -> UserErrorValue:
        code = error.code if error.code in self.codes else "REFUSED"
        return UserErrorValue(code, self.codes[code].in_language(language), ["input", *error.path])


async def interpreted(
    context: Context, info: "GraphQLResolveInfo[Any]", item: Mutation, done: Done, work: Work | None
) -> dict[str, Any]:
    """Read the changed rows by the interpreter, each alias as it was selected."""
    rows: dict[str, Any] = {}
    if done.store is None:
        return rows
    selection = Selection.of(info, context.entities, done.store.id)
    session = None if work is None else work.session
    for group in selection.below(info.field_nodes, item.payload).values():
        name = group[0].name.value
        if name in item.shows and name in done.ids:
            found = await row(context, info, done.store, item.shows[name], done.ids[name], group, session)
            for node in group:
                rows[node.alias.value if node.alias else name] = found
    return rows


async def _told_by_core(context: Context, info: "GraphQLResolveInfo[Any]", payload: Payload) -> Told:
    """What graphql-core makes of a payload, before it is asked to: the answer is kept with the effect."""
    fragments = {name: FragmentDetails(one, None) for name, one in info.fragments.items()}
    variables = VariableValues({}, dict(info.variable_values))  # type: ignore[arg-type]  # strawberry has a dict
    executor: Executor[Any] = Executor(
        info.schema, info.fragments, fragments, info.root_value, info.context, info.operation, variables,
        default_field_resolver, default_type_resolver, default_field_resolver,
    )  # fmt: skip
    details = [FieldDetails(node, None) for node in info.field_nodes]
    value = await executor.complete_awaitable_value(info.return_type, details, info, info.path, ready(payload), None)
    says = {"language": context.language, "request_id": context.request_id}
    return Told(value, [formatted(error, **says) for error in executor.collected_errors.errors])


async def ready(payload: Payload) -> Payload:
    """A payload to be waited for."""
    return payload


def _value(name: str) -> Callable[[Any, Any], Any]:
    return lambda root, _info: root.values.get(name)
