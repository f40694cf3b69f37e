"""Every mutation in both engines, from the same state: the same answer, and the same rows, events, jobs and audit."""

import io
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.datastructures import UploadFile

from forecourt.auth.actor import Actor
from forecourt.domain.care.model import Call
from forecourt.domain.complaints.model import Complaint
from forecourt.domain.evaluation.model import EvaluationRun, LedgerEntry
from forecourt.domain.surveys.actions import plan_purchase_survey
from forecourt.domain.surveys.model import Response
from forecourt.graphql.compiled import mutate
from forecourt.graphql.idempotency import Repeat
from forecourt.graphql.mutation import Mutation
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.desk import START, Desk, make_desk
from tests.domain.surveys.test_answering import FORM
from tests.graphql.compiled.rehearsal import ENGINES, PayloadMaker, Rehearsal, rehearsals, timeless
from tests.graphql.live import LiveApi
from tests.graphql.operations import MUTATIONS, STORE, Samples
from tests.graphql.rows import group_rows, store_rows

pytestmark = pytest.mark.anyio

LATER, AT = "2026-09-07T01:00:00Z", "2026-09-01T02:00:00Z"
_OF = {"customerNo": "C1", "vin": "V0000000000000003"}
#: A record of each kind about what `store_rows` makes.
RECORDS: Mapping[str, Mapping[str, Any]] = {
    "upsertAttendance": {"employeeNo": "E4", "workDate": "2026-09-01", "hours": "8"},
    "upsertCalls": {
        "callNo": "D1", "kind": "DELIVERY_CALL", "orderNo": "SO2", "callerNo": "E0", "startedAt": AT, "connected": True,
    },
    "upsertCustomers": {"customerNo": "D1", "type": "PERSON", "name": "李雷", "phone": "13912345678"},
    "upsertLabourLines": {
        "roNo": "RO4", "lineNo": 1, "technicianNo": "E4", "workDate": "2026-09-01", "hoursWorked": "1.5", "hoursSold": "2",
        "amount": "100.00", "cost": "50",
    },
    "upsertPartLines": {
        "roNo": "RO4", "lineNo": 1, "partNo": "P1", "quantity": "2", "neededAt": AT, "amount": "10", "cost": "5",
    },
    "upsertRepairOrders": {**_OF, "roNo": "D1", "advisorNo": "E4", "type": "REPAIR", "openedAt": AT},
    "upsertSalesOrders": {**_OF, "orderNo": "D1", "consultantNo": "E0", "signedAt": AT},
    "upsertVehicles": {"vin": "1M8GDM9AXKP042788", "customerNo": "C1"},
}  # fmt: skip


@dataclass
class Case:
    """One mutation that succeeds: who runs it, with what."""

    actor: Actor
    name: str
    given: Mapping[str, Any]


@dataclass
class Shop:
    """Store a1 with a row of every kind, and what succeeds there."""

    live: LiveApi
    desk: Desk
    rows: dict[str, UUID]
    cases: list[Case] = field(default_factory=list)

    def id(self, type_: str) -> str:
        return self.live.id(type_, self.rows[type_])

    @property
    def closable(self) -> str:
        """A complaint that was ruled on."""
        return self.live.id("Complaint", self.rows["Closable"])

    async def fill(self) -> None:
        """Rows in the states that rulings, approvals and appeals need; then the cases."""
        planned = await self._planned()
        ruled, review, approved, posted, closable, proof = (new_id() for _ in range(6))
        digest = b"\0" * 32
        judged = Response(
            id=ruled, invitation_id=planned, mode="SMS", submitted_at=START, q_overall=2, integrity="QUARANTINED"
        )
        judged.integrity_by = "account:somebody"
        await self.desk.add(judged)
        await self.desk.add(
            Complaint(
                id=closable,
                complaint_no="L-2",
                record="COMPLAINT",
                area="SALES",
                kind="SERVICE",
                customer_id=self.rows["Customer"],
                received_at=START,
                acknowledged_at=START,
                validity="VALID",
                validity_decided_at=START,
                status="OPEN",
            )
        )
        self.rows["Closable"] = closable
        await self.desk.add(
            Call(
                id=proof,
                call_no="L-2",
                kind="DELIVERY_CALL",
                order_id=self.rows["SalesOrder"],
                caller_id=self.desk.people["consultant"],
                started_at=START + timedelta(hours=1),
                connected=True,
                result="OK",
            )
        )
        self.rows["Proof"] = proof
        for id_, number, state in ((review, 2, "REVIEW"), (approved, 3, "APPROVED")):
            await self.desk.add(
                EvaluationRun(
                    id=id_,
                    month="2026-08",
                    number=number,
                    state=state,
                    provisional=False,
                    as_of=START,
                    frozen_at=START,
                    inputs_hash=digest,
                    result_hash=digest,
                    report={},
                )
            )
        await self.desk.add(
            LedgerEntry(
                id=posted,
                run_id=self.rows["EvaluationRun"],
                scheme="SALES-2H",
                rule="D-CALL",
                employee_id=self.desk.people["consultant"],
                points=-1,
                evidence_kind="SalesOrder",
                evidence_id=self.rows["SalesOrder"],
                evidence_key="SO2",
                occurred_at=START,
                period="2026-08",
                cause="DIRECT",
                state="POSTED",
            )
        )
        self.cases = self._cases(await self._planned(), ruled, review, approved, posted)

    async def _planned(self) -> UUID:
        order = await self.desk.order(await self.desk.customer())
        async with self.desk.work() as work:
            planned = await plan_purchase_survey(work, order)
        assert planned is not None
        return planned

    def _cases(self, planned: UUID, ruled: UUID, review: UUID, approved: UUID, posted: UUID) -> list[Case]:
        live, people = self.live, self.desk.people
        agent = live.actor(("CS_AGENT", "a1"), employee=people["agent"])
        manager = live.actor(("CS_MANAGER", "a1"), employee=people["cs_manager"])
        consultant = live.actor(("SALES_CONSULTANT", "a1"), employee=people["consultant"])
        gm = live.actor(("STORE_GM", "a1"), ("SALES_MANAGER", "a1"))
        customer = {"customerId": self.id("Customer")}
        why = {"reason": "录音为证"}
        filed = {
            "storeId": live.store_id("a1"),
            "record": "COMPLAINT",
            "area": "SALES",
            "kind": "DELIVERY",
            "severity": "P2",
            "receivedAt": LATER,
            "orderId": self.id("SalesOrder"),
            "accusedIds": [live.id("Employee", people["consultant"]), live.id("Employee", people["second"])],
            "text": "交车迟了",
        }
        consent = {"purpose": "SURVEY", "decision": "WITHDRAWN", "textVersion": "v3", "channel": "PHONE"}
        call = {"kind": "DELIVERY_CALL", "startedAt": LATER, "connected": True, "result": "OK"}
        evidence = {"callId": live.id("Call", self.rows["Proof"]), "outcome": "满意"}
        files = [
            UploadFile(io.BytesIO("store_code,name\na1,王芳\n".encode()), filename=name)
            for name in ("customers.csv", "x.csv")
        ]
        answers = [{"question": key, "values": list(values)} for key, values in FORM.items()]
        return [
            Case(agent, "fileComplaint", filed),
            Case(agent, "acknowledgeComplaint", {"id": self.id("Complaint"), "expectedVersion": 1}),
            Case(manager, "ruleComplaintValidity", {"id": self.id("Complaint"), "verdict": "PARTLY", **why}),
            Case(agent, "closeComplaint", {"id": self.closable, "remedy": "保养", "customerConfirmed": True}),
            Case(agent, "changeContact", {**customer, "kind": "EMAIL", "value": "wang@example.cn", **why}),
            Case(agent, "revealContact", {"id": self.id("ContactPoint"), **why}),
            Case(agent, "recordConsent", {**customer, **consent, "evidence": "录音"}),
            Case(consultant, "logCall", {**call, "orderId": self.id("SalesOrder")}),
            Case(consultant, "closeFollowUpTask", {"id": self.id("FollowUpTask"), **evidence}),
            Case(gm, "importExport", {"storeId": live.store_id("a1"), "exportedAt": LATER, "files": files}),
            Case(manager, "quarantineResponse", {"id": self.id("Response"), **why}),
            Case(gm, "clearResponse", {"id": live.id("Response", ruled), **why}),
            Case(gm, "voidResponse", {"id": live.id("Response", ruled), **why}),
            Case(agent, "recordDeliveryForm", {"orderId": self.id("SalesOrder"), "answers": []}),
            Case(agent, "recordInterview", {"invitationId": live.id("Invitation", planned), "answers": answers}),
            Case(gm, "approveRun", {"id": live.id("EvaluationRun", review)}),
            Case(gm, "publishRun", {"id": live.id("EvaluationRun", approved)}),
            Case(consultant, "fileAppeal", {"entryId": live.id("LedgerEntry", posted), "text": "打过电话"}),
            *(Case(gm, name, {"storeId": live.store_id("a1"), "items": [record]}) for name, record in RECORDS.items()),
            Case(gm, "decideAppeal", {"id": self.id("Appeal"), "uphold": False, **why}),
        ]


@pytest.fixture
async def shop(live_api: LiveApi, world: World) -> Shop:
    world.truncate("a1")
    desk = await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])
    made = Shop(live_api, desk, await store_rows(desk))
    await made.fill()
    return made


@pytest.fixture
async def rehearsal(live_api: LiveApi, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rehearsal]:
    async with rehearsals(live_api, engines, monkeypatch) as made:
        yield made


def declared(live: LiveApi) -> Mapping[str, Mutation]:
    assert live.schema.writes is not None
    return live.schema.writes.items


async def test_what_succeeds_is_the_same_in_both_engines(shop: Shop, rehearsal: Rehearsal) -> None:
    """Random selections of the payloads; every mutation over store rows several times."""
    chance = random.Random(5)
    maker = PayloadMaker(shop.live.schema._schema, chance)
    succeeded: set[str] = set()
    refused = 0
    for turn in range(4):
        for case in shop.cases:
            item = declared(shop.live)[case.name]
            kind = shop.live.input_of(case.name)
            made = maker.mutation([(case.name, kind, case.given, item.shows)])
            rehearsal.seed = turn
            answer, effects = await rehearsal.same(
                case.actor, made.text, made.variables.values, ("en", "zh-CN")[turn % 2]
            )
            if len(effects) > 1:  # a row and its commit
                succeeded.add(case.name)
            maker.counts.update(made.covers)
            refused += "errors" in answer  # a payload that asks for what cannot be
    writes_rows = {name for name, needs in MUTATIONS.items() if needs.place == STORE} - {
        "startViewAs"
    }  # a row of the group
    assert succeeded == writes_rows == {case.name for case in shop.cases}
    assert refused <= len(shop.cases)
    assert rehearsal.compiled == 4 * len(shop.cases)
    assert not [reason for reason in rehearsal.reasons if "fault" in reason], rehearsal.reasons


async def test_under_a_key_the_answer_and_the_effects_are_the_same(shop: Shop, rehearsal: Rehearsal) -> None:
    """Beside them there is one row more: the kept answer."""
    chance = random.Random(11)
    maker = PayloadMaker(shop.live.schema._schema, chance)
    for case in shop.cases:
        item = declared(shop.live)[case.name]
        made = maker.mutation([(case.name, shop.live.input_of(case.name), case.given, item.shows)])
        for engine in ENGINES:
            found = []
            for repeat in (None, Repeat(str(new_id()), b"\1" * 32)):
                found.append(await rehearsal.tried(engine, case.actor, made.text, made.variables.values, repeat=repeat))
            plain, keyed = found
            assert timeless(keyed[0]) == timeless(plain[0]), (case.name, engine)
            kept = [one for one in keyed[1] if one.startswith("kept_answer")]
            assert [one for one in keyed[1] if one not in kept] == plain[1] and len(kept) == bool(plain[1]), case.name


async def test_what_is_refused_is_the_same_in_both_engines(shop: Shop, rehearsal: Rehearsal) -> None:
    """Every mutation of the schema, by who may do it and by who may not, with inputs that a rule refuses and ids of nothing."""
    live = shop.live
    things = await group_rows(live.platform, live.world.groups["a"])
    known = Samples(live.store("a1").id, live.world.groups["a"].id, {**shop.rows, **things})
    unknown = Samples(live.store("a1").id, live.world.groups["a"].id)
    everybody = live.actor(
        *((role, "a1") for role in ("CS_AGENT", "CS_MANAGER", "SALES_CONSULTANT", "STORE_GM")),
        *((role, None) for role in ("GROUP_ADMIN", "HQ_DIRECTOR", "HQ_QUALITY")),
    )
    compiled, shows = 0, "__typename userErrors { code message path }"
    for name in declared(live):
        document = f"mutation($input: {live.input_of(name)}!) {{ a: {name}(input: $input) {{ {shows} }} }}"
        for actor in (everybody, live.actor(("TECHNICIAN", "a1")), live.actor(("TECHNICIAN", "b1"), group="b")):
            samples = unknown if actor is everybody else known
            for given in (*MUTATIONS[name].inputs(samples), *MUTATIONS[name].inputs(unknown)):
                answer, effects = await rehearsal.same(actor, document, {"input": given})
                compiled += 1
                if answer["data"]["a"] is None:
                    assert effects == [], (name, effects)
    assert rehearsal.compiled == compiled


async def test_several_mutations_run_one_after_the_other_and_each_commits_alone(
    shop: Shop, rehearsal: Rehearsal
) -> None:
    agent = shop.cases[0].actor
    document = """
    mutation M($file: FileComplaintInput!, $bad: FileComplaintInput!, $c: ID!, $no: Boolean = false, $first: Int) {
      one: fileComplaint(input: $file) { ...P complaint @skip(if: $no) { text } x: complaint { id text } userErrors { code } }
      t: __typename
      ... on Mutation { two: fileComplaint(input: $bad) { userErrors { path at: path code } complaint { id } } }
      ...M
      four: approveRun(input: {id: "nonsense"}) { evaluationRun { id } userErrors { code } }
    }
    fragment P on FileComplaintPayload { complaint { id accused(first: $first) { totalCount edges { node { name } } } } }
    fragment M on Mutation { three: acknowledgeComplaint(input: {id: $c}) { complaint { id version status } y: __typename } }
    """
    file = dict(shop.cases[0].given)
    given = {"file": file, "bad": file | {"severity": "P9"}, "c": shop.id("Complaint"), "first": 1}
    answer, effects = await rehearsal.same(agent, document, given)
    assert list(answer["data"]) == ["one", "t", "two", "three", "four"]
    assert answer["data"]["one"]["complaint"]["text"] == "交车迟了"
    assert len(answer["data"]["one"]["complaint"]["accused"]["edges"]) == 1
    assert answer["data"]["two"]["userErrors"][0]["code"] == "INVALID"
    assert answer["data"]["three"]["complaint"]["version"] == 2
    assert (answer["data"]["four"], answer["errors"][0]["path"]) == (None, ["four"])
    assert answer["errors"][0]["locations"] == [{"line": 7, "column": 7}]
    assert effects.count("committed") == 2
    assert rehearsal.compiled == 1


async def test_a_payload_that_asks_for_what_cannot_be_leaves_nothing(shop: Shop, rehearsal: Rehearsal) -> None:
    """A bad cursor, a page out of range, a foreign id in a filter: errors of the field, and nothing is written."""
    agent, file = shop.cases[0].actor, shop.cases[0].given
    for wrong in ('after: "bad"', "first: 1001", "first: 1, last: 1", 'where: {id: {eq: "AAAA"}}'):
        document = f"""mutation($f: FileComplaintInput!) {{
            fileComplaint(input: $f) {{ complaint {{ id accused({wrong}) {{ totalCount }} }} userErrors {{ code }} }} }}"""
        answer, effects = await rehearsal.same(agent, document, {"f": file})
        assert answer["data"] == {"fileComplaint": None}, wrong
        assert effects == [], wrong
    assert rehearsal.compiled == 4


async def test_requests_that_do_not_fit_are_refused_before_anything_runs(shop: Shop, rehearsal: Rehearsal) -> None:
    agent, file = shop.cases[0].actor, dict(shop.cases[0].given)
    document = "mutation($f: FileComplaintInput!) { fileComplaint(input: $f) { userErrors { code } } }"
    one = "mutation { fileComplaint(input: {storeId: 1}) { userErrors { code } } }"
    for query, given in (
        (document, {}),
        (document, {"f": None}),
        (document, {"f": file | {"receivedAt": "yesterday"}}),
        (document, {"f": file | {"accusedIds": [None]}}),
        (document, {"f": file | {"extra": 1}}),
        (one, {}),
        ("mutation { nothing }", {}),
        ("mutation { fileComplaint", {}),
    ):
        answer, effects = await rehearsal.same(agent, query, given)
        assert answer.get("data") is None
        assert answer["errors"]
        assert effects == []
    assert rehearsal.compiled == 0


async def test_whoever_stands_in_for_another_gets_the_same_rows(shop: Shop, rehearsal: Rehearsal) -> None:
    """No program reads for them: the interpreter does, in the same unit of work."""
    chance = random.Random(9)
    maker = PayloadMaker(shop.live.schema._schema, chance)
    case = shop.cases[0]
    [member] = case.actor.memberships
    lent = shop.live.member("CS_MANAGER", "a1", shop.desk.people["cs_manager"])
    covering = replace(lent, delegated_by=new_id(), delegator="张伟")
    actor = replace(case.actor, memberships=(member, covering))
    for turn in range(6):
        item = declared(shop.live)[case.name]
        made = maker.mutation([(case.name, shop.live.input_of(case.name), case.given, item.shows)])
        rehearsal.seed = turn
        await rehearsal.same(actor, made.text, made.variables.values)
    assert rehearsal.compiled == 6


async def test_a_fault_in_a_payload_is_seen(shop: Shop, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled engine shows nothing of the row that was changed."""
    plain = mutate.RowRead.by_alias

    async def by_alias(self: Any, rows: Any) -> Any:
        return await plain(self, [[] for _ in rows])

    monkeypatch.setattr(mutate.RowRead, "by_alias", by_alias)
    case = next(one for one in shop.cases if one.name == "fileComplaint")
    text_ = "mutation M($input: FileComplaintInput!) { fileComplaint(input: $input) { complaint { kind } } }"
    with pytest.raises(AssertionError):
        await rehearsal.same(case.actor, text_, {"input": case.given})
