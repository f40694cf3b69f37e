"""Keeping the result of a month: its values, cards and ledger, and the records behind every figure."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from ...tenancy.bulk import copy_rows
from ...tenancy.ids import new_id
from ..work import Work
from . import facts
from .measure_rules import Counted, KpiEvidence, KpiValue, fixed
from .model import DepartmentCard, DepartmentCardItem, EvaluationRun, KpiRecord
from .model import KpiValue as KpiRow
from .model import LedgerEntry as EntryRow
from .model import Scorecard as CardRow
from .report_rules import DISPLAY_PLACES, TOTAL_PLACES, shown
from .results import LedgerEntry, SchemeMonth, Scorecard, StoreMonth, values_of
from .scheme_specs import SalesScheme, Scheme

_RECORD_COLUMNS = (
    "id",
    "run_id",
    "card_id",
    "kpi",
    "part",
    "record_kind",
    "record_key",
    "record_id",
    "amount",
    "proof_kind",
    "proof_key",
    "proof_id",
)


def evidence_of(result: StoreMonth) -> Iterator[tuple[str, ...]]:
    """The records behind every figure, for the hash of a result: other evidence for the same figure is another result."""
    for code, evidence in result.kpis.items():
        yield from _evidence((code,), evidence)
    for scheme in result.schemes:
        for card in scheme.scorecards:
            for code, evidence in card.evidence.items():
                yield from _evidence((scheme.code, card.who.employee_no, code), evidence)


def _evidence(head: tuple[str, ...], evidence: KpiEvidence) -> Iterator[tuple[str, ...]]:
    for part, counted in _parts(evidence):
        for one in counted:
            proof = (one.proof.kind, one.proof.key) if one.proof else ()
            yield (*head, part, one.record.kind, one.record.key, str(one.amount), *proof)


def _parts(evidence: KpiEvidence) -> tuple[tuple[str, Sequence[Counted]], ...]:
    return (
        ("NUMERATOR", evidence.numerator),
        ("DENOMINATOR", evidence.denominator),
        ("CASE", evidence.cases or ()),
    )


class Keeper:
    """Writes a result's rows: values, cards, ledger, and the records behind every figure."""

    def __init__(
        self,
        work: Work,
        run: EvaluationRun,
        result: StoreMonth,
        employees: Sequence[facts.Employee],
        schemes: Sequence[Scheme],
    ) -> None:
        self._work, self._run, self._result = work, run, result
        self._marks = {scheme.code: scheme.pass_mark for scheme in schemes if isinstance(scheme, SalesScheme)}
        self._ids = {person.employee_no: person.id for person in employees}
        self._records: list[tuple[Any, ...]] = []

    async def keep(self) -> None:
        """Write everything; in the unit of work's transaction."""
        result = self._result
        self._work.session.add_all(self._values())
        for card in result.aftersales:
            row = DepartmentCard(
                id=new_id(), run_id=self._run.id, scheme=card.code, total=shown(card.total, TOTAL_PLACES)
            )
            self._work.session.add(row)
            await self._work.session.flush()
            self._work.session.add_all(self._items(row.id, card.categories))
        for code, evidence in result.kpis.items():
            self._note(evidence, code, None)
        for scheme in result.schemes:
            await self._scheme(scheme)
        await self._work.session.flush()
        await copy_rows(self._work.session, self._work.store.schema, KpiRecord, _RECORD_COLUMNS, self._records)

    def _values(self) -> Iterator[KpiRow]:
        for value in self._result.values.values():
            yield self._value(value, None)
        for team, value in values_of(self._result.teams).items():
            yield self._value(value, team)

    def _value(self, value: KpiValue, team: str | None) -> KpiRow:
        return KpiRow(
            id=new_id(),
            run_id=self._run.id,
            kpi=value.code,
            team_code=team,
            x=None if value.x is None else fixed(value.x, DISPLAY_PLACES),
            n=value.n,
            d=None if value.d is None else fixed(value.d, DISPLAY_PLACES),
            value=shown(value.value),
        )

    def _items(self, card_id: UUID, categories: Sequence[Any]) -> Iterator[DepartmentCardItem]:
        position = 0
        for category in categories:
            for item in category.items:
                position += 1
                yield DepartmentCardItem(
                    id=new_id(),
                    card_id=card_id,
                    position=position,
                    category=category.code,
                    weight=category.weight,
                    category_score=shown(category.score),
                    kpi=item.kpi.code,
                    n=item.kpi.n,
                    value=shown(item.kpi.value),
                    missing=item.missing,
                    score=shown(item.score),
                )

    async def _scheme(self, scheme: SchemeMonth) -> None:
        for card in scheme.scorecards:
            row = self._card(scheme.code, card)
            self._work.session.add(row)
            for code, evidence in card.evidence.items():
                self._note(evidence, code, row.id)
        await self._work.session.flush()
        entries = {entry.key: (new_id(), entry) for entry in scheme.ledger}
        direct_first = sorted(entries.values(), key=lambda pair: pair[1].parent is not None)
        for entry_id, entry in direct_first:
            parent = entries[entry.parent][0] if entry.parent else None
            self._work.session.add(self._entry(scheme.code, entry_id, entry, parent))

    def _card(self, scheme: str, card: Scorecard) -> CardRow:
        who = card.who
        return CardRow(
            id=new_id(),
            run_id=self._run.id,
            scheme=scheme,
            employee_id=self._ids[who.employee_no],
            role=who.role,
            team_code=who.team_code,
            supervisor_id=self._ids[who.supervisor_no] if who.supervisor_no else None,
            employment=who.status,
            n=card.s01.n,
            x=int(card.s01.x or 0),
            s01=shown(card.s01.value),
            s01_pass=card.s01_pass,
            responses=card.s02.n,
            s02=shown(card.s02.value),
            score=None if card.score is None else str(card.score),
            pass_mark=self._marks[scheme],
            ledger_points=card.ledger_points,
            total=shown(card.total, TOTAL_PLACES),
            verdict=card.verdict.value,
            created_by=self._work.actor.key,
            updated_by=self._work.actor.key,
        )

    def _entry(self, scheme: str, entry_id: UUID, entry: LedgerEntry, parent: UUID | None) -> EntryRow:
        return EntryRow(
            id=entry_id,
            run_id=self._run.id,
            scheme=scheme,
            rule=entry.rule,
            employee_id=self._ids[entry.employee_no],
            points=entry.points,
            evidence_kind=entry.evidence.kind,
            evidence_id=entry.evidence.id,
            evidence_key=entry.evidence.key,
            occurred_at=entry.occurred_at,
            period=str(entry.period),
            cause=entry.cause.value,
            parent_id=parent,
            state="PROPOSED",
            created_by=self._work.actor.key,
            updated_by=self._work.actor.key,
        )

    def _note(self, evidence: KpiEvidence, code: str, card_id: UUID | None) -> None:
        for part, counted in _parts(evidence):
            for one in counted:
                record, proof = one.record, one.proof
                proven = (proof.kind, proof.key, proof.id) if proof else (None, None, None)
                head = (new_id(), self._run.id, card_id, code, part)
                self._records.append((*head, record.kind, record.key, record.id, one.amount, *proven))
