"""A document that graphql-core is to answer after all is not parsed and validated again: that would hold up everybody else."""

from typing import Any

import pytest

from tests.graphql.compiled.conftest import Both

LISTS = (
    'query page($x: Int) { store(code: "a1") { customers(first: $x) { totalCount } } } query other { viewer { name } }'
)


def test_what_is_handed_over_is_read_once(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    assert "errors" not in both.run("compiled", gm, LISTS, {"x": 1}, "page")
    expected = [both.run("interpreted", gm, LISTS, {"x": "no"}, name) for name in ("page", "nobody", None)]

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("read again")

    for name in (
        "forecourt.graphql.compiled.document.parse",
        "strawberry.schema.schema.parse",
        "strawberry.schema.schema.validate_document",
    ):
        monkeypatch.setattr(name, never)
    assert [both.run("compiled", gm, LISTS, {"x": "no"}, name) for name in ("page", "nobody", None)] == expected
    assert [answer["errors"][0]["message"].split(" ")[0] for answer in expected] == ["Variable", "Unknown", "Must"]
    assert all("data" not in answer for answer in expected)
