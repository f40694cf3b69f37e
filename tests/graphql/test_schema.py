"""The schema as a whole: described everywhere, Relay's forms, limits, errors that give nothing away."""

from typing import Any

import strawberry
from graphql import (
    GraphQLObjectType,
    build_schema,
    get_introspection_query,
    validate_schema,
)

from forecourt.domain.entities import ENTITIES
from forecourt.graphql.errors import CATALOGUE
from forecourt.graphql.export import sdl
from forecourt.graphql.ids import GlobalId
from forecourt.graphql.schema import ApiSchema, build
from infra.schema_rules import problems
from tests.graphql.conftest import Api


def test_the_schema_has_the_form_that_its_gates_want(schema: ApiSchema) -> None:
    assert list(problems(schema._schema)) == []


def test_inputs_with_exactly_one_field_are_told() -> None:
    """By introspection as graphql-js asks it, and in the export."""

    @strawberry.input(one_of=True)
    class Choice:
        a: strawberry.Maybe[int]
        b: strawberry.Maybe[int]

    @strawberry.type
    class Query:
        @strawberry.field
        def chosen(self, choice: Choice) -> bool:
            return True

    made = strawberry.Schema(query=Query)
    told = made.execute_sync(get_introspection_query(one_of=True)).data
    assert told is not None
    assert {one["name"]: one["isOneOf"] for one in told["__schema"]["types"] if one["isOneOf"]} == {"Choice": True}
    assert "input Choice @oneOf {" in sdl(made)


def test_the_export_is_sorted_complete_and_readable(schema: ApiSchema) -> None:
    text = sdl(schema)
    again = build_schema(text)
    assert not validate_schema(again)
    assert list(again.type_map) == sorted(again.type_map, key=list(again.type_map).index)
    assert {entity.name for entity in ENTITIES} <= set(again.type_map)
    assert sdl(build(ENTITIES)) == sdl(build(ENTITIES))


def test_two_schemas_can_be_built() -> None:
    assert build(ENTITIES) is not build(ENTITIES)


def test_every_column_of_the_declarations_is_a_field(schema: ApiSchema) -> None:
    for entity in ENTITIES:
        kind = schema._schema.type_map[entity.name]
        assert isinstance(kind, GraphQLObjectType)
        assert set(kind.fields) == {"id", *entity.field_by_name, *entity.relation_by_name}


def test_introspection_fits_into_the_limits(api: Api) -> None:
    assert api.data(api.actor(("STORE_GM", "N1")), get_introspection_query(descriptions=True, one_of=True))


def test_deep_documents_are_refused_before_they_run(api: Api) -> None:
    deep = "id"
    for _ in range(20):
        deep = f"reworkOf {{ reworks {{ edges {{ node {{ {deep} }} }} }} }}"
    query = f'{{ store(code: "N1") {{ repairOrders {{ edges {{ node {{ {deep} }} }} }} }} }}'
    answer = api.run(api.actor(("STORE_GM", "N1")), query)
    assert "data" not in answer and api.opened == []
    assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT"


def test_doubling_fragments_are_measured_once_each(api: Api) -> None:
    parts = [
        f"fragment f{n} on RepairOrder {{ a: reworkOf {{ ...f{n + 1} }} b: reworkOf {{ ...f{n + 1} }} }}"
        for n in range(40)
    ]
    parts.append("fragment f40 on RepairOrder { id }")
    query = '{ store(code: "N1") { repairOrders { edges { node { ...f0 } } } } } ' + " ".join(parts)
    answer = api.run(api.actor(("STORE_GM", "N1")), query)
    assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT"


def test_long_documents_are_refused(api: Api) -> None:
    answer = api.run(api.actor(("STORE_GM", "N1")), "{" + " a" * 20_000 + "}")
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["limit"] == {"of": "TOKENS", "asked": 20_002, "most": 2_000}


def test_which_operation_is_meant_must_be_clear(api: Api) -> None:
    answer = api.run(api.actor(("STORE_GM", "N1")), "query a { viewer { name } } query b { viewer { name } }")
    assert "data" not in answer and "operation name" in answer["errors"][0]["message"]
    assert "data" not in api.run(api.actor(("STORE_GM", "N1")), "fragment f on Viewer { name }")


def test_faults_give_nothing_away(api: Api) -> None:
    task = api.store("N1").rows["follow_up_task"][0]["id"]
    answer = _close(api, task, "fault")
    assert answer["data"] == {"closeFollowUpTask": None}
    assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
        (CATALOGUE["INTERNAL"].en, {"code": "INTERNAL", "requestId": "r-1"})
    ]


def test_messages_come_in_the_callers_language(api: Api) -> None:
    answer = api.run(api.actor(("STORE_GM", "N1")), '{ store(code: "S1") { code } }', language="zh-CN")
    assert answer["errors"][0]["message"] == "没有找到。"


def test_scalars_refuse_what_they_cannot_read(api: Api) -> None:
    for where in (
        '{signedAt: {gt: "2026-09-01T00:00:00"}}',
        '{netAmount: {eq: "NaN"}}',
        "{netAmount: {eq: 1.5}}",
        '{signedAt: {gt: "yesterday"}}',
    ):
        answer = api.run(
            api.actor(("STORE_GM", "N1")), f'{{ store(code: "N1") {{ salesOrders(where: {where}) {{ totalCount }} }} }}'
        )
        assert "data" not in answer and answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert "Expected" in answer["errors"][0]["message"]


def test_a_mutation_answers_with_the_thing_as_it_is_now(api: Api) -> None:
    row = api.store("N1").rows["follow_up_task"][0]
    answer = _close(api, row["id"], "done")
    payload = answer["data"]["closeFollowUpTask"]
    assert payload["userErrors"] == [] and api.touched.tasks == [row["id"]]
    assert payload["a"] == {"kind": row["kind"]} and payload["b"]["attempts"] == row["attempts"]


def test_refusals_are_user_errors(api: Api) -> None:
    task = api.store("N1").rows["follow_up_task"][0]["id"]
    assert _close(api, task, "")["data"]["closeFollowUpTask"]["userErrors"] == [
        {"code": "INVALID", "message": "The input is not valid.", "path": ["input", "outcome"]}
    ]
    refused = _close(api, task, "again")
    assert refused["data"]["closeFollowUpTask"]["userErrors"][0]["code"] == "WRONG_STATE"
    assert refused["data"]["closeFollowUpTask"]["a"] is None and "errors" not in refused
    assert api.touched.tasks == []


def test_access_problems_of_mutations_are_top_level_errors(api: Api) -> None:
    task = api.store("N2").rows["follow_up_task"][0]["id"]
    foreign = _close(api, task, "done", store="N2")
    assert foreign["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    here = api.store("N1").rows["follow_up_task"][0]["id"]
    assert _close(api, here, "done", role="TECHNICIAN")["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert api.touched.tasks == []


def _close(api: Api, task: Any, outcome: str, store: str = "N1", role: str = "STORE_GM") -> dict[str, Any]:
    query = """mutation($input: CloseFollowUpTaskInput!) { closeFollowUpTask(input: $input) {
      a: followUpTask { kind } b: followUpTask { id attempts } userErrors { code message path } } }"""
    given = {"task": str(GlobalId("FollowUpTask", api.store(store).id, task)), "outcome": outcome}
    return api.run(api.actor((role, "N1")), query, input=given)
