"""Staging: what the checks ask of the database, and where accepted rows wait for the merge."""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import ARRAY, Text, any_, cast, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from ...tenancy.bulk import copy_rows
from ...tenancy.crypto import ContactCipher, mask
from ...tenancy.ids import new_id
from ...tenancy.textsort import name_sort_key
from ..customers.model import Customer, Vehicle
from ..people.model import Employee, Team
from ..sales.model import SalesOrder
from ..surveys.model import Invitation
from ..work import Work
from ..workshop.model import RepairOrder
from .cells import Value, vin_check_digit_ok
from .checks import AcceptedRow, Key, key_of, named
from .findings import Finding, message
from .format import FILES
from .model import ImportFinding, ImportRow

#: Where the rows of earlier imports have their natural key; only files that others refer to.
STORED: Mapping[str, InstrumentedAttribute[str]] = {
    "teams.csv": Team.team_code,
    "employees.csv": Employee.employee_no,
    "customers.csv": Customer.customer_no,
    "vehicles.csv": Vehicle.vin,
    "sales_orders.csv": SalesOrder.order_no,
    "repair_orders.csv": RepairOrder.ro_no,
    "surveys.csv": Invitation.survey_no,
}
_SEPARATOR = "\x1f"


class Staging:
    """`Lookup` and `Sink` of one batch, inside one store's transaction."""

    def __init__(self, work: Work, batch_id: UUID, *, exported_at: datetime) -> None:
        self._work = work
        self._session = work.session
        self._batch_id = batch_id
        self._exported_at = exported_at
        self._content_key = work.platform.secrets.derive(f"import content/{work.store.group_id}", version=1)
        self._enrich: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "employees.csv": self._person,
            "customers.csv": self._person,
            "vehicles.csv": lambda row: {"vin_check_ok": vin_check_digit_ok(row["vin"])},
            "surveys.csv": lambda row: {"exported_at": self._exported_at.isoformat()},
        }
        self._findings = 0

    async def taken(self, file: str, keys: Collection[Key]) -> Collection[Key]:
        """Those of the keys that a row accepted earlier in this batch has."""
        texts = {key_text(key): key for key in keys}
        found = await self._staged(file, texts)
        return {texts[text] for text in found}

    async def present(self, file: str, codes: Collection[str]) -> Collection[str]:
        """Those of the codes that an accepted row of this batch, or the store itself, has."""
        column = STORED[file]
        stored = await self._session.scalars(select(column).where(column == any_(_texts(codes))))
        return {*stored, *await self._staged(file, codes)}

    async def _staged(self, file: str, texts: Collection[str]) -> set[str]:
        # The planner knows nothing of rows that this transaction wrote. It would take batch and file for selective and
        # read all of a file's rows for each chunk; as expressions they leave it no index but the key's.
        query = select(ImportRow.key).where(
            ImportRow.key == any_(_texts(texts)),
            func.concat(ImportRow.file, "") == file,
            cast(ImportRow.batch_id, Text) == str(self._batch_id),
        )
        return set(await self._session.scalars(query))

    async def accept(self, file: str, rows: Sequence[AcceptedRow]) -> None:
        """Stage rows of one file, with what the merge needs besides the cells."""
        spec, enrich = FILES[file], self._enrich.get(file)
        staged = []
        for row in rows:
            values = named(spec, row)
            cells = {name: as_json(value) for name, value in values.items()}
            content = "\0".join(map(content_text, row.values)).encode()  # no cell holds a NUL
            if enrich is not None:
                cells |= enrich(values)
            if file == "targets.csv":
                cells["month"] = f"{values['month']:%Y-%m}"
            cells["source_hash"] = hmac.digest(self._content_key, content, "sha256")[:16].hex()
            staged.append((new_id(), self._batch_id, file, row.line, key_text(key_of(spec, row.values)), Jsonb(cells)))
        names = ("id", "batch_id", "file", "line", "key", "cells")
        await copy_rows(self._session, self._work.store.schema, ImportRow, names, staged)

    async def report(self, findings: Sequence[Finding]) -> None:
        """Keep findings with their messages in both languages."""
        rows = []
        for finding in findings:
            self._findings += 1
            rows.append(
                {
                    "id": new_id(),
                    "batch_id": self._batch_id,
                    "number": self._findings,
                    "severity": "WARNING" if finding.severity == "WARNING" else "ERROR",
                    "file": finding.file,
                    "line": finding.line,
                    "column": finding.column,
                    "code": finding.code,
                    "message_zh": message(finding, "zh-CN"),
                    "message_en": message(finding, "en"),
                }
            )
        await self._session.execute(insert(ImportFinding), rows)

    def _person(self, row: dict[str, Any]) -> dict[str, Any]:
        cells = {"name_sort": name_sort_key(row["name"])}
        if row["phone"]:
            cells |= contact_cells(self._work.cipher, row["phone"])
        del row["phone"]
        return cells | {"phone": None}


def contact_cells(cipher: ContactCipher, phone: str) -> dict[str, Any]:
    """A phone number as it may be staged: sealed, hashed, masked; never clear."""
    return {
        "phone_enc": cipher.encrypt("PHONE", phone).hex(),
        "phone_hash": cipher.match_hash("PHONE", phone).hex(),
        "phone_masked": mask("PHONE", phone),
        "phone_key": cipher.key_version,
    }


def key_text(key: Key) -> str:
    """A natural key as one text; codes hold no control characters."""
    return _SEPARATOR.join(str(as_json(part)) for part in key)


def content_text(value: Value) -> str:
    """A cell's value as the comparison with an earlier import takes it: the same for 2 and 2.00, for A;B and B;A."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, tuple):
        return ";".join(sorted(value))
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _texts(values: Collection[str]) -> Any:
    """Many texts as one parameter, so that the statement is the same for any number of them."""
    return cast(list(values), ARRAY(Text))


def as_json(value: Any) -> Any:
    """A cell's typed value as JSON keeps it exactly."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value
