"""Random documents by schemathesis against a running server; runs in an environment of its own, without the product.

Standard input is one JSON object: url, headers, schema (a file), queries and mutations (how many of each operation, and as
many wrong ones), seed, ids, words. Standard output is one line of JSON for each request: what was sent, and the answer.
"""

import base64
import json
import sys
from typing import Any

import hypothesis.strategies as st
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.graphql import nodes

#: Lists of lists of lists grow without it, in documents and in their arguments.
LONGEST_LIST = 3

_lists = st.lists


def _short_lists(elements: Any, *, min_size: int = 0, max_size: int | None = None, **more: Any) -> Any:
    longest = max(LONGEST_LIST, min_size)
    return _lists(elements, min_size=min_size, max_size=min(max_size or longest, longest), **more)


def register(ids: list[str], words: list[str]) -> None:
    """Values of the scalars. Ids and words that mean something lead behind the first refusal."""
    schemathesis.graphql.scalar("ID", st.sampled_from(ids).map(nodes.String))
    schemathesis.graphql.scalar("String", (st.sampled_from(words) | st.text(max_size=20)).map(_text))
    schemathesis.graphql.scalar("Date", st.dates().map(str).map(nodes.String))
    schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda at: f"{at.isoformat()}Z").map(nodes.String))
    schemathesis.graphql.scalar("YearMonth", st.dates().map(lambda day: str(day)[:7]).map(nodes.String))
    schemathesis.graphql.scalar("UUID", st.uuids().map(str).map(nodes.String))
    schemathesis.graphql.scalar("JSON", st.text(max_size=20).map(_text))
    schemathesis.graphql.scalar("Upload", st.just(nodes.String("a.csv")))
    amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)
    schemathesis.graphql.scalar("Decimal", amounts.map(str).map(nodes.String))


def _text(value: str) -> Any:
    """A string that the document can hold."""
    return nodes.String(value.encode("utf-8", "ignore").decode())


def attack(given_: dict[str, Any]) -> None:
    """Every operation of the schema, so many times each."""
    schema = schemathesis.graphql.from_path(given_["schema"])
    for found in schema.get_all_operations():
        operation = found.ok()
        quiet = settings(
            max_examples=given_["queries" if operation.label.startswith("Query.") else "mutations"],
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(given_["seed"])
            @quiet
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                answer = case.call(base_url=given_["url"], headers=given_["headers"], timeout=60)
                told = {
                    "operation": operation.label,  # noqa: B023 - it runs before the next round
                    "document": case.body,
                    "status": answer.status_code,
                    "headers": {name.lower(): values[0] for name, values in answer.headers.items()},
                    "body": base64.b64encode(answer.content).decode(),
                }
                print(json.dumps(told))

            send()


if __name__ == "__main__":
    st.lists = _short_lists
    asked = json.load(sys.stdin)
    register(asked["ids"], asked["words"])
    attack(asked)
