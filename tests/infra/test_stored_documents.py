"""Stored documents are found wherever they stand, and faults in them too."""

from pathlib import PurePosixPath

import pytest
from graphql import build_schema

from infra.house_rules import ROOT, tracked
from infra.schema_changes import SCHEMA
from infra.stored_documents import NOT_MEANT, Stored, of_files, problems, stored

TEXT = 'type Query { order: Order } type Order { net: Int sum: Int @deprecated(reason: "Removed after 2027-03-31: use net.") }'
TOY = build_schema(TEXT)


def found(name: str, text: str) -> list[str]:
    return list(problems(TOY, stored(PurePosixPath(name), text)))


def test_documents_of_this_folder_are_valid() -> None:
    documents = list(of_files(ROOT, tracked()))
    assert list(problems(build_schema(SCHEMA.read_text(encoding="utf-8")), documents)) == []
    places = {one.file.split("/")[0] + PurePosixPath(one.file).suffix for one in documents if one.sure}
    assert {"platform.graphql", "docs.md"} <= places
    assert sum(one.file.startswith("tests/graphql/") for one in documents) > 100
    assert NOT_MEANT.keys() <= {one.file for one in documents}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.graphql", "{ order { gross } }"),
        ("x.graphql", "{ order { net }"),
        ("x.md", "a\n\n```graphql\n{ order { gross } }\n```\n"),
        ("x.md", "- a\n\n  ```graphql\n  { order { gross } }\n  ```\n"),
        ("x.md", "a\n\n    query x { order { gross } }\n\nb"),
        ("x.md", 'curl --json \'{"query": "query a($b: Int) { order { net } }"}\''),
        ("x.md", '{"query":\n  "{ order { gross(a: \\"b\\") } }"}'),
        ("x.md", """--json '{"query": "{ order(id: \\"'"$ID"'\\") { net } }"}'"""),
        ("x.md", "--data-urlencode 'query={ order { gross } }'"),
        ("x.py", 'ask("{ order { gross } }")'),
        ("x.py", 'ask("query a($b: Int) " "{ order { net } }")'),
        ("x.py", 'ask("{ order { gross } }", f"{a} x")'),
        ("x.py", 'ask("{ order { sum } }")'),
        ("x.graphql", "query a { order { sum } }"),
    ],
)
def test_planted_fault_is_found(name: str, text: str) -> None:
    assert len(found(name, text)) == 1, found(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.graphql", "{ order { net } }"),
        ("schema.graphql", TEXT),
        ("x.md", "```graphql\n{ order { net } }\n```\n\n    query x { order { net } }\n"),
        ("x.py", 'a = "{order}"; b = "{ none }"; c = "{x"; d = f"{{ order {{ {a} }} }}"'),
        ("x.py", 'a = "{ other { gross } }"  # of another schema'),
        ("x.txt", "{ order { gross } }"),
        ("bench/reads/memory.py", 'ask("{ order { gross } }")'),
    ],
)
def test_what_is_no_fault_is_not_reported(name: str, text: str) -> None:
    assert found(name, text) == []


def test_a_document_is_told_with_its_place() -> None:
    assert list(stored(PurePosixPath("x.md"), "a\n\n```graphql\n{ a }\n```\n")) == [Stored("x.md", 3, "{ a }\n")]
    assert found("x.py", "\n\na = '{ order { gross } }'") == ["x.py:3: Cannot query field 'gross' on type 'Order'."]
