"""What the product's own fields and mutations need beside the reader: the platform, and units of work for the actor."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from ..domain.work import GroupWork, Platform, Work, open_group_work, open_work
from ..errors import Forbidden, Invalid, NotFound
from ..tenancy.session import ResolvedGroup, ResolvedStore, group_session
from . import ids
from .context import Context, StoreInfo

W = TypeVar("W", Work, GroupWork)


@dataclass(frozen=True, slots=True)
class Services:
    """Put into `Context.extra` by the composition."""

    platform: Platform
    group: ResolvedGroup


def services(context: Context) -> Services:
    """The services of an operation."""
    found = context.extra
    if not isinstance(found, Services):
        raise TypeError("the context was made without services")
    return found


def store_work(context: Context, store: StoreInfo) -> AbstractAsyncContextManager[Work]:
    """One unit of work of the actor in a store: each root mutation field is one, and commits alone.

    In a mutation it commits when the payload was read, or when the mutation opens another unit of work; whatever must
    follow the commit says so by `context.unit.commit()`. An error in the block rolls back at once.
    """
    if not isinstance(store, ResolvedStore):
        raise TypeError("not a resolved store")
    opened = open_work(services(context).platform, store, context.actor, request_id=context.request_id)
    return _held(context, opened, keep=True)


def group_work(context: Context, *, viewing: bool = False) -> AbstractAsyncContextManager[GroupWork]:
    """One unit of work of the actor on the group's control rows; `viewing` also while they look as a role.

    It commits at its end, but under an idempotency key as a store's does: what must follow the commit is for `afterwards`,
    and what a mutation reads for its payload comes from `group_reading`.
    """
    known = services(context)
    opened = open_group_work(known.platform, known.group, context.actor, request_id=context.request_id, viewing=viewing)
    return _held(context, opened, keep=False)


@asynccontextmanager
async def _held(context: Context, opened: AbstractAsyncContextManager[W], *, keep: bool) -> AsyncIterator[W]:
    unit = context.unit
    if unit is not None:
        await unit.commit()
    async with AsyncExitStack() as stack:
        work = await stack.enter_async_context(opened)
        claim = None if unit is None else unit.claim
        if claim is not None:
            await claim.begin(work)
        yield work
        if unit is not None and (keep or claim is not None):
            unit.hold(work, stack.pop_all())


@asynccontextmanager
async def group_reading(context: Context) -> AsyncIterator[Any]:
    """The group's rows to be read: with what the mutation that runs now has changed, also before its commit."""
    held = None if context.unit is None else context.unit.group
    if held is not None:
        await held.session.flush()
        held.session.expire_all()  # rows that actions loaded are as statements have left them
        yield held.session
        return
    known = services(context)
    async with group_session(known.platform.engines, known.group, read_only=True) as session:
        yield session


def afterwards(context: Context, call: Callable[[], None]) -> None:
    """Call when what the mutation did is committed: now, if it is."""
    if context.unit is not None and context.unit.group is not None:
        context.unit.afterwards(call)
    else:
        call()


def require_anywhere(context: Context, permission: str) -> bool:
    """The actor holds the permission for the group, or at one of their stores. True: for the group.

    Raises:
        Forbidden: nowhere.
    """
    if context.actor.can(permission, None):
        return True
    if not any(context.actor.can(permission, store_id) for store_id in context.actor.store_ids()):
        raise Forbidden(f"this needs the permission {permission}", permission=permission)
    return False


@contextmanager
def inside(name: str) -> Iterator[None]:
    """What is wrong in a JSON value of the input is wrong below the field that holds it."""
    try:
        yield
    except Invalid as error:
        raise Invalid(error.message, path=(name, *error.path), **error.data) from error


def named(store: StoreInfo, text: str | None, *types: str) -> UUID | None:
    """The row that an input names beside the store; None when it names none. Errors as `named_row`."""
    return None if text is None else named_row(store, text, *types)


def named_row(store: StoreInfo, text: str, *types: str) -> UUID:
    """The row of a store that an input names beside the store.

    Raises:
        NotFound: malformed, of another type or another store; which of them is not said.
    """
    found = ids.parse(text)
    if found is None or found.type not in types or found.store != store.id:
        raise NotFound("no such id")
    return found.row
