"""What the composition hands to the staff pages. The doors are blind to one another, so GraphQL arrives as a callable."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from ..auth.actor import Actor
from ..auth.steps import OpenedStep
from ..auth.web_sessions import OpenedSession, SignInBy, VerifiedSession


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a browser goes on to: an address of an identity provider, and what the provider is called.

    `state` comes back with the browser.
    """

    url: str
    name: str
    state: str = ""


class WebDesk(Protocol):
    """Everything that a staff page needs from below and beside. Each method opens and ends its own transactions."""

    async def sign_in(self, *, name: str, password: str, by: SignInBy) -> OpenedSession | OpenedStep:
        """A new web session for whoever knows this password (`auth.sign_in.sign_in`, then `web_sessions.open_session`).

        A step where a second factor is to come. ``by`` says which browser it is; its address is the client's as the
        server knows it.

        Raises:
            Unauthenticated: name or password is wrong, never which.
            Throttled: too many failures.
        """
        ...

    async def sign_out(self, cookie: str) -> None:
        """End the session of this cookie value, if there is one."""
        ...

    async def leave(self, cookie: str, *, language: str) -> Onward | None:
        """`sign_out`, and where to go on to when the session began at an identity provider that can end it there, too."""
        ...

    async def identify(self, cookie: str) -> tuple[Actor, VerifiedSession]:
        """Who sends this cookie value, and the session with its form token (`auth.identify.identify_session`).

        Raises:
            Unauthenticated: the session is not valid.
        """
        ...

    async def execute(
        self, name: str, document: str, variables: Mapping[str, Any], actor: Actor, *, language: str
    ) -> Mapping[str, Any]:
        """Run the operation ``name`` of a stored document as this actor, in process.

        Gives ``{"data": …, "errors": […]}`` as GraphQL has it.

        Errors carry ``extensions.code``. Messages and user errors are in ``language`` (``zh-CN`` or ``en``).
        """
        ...

    def follow(
        self, name: str, document: str, variables: Mapping[str, Any], cookie: str, *, language: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Follow the subscription ``name`` of a stored document as whoever holds this session.

        Gives what `execute` gives, for each event; before each it is looked whether the session is still valid.

        Raises:
            Unauthenticated: the session has ended.
            Throttled: this person follows too much already.
        """
        ...

    def global_id(self, kind: str, store_id: UUID, row_id: UUID) -> str:
        """The API's id of a row, such as an Employee (`graphql.ids.GlobalId`)."""
        ...
