"""What a declaration may not say."""

import re

import pytest

from forecourt.domain.customers.model import ContactPoint, Customer
from forecourt.domain.entities import ENTITIES
from forecourt.domain.people.model import Employee
from forecourt.domain.surveys.model import Invitation
from forecourt.tenancy.reader.entity import Entities, Grant, entity, many, one, value


@pytest.mark.parametrize(
    "column",
    [ContactPoint.value_enc, ContactPoint.value_hash, Employee.phone_enc, Employee.phone_hash, Invitation.token_hash],
)
def test_encrypted_columns_and_secret_hashes_cannot_be_declared(column: object) -> None:
    with pytest.raises(ValueError, match="never be read"):
        value("x", column, "x")  # type: ignore[arg-type]


def test_nothing_declared_reads_bytes_of_persons() -> None:
    columns = {f"{item.table.name}.{field.column}" for item in ENTITIES for field in item.fields}
    assert not [name for name in columns if name.endswith("_enc")]
    assert {name for name in columns if name.endswith("_hash")} == {
        "evaluation_run.inputs_hash",
        "evaluation_run.result_hash",
    }


def test_relations_must_lead_somewhere() -> None:
    lost = entity(
        Customer,
        "x",
        plural="customers",
        grants=(Grant("a:b:c"),),
        fields=(),
        relations=(one("x", "Nobody", "id", "x"),),
    )
    with pytest.raises(ValueError, match="Nobody"):
        Entities(lost)
    wrong = entity(
        Customer,
        "x",
        plural="customers",
        grants=(Grant("a:b:c"),),
        fields=(),
        relations=(many("x", "Customer", "nothing", "x"),),
    )
    with pytest.raises(ValueError, match="no such column"):
        Entities(wrong)


def test_every_word_of_a_column_is_declared() -> None:
    """The words of a field are those of its table's CHECK."""
    for item in ENTITIES:
        checks = {}
        for constraint in item.table.constraints:
            found = re.fullmatch(r"(\w+) in \((.*)\)", str(getattr(constraint, "sqltext", "")))
            if found:
                checks[found[1]] = set(re.findall(r"'([^']*)'", found[2]))
        for field in item.fields:
            declared = set(field.words.meanings) if field.words else None
            if field.column in checks:
                assert declared == checks[field.column], (item.name, field.name)
