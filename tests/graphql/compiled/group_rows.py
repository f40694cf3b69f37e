"""Rows of a group for every field of Group, Viewer and the benchmark: what `tests.graphql.rows` has, and what jobs would write."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from forecourt.auth.local_model import RecoveryCode, SecondFactor, SignInEvent
from forecourt.auth.model import AccessToken, WebSession
from forecourt.auth.oauth.model import OAuthClientSecret
from forecourt.auth.oidc.model import EmailDomain, IdentityProvider
from forecourt.domain.benchmark.model import (
    BenchmarkRun,
    BenchmarkShare,
    BenchmarkStore,
    MonthClose,
    StoreClose,
    StoreStat,
)
from forecourt.domain.feed import AuditVerification
from forecourt.tenancy.base import ControlTable
from forecourt.tenancy.control import ConfigSetting
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.queue_tables import DeadJobRow
from forecourt.tenancy.session import ResolvedStore
from tests.domain.desk import START
from tests.graphql.compiled.conftest import NOW

_EARLIER = START - timedelta(days=3)
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def fill_group(
    connection: AsyncConnection, group: UUID, stores: list[ResolvedStore], known: dict[str, UUID]
) -> None:
    """Write them as the owner; `known` are the rows of `tests.graphql.rows.group_rows`."""

    async def add(table: type[ControlTable], **values: Any) -> UUID:
        id_ = new_id()
        await connection.execute(insert(table).values(id=id_, **values))
        return id_

    await _account(connection, add, group, known)
    await _control(connection, add, group, stores, known)
    for month, number, state in (("2026-08", 1, "DONE"), ("2026-08", 2, "DONE"), ("2026-09", 1, "RUNNING")):
        close = await add(
            MonthClose,
            group_id=group,
            month=month,
            number=number,
            state=state,
            requested_by="account:1",
            started_at=_EARLIER,
            deadline=START,
            finished_at=START if state == "DONE" else None,
        )
        for store, done in zip(stores, ("DONE", "MISSING"), strict=True):
            await add(
                StoreClose,
                group_id=group,
                close_id=close,
                store_id=store.id,
                state=done if state == "DONE" else "WAITING",
                reason="NO_DATA" if done == "MISSING" else None,
                finished_at=START if state == "DONE" else None,
            )
        if number != 1 or state == "RUNNING":
            for kpi in ("S01", "S02"):
                await _comparison(add, group, stores, close, month, kpi)


async def _comparison(add: Any, group: UUID, stores: list[ResolvedStore], close: UUID, month: str, kpi: str) -> None:
    run = await add(
        BenchmarkRun,
        group_id=group,
        close_id=close,
        month=month,
        kpi=kpi,
        number=1,
        state="PUBLISHED",
        computed=kpi == "S01",
        x=40,
        n=50,
        pooled=0.8,
        tau=0.1 if kpi == "S01" else None,
        phi=1.5,
        report={},
        published_at=START,
    )
    figures = dict.fromkeys(("value", "lo", "hi", "eb", "lo998", "lo95", "hi95", "hi998", "gap"), 0.25)
    for place, store in enumerate(stores, 1):
        full = {**figures, "x": 20, "verdict": "IN", "rank": place, "rank_lo": 1, "rank_hi": 2, "rankable": True}
        line = full if place == 1 or kpi == "S02" else {"missing": "NO_DATA", "suppressed": True}
        await add(BenchmarkStore, group_id=group, run_id=run, store_id=store.id, n=25, **line)
        own = {"n": 25, "value": 0.5, "lo": 0.25, "hi": None, "eb": 0.5, "verdict": "IN", "rank": place}
        own |= {"rank_lo": 1, "rank_hi": 2, "of": 2, "gap": None}
        view = {"computed": True, "stores_with_data": 2, "missing": 0, "distribution": [0.25, 0.5], "withheld": 1}
        await add(
            BenchmarkShare,
            group_id=group,
            run_id=run,
            store_id=store.id,
            month=month,
            kpi=kpi,
            view={**view, "pooled": 0.5, "own": own},
        )
        await add(
            StoreStat,
            group_id=group,
            store_id=store.id,
            month=month,
            kpi=kpi,
            x=20,
            n=25,
            run_id=new_id(),
            run_number=1,
            provisional=kpi == "S02",
            published_at=START,
        )


async def _account(connection: AsyncConnection, add: Any, group: UUID, known: dict[str, UUID]) -> None:
    of = {"account_id": known["Account"], "group_id": group}
    for method, outcome in (("PASSWORD", "SUCCEEDED"), ("PROVIDER", "REFUSED"), ("PASSWORD", "WRONG_CODE")):
        await add(
            SignInEvent, **of, at=_EARLIER, method=method, outcome=outcome, address="192.0.2.1", user_agent=_AGENT
        )
    await add(SecondFactor, **of, seed_enc=b"\0", created_at=_EARLIER, confirmed_at=START)
    for number in range(3):
        await add(RecoveryCode, **of, code_hash=group.bytes + bytes([number] * 16), created_at=_EARLIER)
    await connection.execute(
        update(WebSession)
        .where(WebSession.account_id == known["Account"])
        .values(address="192.0.2.1", user_agent=_AGENT)
    )
    await connection.execute(
        update(AccessToken).where(AccessToken.id == known["AccessToken"]).values(last_used_at=START)
    )


async def _control(
    connection: AsyncConnection, add: Any, group: UUID, stores: list[ResolvedStore], known: dict[str, UUID]
) -> None:
    for key, store, locked in (("period.freeze", None, True), ("care.windows", stores[0].id, False)):
        await add(
            ConfigSetting,
            group_id=group,
            store_id=store,
            key=key,
            value={"value": 3},
            locked=locked,
            valid_from=date(2026, 9, 1),
            valid_to=date(2026, 12, 1) if store else None,
            created_by="account:1",
        )
    for store, replayed in ((stores[0].id, None), (None, START)):
        await add(
            DeadJobRow,
            job_id=new_id(),
            group_id=group,
            store_id=store,
            queue="default",
            actor="evaluate_month",
            args={},
            attempts=3,
            error="Unavailable",
            created_at=_EARLIER,
            died_at=START,
            replayed_at=replayed,
        )
    for store, faults in ((stores[0].id, []), (None, [{"kind": "HASH", "seq": 3, "detail": "x"}])):
        await add(
            AuditVerification,
            group_id=group,
            store_id=store,
            at=NOW,
            rows=7,
            last_seq=7,
            first_bad=3 if faults else None,
            fault_count=len(faults),
            faults=faults,
        )
    proposed = {"name": "Corp 2", "scopes": ["openid"], "claim_names": {}, "role_rules": [], "creates_accounts": False}
    await connection.execute(
        update(IdentityProvider)
        .where(IdentityProvider.id == known["IdentityProvider"])
        .values(state="ACTIVE", activated_by="account:1", activated_at=START, proposal=proposed)
    )
    await connection.execute(
        update(EmailDomain)
        .where(EmailDomain.id == known["EmailDomain"])
        .values(confirmed_at=START, domain=f"{group.hex}.example")
    )
    await connection.execute(
        update(OAuthClientSecret).where(OAuthClientSecret.client_id == known["OAuthClient"]).values(last_used_at=START)
    )
