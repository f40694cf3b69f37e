"""graphql-eslint and graphql-inspector over the schema: nothing is found in the project, and planted faults are."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import npm_gates
from tests.infra.test_schema_rules import GOOD
from tests.needs import NOTE

pytestmark = pytest.mark.proof


@pytest.fixture(autouse=True)
def installed() -> None:
    missing = npm_gates.missing()
    if missing is not None:
        pytest.skip(f"NOT TESTED with graphql-eslint and graphql-inspector: {missing}")


def found(folder: Path, schema: str, document: str = "query Orders { orders { totalCount } }", old: str = GOOD) -> Any:
    """What the programs find in a project that is no more than this."""
    documents = folder / "platform/web/documents"
    documents.mkdir(parents=True)
    (folder / "schema.graphql").write_text(schema)
    (folder / "old.graphql").write_text(old)
    (documents / "orders.graphql").write_text(document)
    return npm_gates.checked(folder, folder / "old.graphql")


def test_the_project_has_no_finding(request: pytest.FixtureRequest) -> None:
    assert list(npm_gates.problems()) == []
    wanted = json.loads((npm_gates.SOURCE / "package.json").read_text())["dependencies"]
    told = " and ".join(f"{name} {wanted[name]}" for name in wanted if name.startswith("@graphql-"))
    request.node.user_properties.append((NOTE, f"{told}: no finding"))


def test_a_good_schema_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD) == {"linted": [], "breaking": []}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('  """Net amount."""\n  net:', "  net:", "require-description"),
        ("enum State {", "enum state {", "naming-convention"),
        ("hasNextPage: Boolean!", "hasNextPage: Boolean", "relay-page-info"),
        ("edges: [OrderEdge!]!", "edges: OrderEdge!", "relay-connection-types"),
        ("cursor: String!", "cursor: [String!]", "relay-edge-types"),
        (', "Behind." after: String', "", "relay-arguments"),
        ('(reason: "Removed after 2027-09-30: use net.")', '(reason: "")', "require-deprecation-reason"),
        ('"""Who has', '"Nobody." type Alone { "X." x: Int }\n"""Who has', "no-unreachable-types"),
    ],
)
def test_a_fault_of_the_schema_is_found(tmp_path: Path, old: str, new: str, rule: str) -> None:
    text = GOOD.replace(old, new, 1).replace(
        "state: State)", "state: state)" if "enum state" in new else "state: State)"
    )
    rules = {one["rule"] for one in found(tmp_path, text, old=text)["linted"]}
    assert f"@graphql-eslint/{rule}" in rules


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ("query Orders { orders { total } }", "fields-on-correct-type"),
        ("query Orders { orders { edges { node { netAmount } } } }", "no-deprecated"),
        ("query Orders($a: Int) { orders { totalCount } }", "no-unused-variables"),
        ("{ orders { totalCount } }", "no-anonymous-operations"),
    ],
)
def test_a_fault_of_a_document_is_found(tmp_path: Path, document: str, rule: str) -> None:
    assert {one["rule"] for one in found(tmp_path, GOOD, document)["linted"]} == {f"@graphql-eslint/{rule}"}


def test_a_breaking_change_is_found_with_its_place(tmp_path: Path) -> None:
    [change] = found(tmp_path, GOOD.replace("  net: Int!", "  net: Int"))["breaking"]
    assert change["path"] == "Order.net"
    assert list(npm_gates.broken([change], ["Order.net"])) == []
    [line] = npm_gates.broken([change], ["Order.netAmount"])
    assert "graphql-inspector: breaking" in line
