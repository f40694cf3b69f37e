"""Putting a process together: settings → server → engines → platform. Used by the command line, the API and workers."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from .auth.oauth.access import Issuer
from .auth.oauth.keys import NO_GROUP, PURPOSE, KeyRing
from .auth.oauth.service import AuthorizationService
from .auth.password_list import LISTED
from .domain import tables
from .domain.evaluation.schemes import install_seed_schemes
from .domain.surveys.publishing import install_seed_templates
from .domain.work import GroupWork, Platform
from .errors import Unavailable
from .jobs import accounts, audit, care, changes, evaluation, idempotency, interchange, oauth, rounds, surveys
from .jobs.broker import PostgresBroker, make_broker
from .jobs.context import JobContext
from .jobs.middleware import JobMetrics, job_middleware
from .outgoing import Outgoing
from .settings import Settings
from .tenancy import embedded
from .tenancy.bootstrap import bootstrap, require_hardening
from .tenancy.directory import check_tenant
from .tenancy.engines import Engines
from .tenancy.migrate import Outcome, is_current, migrate
from .tenancy.names import CONTROL
from .tenancy.schedule import put_schedule
from .tenancy.security import check_hardening
from .tenancy.server import Server, open_server
from .tenancy.session import control_session

FEATURES = (accounts, audit, care, changes, evaluation, idempotency, interchange, oauth, rounds, surveys)
assert tables.MODULES  # noqa: S101  (imported so that the metadata is whole)


def without_owner(server: Server) -> Server:
    """The server as API and workers may know it: neither the owner's password nor the administrator's."""
    secrets = dataclasses.replace(server.secrets, owner_password=None)
    return dataclasses.replace(server, secrets=secrets, administrator=None)


@contextmanager
def running_server(settings: Settings) -> Iterator[Server]:
    """The server for one command: an embedded one that was not running is started, and stopped again at the end."""
    ran_before = settings.database_url is not None or embedded.status(settings.home) is not None
    server = open_server(settings)
    try:
        yield server
    finally:
        if not ran_before:
            embedded.stop(settings.home)


def prepare(server: Server, settings: Settings) -> Outcome:
    """Bootstrap where an administrator is known, and migrate everything to the newest revision, unless it is there."""
    if is_current(server):
        return Outcome()
    if server.administrator is not None:
        require_hardening(bootstrap(server), settings.hardening)
    return migrate(server)


def check_start(server: Server, settings: Settings) -> None:
    """What every long-running process checks before it serves: the server is hardened, or its operator accepted less.

    Raises:
        Misconfigured, Unavailable.
    """
    try:
        with psycopg.connect(server.conninfo(CONTROL), autocommit=True, connect_timeout=5) as connection:
            found = check_hardening(connection)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached, or is not bootstrapped yet: {error}") from error
    require_hardening(found, settings.hardening)


@asynccontextmanager
async def open_platform(server: Server, settings: Settings, *, application: str) -> AsyncIterator[Platform]:
    """Connections of one process, closed at the end; its list of refused passwords is read."""
    if settings.password_list is not None:
        LISTED.read(settings.password_list)
    engines = Engines(server, settings, application=application)
    try:
        async with Outgoing(allow_loopback=settings.outgoing_loopback) as outgoing:
            yield Platform(engines, outgoing=outgoing)
    finally:
        await engines.aclose()


def authorization_service(platform: Platform) -> AuthorizationService:
    """The authorization server of this process: who programs are, and the tokens they get."""
    return AuthorizationService(
        partial(control_session, platform.engines),
        issuer=Issuer.at(platform.settings.public_url),
        ring=KeyRing(platform.sealer(NO_GROUP, PURPOSE)),
        fetch_keys=platform.outgoing.get_json,
        clock=platform.clock,
    )


def tenant_check(pool: "ConnectionPool[psycopg.Connection[tuple[object, ...]]]") -> Callable[[UUID, UUID | None], None]:
    """Whether a message's group and store exist, belong together and may be worked for (`middleware.Resolve`)."""

    def resolve(group_id: UUID, store_id: UUID | None) -> None:
        try:
            with pool.connection() as connection:
                check_tenant(connection, group_id, store_id)
        except psycopg.OperationalError as error:
            raise Unavailable("the database cannot be reached") from error

    return resolve


@contextmanager
def worker_broker(server: Server, settings: Settings) -> Iterator[tuple[PostgresBroker, JobMetrics]]:
    """A broker with every middleware a worker has."""
    metrics = JobMetrics()
    pool: ConnectionPool[psycopg.Connection[tuple[object, ...]]] = ConnectionPool(
        server.conninfo(CONTROL), min_size=0, max_size=2, open=True, kwargs={"autocommit": True}, name="tenants"
    )
    with pool:
        middleware = job_middleware(tenant_check(pool), metrics=metrics)
        yield make_broker(settings, server.conninfo(CONTROL), middleware=middleware), metrics


def register_jobs(platform: Platform) -> Callable[[PostgresBroker], None]:
    """Declares every actor of every feature on a broker."""

    def register(broker: PostgresBroker) -> None:
        context = JobContext(platform)
        for feature in FEATURES:
            feature.register(broker, context)

    return register


async def settle_group(work: GroupWork) -> None:
    """Give a new group what every group begins with: shipped schemes and questionnaires, and its schedules."""
    await install_seed_schemes(work)
    await install_seed_templates(work)
    for feature in (rounds, accounts, audit, changes, idempotency):
        schedule = feature.schedule_of(work.group)
        await put_schedule(work.session, schedule, now=work.now)
