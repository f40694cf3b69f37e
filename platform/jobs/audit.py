"""Jobs of the audit: every day each chain of a group is anchored and checked; after a month's close it is anchored again."""

from datetime import time
from uuid import UUID

from ..domain.audit import actions
from ..domain.audit.verify import heads, verify_group, verify_store
from ..telemetry import AUDIT_CHECKS, logger
from ..tenancy.schedule import Schedule
from ..tenancy.schedule_rules import Daily
from ..tenancy.session import ResolvedGroup
from .broker import PostgresBroker
from .context import JobContext, declare

DAILY = "audit.daily"
#: At night, local time of the group.
AT = time(3, 30)
log = logger("forecourt.audit")


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors."""

    async def daily(*, group_id: str, due: str | None = None) -> None:
        found, silent = await heads(context.platform, await context.group(group_id))
        async with context.group_work(group_id) as work:
            if work is None:
                return
            await actions.anchor(work, found)
            for head in found:
                chain = str(head.store_id or work.group.id)
                work.enqueue("audit.verify", chain=chain, dedupe_key=f"audit:verify:{chain}")
        for store in silent:
            log.warning("a store could not be anchored", store=str(store.id))
        # The log leaves this machine: an anchor that is out of reach of whoever owns the database.
        for head in found:
            chain = str(head.store_id or group_id)
            log.info("anchor of an audit chain", chain=chain, seq=head.seq, hash=head.hash.hex())

    async def anchor(*, group_id: str) -> None:
        found, _ = await heads(context.platform, await context.group(group_id))
        async with context.group_work(group_id) as work:
            if work is not None:
                await actions.anchor(work, found)

    async def verify(*, group_id: str, chain: str) -> None:
        """A job of the group, not of the store: stores that are suspended or archived are checked as well."""
        group = await context.group(group_id)
        if UUID(chain) == group.id:
            verified = await verify_group(context.platform, group)
        else:
            verified = await verify_store(context.platform, group, await context.store(group_id, chain))
        async with context.group_work(group_id) as work:
            if work is None:
                return
            await actions.record_verification(work, verified)
        AUDIT_CHECKS.labels("ok" if verified.ok else "broken").inc()
        if not verified.ok:
            log.error("an audit chain is broken", chain=chain, faults=verified.fault_count, first=verified.first_bad)

    declare(broker, DAILY, daily)
    declare(broker, "audit.anchor", anchor)
    declare(broker, "audit.verify", verify)


def schedule_of(group: ResolvedGroup) -> Schedule:
    """The schedule that the composition puts for each group."""
    return Schedule(name=DAILY, actor=DAILY, rule=Daily(AT), group_id=group.id, time_zone=group.time_zone)
