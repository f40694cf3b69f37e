"""Connection pools, one small one per login. A group's pool is closed when many other groups were used since."""

from collections import OrderedDict
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..settings import Settings
from .lanes import Lanes
from .names import CONTROL, OWNER, TENANT_PLACEHOLDER, checked, group_login, group_reader
from .server import Server

POOL_TIMEOUT = 5.0  # seconds a request waits for a free connection before the store counts as unavailable


class Engines:
    """Engines of one process, made on first use. Belongs to one event loop; close it with `aclose`.

    Every connection has an empty search_path, so a table without its schema is an error, never somebody else's table.
    """

    def __init__(
        self, server: Server, settings: Settings, *, application: str = "forecourt", max_groups: int = 40
    ) -> None:
        self.server = server
        self.settings = settings
        self._application = application
        self._max_logins = 2 * max_groups
        self._engines: OrderedDict[str, AsyncEngine] = OrderedDict()
        self._stores: dict[str, dict[str, AsyncEngine]] = {}
        self._lanes: OrderedDict[str, Lanes] = OrderedDict()

    def control(self) -> AsyncEngine:
        """For what happens before the group is known: sign-in, token look-up, scheduler, queue leases."""
        return self._engine(CONTROL)

    def group(self, group_id: UUID) -> AsyncEngine:
        """For units of work of one group and its stores."""
        return self._engine(group_login(group_id))

    def reader(self, group_id: UUID) -> AsyncEngine:
        """For reads of one group and its stores: repeatable read, read only."""
        return self._engine(group_reader(group_id))

    def store(self, group_id: UUID, schema: str, *, read_only: bool) -> AsyncEngine:
        """The group's pool, with the tables' placeholder schema translated to one store's. Kept for next time."""
        engine = self.reader(group_id) if read_only else self.group(group_id)
        login = group_reader(group_id) if read_only else group_login(group_id)
        known = self._stores.setdefault(login, {})
        if schema not in known:
            known[schema] = engine.execution_options(schema_translate_map={TENANT_PLACEHOLDER: checked(schema)})
        return known[schema]

    def lanes(self, group_id: UUID) -> Lanes:
        """For compiled reads of one group's stores: as `reader`, each in one round trip."""
        login = group_reader(group_id)
        found = self._lanes.get(login)
        if found is None:
            parameters = {**self.server.parameters(login), **self._arguments()}
            if "options" in parameters:
                # A plan is made once, not five times for as many values and then once more. What a list shows is small beside
                # its table and mostly in memory: 4, the default for disks, reads whole tables in place of fifty index entries.
                parameters["options"] += " -c plan_cache_mode=force_generic_plan -c random_page_cost=1.1 -c jit=off"
            found = self._lanes[login] = Lanes(parameters, self.settings.pool_size, POOL_TIMEOUT)
        self._lanes.move_to_end(login)
        return found

    def owner(self) -> AsyncEngine:
        """For administration.

        Raises:
            Misconfigured: this process was not given the owner's password, as API and workers never are.
        """
        return self._engine(OWNER)

    @property
    def crowded(self) -> bool:
        """More pools are open than should be, so `trim` has something to do."""
        return len(self._lanes) > self._max_logins // 2 or len(self._engines) > self._max_logins

    async def trim(self) -> None:
        """Close the pools that were not used for longest, while too many are open. Pools in use stay."""
        spare = len(self._lanes) - self._max_logins // 2
        for login in list(self._lanes)[: max(spare, 0)]:
            if not self._lanes[login].busy:
                await self._lanes.pop(login).aclose()
        excess = len(self._engines) - self._max_logins
        for login in [name for name in self._engines if name not in (CONTROL, OWNER)]:
            if excess <= 0:
                return
            if self._engines[login].pool.checkedout() == 0:  # type: ignore[attr-defined]  # a QueuePool
                excess -= 1
                self._stores.pop(login, None)
                await self._engines.pop(login).dispose()

    async def aclose(self) -> None:
        """Close every connection."""
        self._stores.clear()
        while self._lanes:
            await self._lanes.popitem()[1].aclose()
        while self._engines:
            await self._engines.popitem()[1].dispose()

    def _engine(self, login: str) -> AsyncEngine:
        engine = self._engines.get(login)
        if engine is None:
            engine = self._engines[login] = self._make(login)
        self._engines.move_to_end(login)
        return engine

    def _make(self, login: str) -> AsyncEngine:
        return create_async_engine(
            self.server.url(login),
            connect_args=self._arguments(),
            pool_reset_on_return=None,  # a transaction ends before its connection is given back (`transaction`)
            pool_size=self.settings.pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT,
            pool_recycle=1800,
            use_native_hstore=False,
        )

    def _arguments(self) -> dict[str, Any]:
        """What every connection is opened with."""
        arguments: dict[str, Any] = {"application_name": self._application, "connect_timeout": 5}
        if self.settings.transaction_pooling:
            # A pooler hands each transaction to another connection, and refuses start-up options:
            # no prepared statements, and the time limits that bootstrap and provisioning set on the roles.
            arguments["prepare_threshold"] = None
        else:
            limit = self.settings.statement_timeout_ms
            arguments["options"] = (
                f"-c search_path= -c statement_timeout={limit} -c lock_timeout={max(limit // 3, 100)}"
            )
        return arguments
