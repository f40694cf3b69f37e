"""From proposed results to published ones: who may decide, what a reversal restores, what a restatement keeps."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor
from forecourt.clock import SetClock
from forecourt.domain.evaluation import actions
from forecourt.domain.evaluation.model import Appeal, EvaluationRun
from forecourt.domain.evaluation.schemes import install_seed_schemes
from forecourt.domain.work import Platform
from forecourt.errors import Forbidden, NotFound, Refused, StaleVersion, WrongState
from forecourt.tenancy.engines import Engines
from tests.conftest import World
from tests.shop import LATER, Shop, group_work, harmony_files

pytestmark = pytest.mark.anyio

MONTH = "2026-09"


@pytest.fixture
async def shop(world: World, engines: Engines) -> AsyncIterator[Shop]:
    """A store with the data of HX01."""
    world.truncate("b2")
    shop = Shop(world.server, Platform(engines, SetClock(LATER)), world.stores["b2"])
    async with group_work(engines, world.groups["b"]) as work:
        await install_seed_schemes(work)
    await shop.bring(harmony_files("HX01"))
    yield shop


def manager(shop: Shop, key: str = "account:gm", *employees: UUID) -> Actor:
    return shop.person("STORE_GM", *employees, key=key)


async def close(shop: Shop) -> EvaluationRun:
    async with shop.work() as work:
        return await actions.evaluate_month(work, MONTH)


async def approve(shop: Shop, run: EvaluationRun, actor: Actor | None = None, **options: Any) -> EvaluationRun:
    async with shop.work(actor or manager(shop)) as work:
        return await actions.approve_run(work, run.id, **options)


async def publish(shop: Shop, run: EvaluationRun, **options: Any) -> EvaluationRun:
    async with shop.work(manager(shop)) as work:
        return await actions.publish_run(work, run.id, **options)


async def published(shop: Shop) -> EvaluationRun:
    run = await close(shop)
    await approve(shop, run)
    return await publish(shop, run)


async def appeal(shop: Shop, entry_id: UUID, employee_id: UUID, text: str = "客户说的不是我") -> Appeal:
    async with shop.work(shop.person("SALES_CONSULTANT", employee_id, key=f"account:{employee_id}")) as work:
        return await actions.file_appeal(work, entry_id, text=text)


async def decide(shop: Shop, filed: Appeal, *, uphold: bool, actor: Actor | None = None, **options: Any) -> Appeal:
    async with shop.work(actor or manager(shop, "account:second")) as work:
        return await actions.decide_appeal(work, filed.id, uphold=uphold, **{"reason": "录音为证"} | options)


def joint_pair(shop: Shop, run: EvaluationRun) -> tuple[Any, Any]:
    """(id, employee, card's total, verdict, points) of a complaint's entry and of the supervisor's that it led to."""
    query = """select e.id, e.employee_id, c.total, c.verdict, c.ledger_points from {s}.ledger_entry e
               join {s}.scorecard c on c.run_id = e.run_id and c.scheme = e.scheme and c.employee_id = e.employee_id
               where e.run_id = %s and e.cause = %s and (%s::uuid is null or e.parent_id = %s) order by e.id limit 1"""
    parents = "select parent_id from {s}.ledger_entry where run_id = %s and cause = 'JOINT' order by id limit 1"
    parent = shop.one(parents, run.id)
    child = shop.sql(query, run.id, "JOINT", parent, parent)[0]
    direct = shop.sql(query.replace("e.parent_id = %s", "e.id = %s"), run.id, "DIRECT", parent, parent)[0]
    return direct, child


def card(shop: Shop, run_id: UUID, employee_id: UUID) -> tuple[Any, ...]:
    query = "select total, verdict, ledger_points from {s}.scorecard where run_id = %s and employee_id = %s and scheme = 'SALES-2H'"
    return shop.sql(query, run_id, employee_id)[0]


def states(shop: Shop, run_id: UUID) -> dict[tuple[str, str], int]:
    rows = shop.sql("select cause, state, count(*) from {s}.ledger_entry where run_id = %s group by 1, 2", run_id)
    return {(cause, state): count for cause, state, count in rows}


async def test_approval_posts_the_entries_and_publication_follows(shop: Shop) -> None:
    run = await close(shop)
    proposed = states(shop, run.id)
    assert {state for _, state in proposed} == {"PROPOSED"}
    with pytest.raises(WrongState):
        await publish(shop, run)
    with pytest.raises(StaleVersion):
        await approve(shop, run, expected_version=run.version + 1)
    approved = await approve(shop, run, expected_version=run.version)
    assert (approved.state, approved.approved_by) == ("APPROVED", "account:gm")
    assert states(shop, run.id) == {(cause, "POSTED"): count for (cause, _), count in proposed.items()}
    with pytest.raises(WrongState):
        await approve(shop, run)
    assert (await publish(shop, run)).state == "PUBLISHED"
    audits = shop.sql("select action from {s}.audit_event where entity_id = %s order by id", run.id)
    assert [action for (action,) in audits] == ["evaluation.calculate", "evaluation.approve", "evaluation.publish"]
    feed = shop.sql("select event from {s}.change_event where entity_id = %s order by id", run.id)
    assert [event for (event,) in feed] == ["EvaluationCalculated", "EvaluationApproved", "EvaluationPublished"]


async def test_nobody_judged_no_machine_and_nobody_without_the_right_approves(shop: Shop) -> None:
    run = await close(shop)
    judged = shop.one("select employee_id from {s}.scorecard where run_id = %s limit 1", run.id)
    with pytest.raises(Refused) as refused:
        await approve(shop, run, manager(shop, "account:judge", judged))
    assert refused.value.code == "OWN_RESULT"
    with pytest.raises(Forbidden):
        await approve(shop, run, Actor.for_system("nightly", shop.store.group_id))
    with pytest.raises(Forbidden):
        await approve(shop, run, shop.person("SALES_MANAGER"))
    with pytest.raises(NotFound):
        await approve(shop, run, Actor("account:stranger", "x", shop.store.group_id))
    assert shop.one("select state from {s}.evaluation_run") == "REVIEW"


async def test_a_provisional_run_is_not_approved(shop: Shop) -> None:
    early = shop.at(LATER.replace(year=2026, day=1))
    run = await close(early)
    with pytest.raises(Refused) as refused:
        await approve(early, run)
    assert refused.value.code == "PROVISIONAL"


async def test_an_upheld_appeal_restores_the_card_and_the_supervisors(shop: Shop) -> None:
    run = await published(shop)
    direct, child = joint_pair(shop, run)
    before = [card(shop, run.id, person) for person in (direct[1], child[1])]
    filed = await appeal(shop, direct[0], direct[1])
    with pytest.raises(Refused) as again:
        await appeal(shop, direct[0], direct[1])
    assert again.value.code == "ALREADY_APPEALED"
    decided = await decide(shop, filed, uphold=True)
    assert (decided.state, decided.decided_by) == ("UPHELD", "account:second")
    for person, (total, _, points) in zip((direct[1], child[1]), before, strict=True):
        new_total, verdict, new_points = card(shop, run.id, person)
        assert new_points == points + 1
        if total is not None:
            assert total <= new_total <= total + 1
            assert verdict == ("PASS" if new_total >= 80 else "FAIL")
    reversed_ = shop.sql("select points, cause, reverses_id from {s}.ledger_entry where cause = 'REVERSAL' order by id")
    assert sorted(reversed_) == sorted([(Decimal(1), "REVERSAL", direct[0]), (Decimal(1), "REVERSAL", child[0])])
    with pytest.raises(WrongState):
        await decide(shop, filed, uphold=False)


async def test_a_verdict_flips_when_the_points_come_back(shop: Shop) -> None:
    run = await published(shop)
    direct, _ = joint_pair(shop, run)
    # Exactly 80 without the deductions; one point less is a FAIL.
    shop.sql(
        """update {s}.scorecard set score = '80', ledger_points = -1, total = 79, verdict = 'FAIL'
           where run_id = %s and scheme = 'SALES-2H' and employee_id = %s""",
        run.id,
        direct[1],
    )
    await decide(shop, await appeal(shop, direct[0], direct[1]), uphold=True)
    assert card(shop, run.id, direct[1]) == (Decimal(80), "PASS", Decimal(0))


async def test_an_appeal_of_the_supervisor_and_then_of_the_accused_reverses_once(shop: Shop) -> None:
    run = await published(shop)
    direct, child = joint_pair(shop, run)
    of_child, of_direct = await appeal(shop, child[0], child[1]), await appeal(shop, direct[0], direct[1])
    await decide(shop, of_direct, uphold=True)
    points = card(shop, run.id, child[1])[2]
    assert (await decide(shop, of_child, uphold=True)).state == "UPHELD"
    assert card(shop, run.id, child[1])[2] == points
    assert shop.one("select count(*) from {s}.ledger_entry where cause = 'REVERSAL'") == 2


async def test_who_may_not_decide_an_appeal(shop: Shop) -> None:
    run = await published(shop)
    direct, _ = joint_pair(shop, run)
    filed = await appeal(shop, direct[0], direct[1])
    accused = manager(shop, "account:other", direct[1])
    filer = manager(shop, f"account:{direct[1]}")
    for actor in (manager(shop), accused, filer):
        with pytest.raises(Refused) as refused:
            await decide(shop, filed, uphold=False, actor=actor)
        assert refused.value.code == "SAME_PERSON"
    with pytest.raises(Refused) as empty:
        await decide(shop, filed, uphold=False, reason=" ")
    assert empty.value.code == "EMPTY_TEXT"
    with pytest.raises(StaleVersion):
        await decide(shop, filed, uphold=False, expected_version=7)
    with pytest.raises(Forbidden):
        await decide(shop, filed, uphold=False, actor=shop.person("SALES_MANAGER"))
    before = card(shop, run.id, direct[1])
    assert (await decide(shop, filed, uphold=False)).state == "DENIED"
    assert card(shop, run.id, direct[1]) == before


async def test_what_cannot_be_appealed(shop: Shop) -> None:
    run = await close(shop)
    direct, child = joint_pair(shop, run)
    with pytest.raises(WrongState):
        await appeal(shop, direct[0], direct[1])
    await approve(shop, run)
    await publish(shop, run)
    with pytest.raises(NotFound):
        await appeal(shop, direct[0], child[1])
    with pytest.raises(Refused):
        await appeal(shop, direct[0], direct[1], text="  ")
    await decide(shop, await appeal(shop, direct[0], direct[1]), uphold=True)
    opposite = shop.one("select id from {s}.ledger_entry where reverses_id = %s", direct[0])
    for entry_id in (direct[0], opposite):
        with pytest.raises(WrongState):
            await appeal(shop, entry_id, direct[1])


async def restated(shop: Shop) -> EvaluationRun:
    """A restatement after late data that have nothing to do with complaints."""
    shop.sql(
        """update {s}.sales_order set form_complete = false where id = (select id from {s}.sales_order
           where form_complete and cancelled_at is null and delivered_at >= '2026-09-02' and delivered_at < '2026-09-28'
           order by order_no limit 1)"""
    )
    return await close(shop)


async def test_the_published_run_stays_until_the_restated_one_is_published(shop: Shop) -> None:
    first = await published(shop)
    second = await restated(shop)
    assert (second.number, second.state) == (2, "REVIEW")
    by_number = "select state from {s}.evaluation_run order by number"
    assert shop.sql(by_number) == [("PUBLISHED",), ("REVIEW",)]
    await approve(shop, second)
    assert shop.sql(by_number) == [("PUBLISHED",), ("APPROVED",)]
    await publish(shop, second)
    assert shop.sql(by_number) == [("SUPERSEDED",), ("PUBLISHED",)]
    with pytest.raises(WrongState):
        await publish(shop, first)


async def test_a_restatement_does_not_punish_again_what_an_appeal_took_back(shop: Shop) -> None:
    first = await published(shop)
    direct, child = joint_pair(shop, first)
    await decide(shop, await appeal(shop, direct[0], direct[1]), uphold=True)
    wanted = [card(shop, first.id, person)[2] for person in (direct[1], child[1])]
    second = await restated(shop)
    report = dict(second.report)
    await approve(shop, second)
    again = [card(shop, second.id, person)[2] for person in (direct[1], child[1])]
    late = shop.sql("select employee_id from {s}.ledger_entry where run_id = %s and rule = 'D-Q'", second.id)
    early = shop.sql("select employee_id from {s}.ledger_entry where run_id = %s and rule = 'D-Q'", first.id)
    extra = [late.count((person,)) - early.count((person,)) for person in (direct[1], child[1])]
    assert again == [points - more for points, more in zip(wanted, extra, strict=True)]
    assert shop.sql("select report from {s}.evaluation_run where id = %s", second.id)[0][0] == report


async def test_an_appeal_decided_after_the_restatement_holds_there_too(shop: Shop) -> None:
    first = await published(shop)
    direct, _ = joint_pair(shop, first)
    filed = await appeal(shop, direct[0], direct[1])
    second = await restated(shop)
    await approve(shop, second)
    await publish(shop, second)
    points = card(shop, second.id, direct[1])[2]
    await decide(shop, filed, uphold=True)
    assert card(shop, second.id, direct[1])[2] == points + 1
    assert states(shop, second.id)[("REVERSAL", "POSTED")] == 2


async def test_the_ledger_holds_an_entry_once(shop: Shop) -> None:
    await published(shop)
    twice = """select scheme, rule, evidence_key, employee_id from {s}.ledger_entry
               group by run_id, 1, 2, 3, 4, cause having count(*) > 1"""
    assert shop.sql(twice) == []
