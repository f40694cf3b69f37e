"""Which identity providers somebody may sign in at, before anybody is known: the desk of `entry` over the real platform."""

from collections.abc import Callable

from ..auth.oidc.providers import WayIn, way_of_domain, ways_into
from ..auth.oidc.settings_rules import domain_of
from ..domain.work import Platform
from ..tenancy.session import control_session

_LONGEST_CODE = 100


class EntryDesk:
    """`platform` is asked for at each request, because it exists only while the application runs."""

    def __init__(self, platform: Callable[[], Platform]) -> None:
        self._platform = platform

    async def ways_into(self, group_code: str) -> list[WayIn]:
        """The active providers of a group; none also when there is no such group."""
        if len(group_code) > _LONGEST_CODE or not group_code.isprintable():
            return []
        async with control_session(self._platform().engines) as session:
            return await ways_into(session, group_code)

    async def way_of(self, email: str) -> WayIn | None:
        """Where people with addresses of this domain sign in. Only the domain is looked at: no account is looked for."""
        domain = domain_of(email)
        if domain is None:
            return None
        async with control_session(self._platform().engines) as session:
            return await way_of_domain(session, domain)
