"""The developers' extension: how a request was answered, without any value; and nothing of it unless a setting says so."""

import json
from typing import Any

import pytest
from starlette.routing import Route

from forecourt.app import build_app
from forecourt.graphql.compiled.explain import STEPS
from forecourt.graphql.http import Endpoint
from forecourt.graphql.run import Asked, run_encoded
from forecourt.settings import Settings
from tests.graphql.compiled.conftest import Both

QUERY = """query($name: String!, $after: String, $month: YearMonth!) { viewer { memberships { role } }
  store(code: "a1") { benchmarkShare(month: $month, kpi: "S0-secret") { computed }
    vehicles(first: 4, after: $after, orderBy: [{field: PLATE}]) { totalCount edges { cursor node { plate } } }
    customers(first: 5, where: {or: [{name: {eq: $name}}, {name: {in: ["王-secret", "x"]}}, {name: {contains: "y-secret"}}]}) {
      edges { node { name vehicles(first: 3) { edges { node { vin customer { name } } } } } } } } }"""
GIVEN = {"name": "李-secret", "after": None, "month": "1999-09"}


def explained(both: Both, query: str, variables: dict[str, Any], engine: str = "compiled") -> dict[str, Any]:
    """An answer with its explanation."""
    context = both.context(engine, both.actor(("STORE_GM", "a1")))
    body, _ = both.runner.run(run_encoded(both.schema, context, Asked(query, variables, explained=True)))
    found: dict[str, Any] = json.loads(body)
    return found


def test_it_shows_plan_statements_cost_and_times_and_changes_no_answer(both: Both) -> None:
    answer = explained(both, QUERY, GIVEN)
    plain = both.run("compiled", both.actor(("STORE_GM", "a1")), QUERY, GIVEN)
    found = answer["extensions"].pop("explain")
    assert answer["extensions"].pop("cost")["requested"] > 0
    assert answer == plain | {"extensions": {}}
    assert found["handedOver"] is None
    assert found["roots"] == [
        {"key": "viewer", "field": "Query.viewer", "byGraphqlCore": ["Query.viewer", "Viewer.memberships"]},
        {"key": "store", "field": "Query.store", "byGraphqlCore": []},
    ]
    [part] = found["parts"]
    assert part["stores"] == ["a1"] and part["byGraphqlCore"] == ["Store.benchmarkShare"] and part["refused"] == []
    assert part["reach"]["customers:customer:read"] == "STORE"
    levels = {level["level"]: level["rowsAtMost"] for level in part["cost"]["levels"]}
    assert levels == {"vehicles": 4, "customers": 5, "customers › vehicles": 15, "customers › vehicles › customer": 15}
    assert found["cost"] == {"roundTrips": 1, "statements": 5, "rowsAtMost": 39}
    assert len(part["statements"]) == 5 and part["statements"][0]["rows"] == {"a1": 4}  # nobody asks for more
    assert "variable $name" in {source for one in part["statements"] for source in one["parameters"]}
    assert part["cost"]["levels"][0]["columns"]["plate"] == 1
    assert set(found["milliseconds"]) == set(STEPS) and found["milliseconds"]["round trips"] > 0
    assert set(found["millisecondsByGraphqlCore"]) == {"Query.viewer", "Store.benchmarkShare"}


def test_no_value_of_the_document_or_its_variables_is_in_it(both: Both) -> None:
    cursor = None
    for _ in range(9):  # until the list of plates ends with nulls, where a cursor is another variant
        answer = explained(both, QUERY, GIVEN | {"after": cursor})
        text = json.dumps(answer["extensions"], ensure_ascii=False)
        for value in ("secret", "1999", *([cursor] if cursor else [])):
            assert value not in text
        edges = answer["data"]["store"]["vehicles"]["edges"]
        cursor = edges[-1]["cursor"] if edges else cursor
    assert answer["extensions"]["explain"]["parts"][0]["variant"] == ["Vehicle.plate after the cursor"]


def test_a_request_that_is_handed_over_says_why(both: Both) -> None:
    answer = explained(both, '{ store(code: "a1") { customers(after: "bad") { totalCount } } }', {})
    assert answer["extensions"]["explain"] == {"handedOver": "not a cursor of this list in this order"}
    assert answer["data"] == {"store": {"customers": None}} and len(answer["errors"]) == 1
    answer = explained(both, "{ viewer { name } }", {}, engine="interpreted")
    assert answer["extensions"]["explain"] == {"handedOver": "nothing is compiled in this process"}
    assert answer["data"] == {"viewer": {"name": "王芳"}}


def test_it_is_an_answer_like_any_other_to_the_engine(both: Both) -> None:
    engine = both.schema.compiled
    query = '{ store(code: "a1") { name employees { totalCount } } }      '
    before = engine.compiled
    explained(both, query, {})
    known = len(engine.documents), len(engine.parts)
    both.run("compiled", both.actor(("STORE_GM", "a1")), query)
    assert (len(engine.documents), len(engine.parts)) == known and engine.compiled == before + 2


@pytest.mark.parametrize(("setting", "asked", "shown"), [(True, True, True), (False, True, False), (True, 1, False)])
def test_only_where_the_setting_is_on_and_the_request_asks(both: Both, setting: bool, asked: Any, shown: bool) -> None:
    async def make_context(_: Any) -> Any:
        return both.context("compiled", both.actor(("STORE_GM", "a1")))

    endpoint = Endpoint(both.schema, make_context, explain=setting)
    sent: list[Any] = []
    body = json.dumps({"query": "{ group { name } }", "extensions": {"explain": asked}}).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    both.runner.run(endpoint(scope, receive, send))
    assert ("explain" in json.loads(sent[1]["body"])["extensions"]) is shown


def test_it_is_off_by_default() -> None:
    assert Settings.model_fields["explain"].default is False


@pytest.mark.parametrize("setting", [True, False])
def test_the_setting_reaches_the_endpoint(both: Both, setting: bool) -> None:
    app = build_app(both.world.server, both.world.database.settings.model_copy(update={"explain": setting}))
    [found] = [route.endpoint for route in app.routes if isinstance(route, Route) and route.path == "/graphql"]
    assert isinstance(found, Endpoint) and found.explain is setting
