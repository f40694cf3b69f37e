"""The product's own fields that are made in Python: compiled, the same in both engines, and true to their rows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, update

from forecourt.auth.actor import Actor
from forecourt.domain.surveys.model import Invitation, SurveyTemplate
from forecourt.graphql import ids
from forecourt.tenancy.ids import new_id
from tests.graphql.compiled.conftest import Both


@pytest.fixture
def gm(both: Both) -> Actor:
    return both.actor(("STORE_GM", "a1"), ("STORE_GM", "a2"))


def rows(answer: dict[str, Any], plural: str) -> list[Any]:
    return [edge["node"] for edge in answer["data"]["store"][plural]["edges"]]


@pytest.fixture(scope="module", autouse=True)
def cleared(both: Both) -> Iterator[None]:
    """The groups' questionnaires are other tests' as well."""
    yield

    async def clear() -> None:
        async with both.platforms["interpreted"].engines.owner().begin() as connection:
            await connection.execute(delete(SurveyTemplate).where(SurveyTemplate.purpose == "x"))

    both.runner.run(clear())


def test_the_products_fields_are_compiled_and_the_same(both: Both, gm: Actor) -> None:
    text = """{ store(code: "a1") {
      followUpTasks(first: 100) { edges { node { state dueAt overdue order { followUpTasks { edges { node { overdue } } } } } } }
      complaints(first: 100) { edges { node { receivedAt acknowledgedAt minutesToAnswer } } }
      repairOrders(first: 100) { edges { node { openedAt handedOverAt repairHours } } } } }"""
    store = both.compiled(gm, text)
    tasks = rows(store, "followUpTasks")
    assert {row["overdue"] for row in tasks if row["state"] in ("OPEN", "PLANNED", "OVERDUE")} == {True}
    assert {row["overdue"] for row in tasks if row["state"].startswith("DONE")} == {False}
    for plural, of, made_ in (
        ("complaints", "acknowledgedAt", "minutesToAnswer"),
        ("repairOrders", "handedOverAt", "repairHours"),
    ):
        shown = rows(store, plural)
        assert all((row[of] is None) is (row[made_] is None) for row in shown)
        assert {row[of] is None for row in shown} == {True, False}


def test_the_title_of_a_questionnaire_is_that_of_the_version_asked(both: Both, gm: Actor) -> None:
    group, store = both.world.groups["a"].id, both.world.stores["a1"]
    asked = new_id()
    invitation = both.rows["a1"]["invitation"][0]["id"]

    def template(id_: UUID, code: str, number: int, state: str, of: UUID = group) -> dict[str, Any]:
        body = {"title": {"zh-CN": f"问卷{number}", "en": f"Survey {code} {number}"}}
        common = {"purpose": "x", "created_by": "account:1", "group_id": of}
        return {"id": id_, "code": code, "number": number, "state": state, "body": body, **common}

    versions = [
        template(asked, "a", 1, "RETIRED"),
        template(new_id(), "a", 2, "PUBLISHED"),
        template(new_id(), "a", 3, "DRAFT"),
        template(new_id(), "王芳", 1, "DRAFT"),
        template(new_id(), "b", 1, "PUBLISHED", both.world.groups["b"].id),
    ]

    async def write() -> None:
        owner = both.platforms["interpreted"].engines.owner()
        async with owner.execution_options(schema_translate_map={"tenant": store.schema}).begin() as connection:
            await connection.execute(insert(SurveyTemplate), versions)
            await connection.execute(
                update(Invitation).where(Invitation.id == invitation).values(template="a", template_id=asked)
            )

    both.runner.run(write())
    text = """{ store(code: "a1") { invitations(first: 100) { edges { node { id template templateTitle
      order { invitations(first: 2) { edges { node { templateTitle } } } } } } } } }"""
    shown = rows(both.compiled(gm, text), "invitations")
    titles = {row["id"]: row["templateTitle"] for row in shown}
    own = str(ids.GlobalId("Invitation", store.id, invitation))
    assert titles.pop(own) == "Survey a 1"
    assert {(row["template"], row["templateTitle"]) for row in shown if row["id"] != own} == {
        (code, "Survey a 2" if code == "a" else None) for code in {row["template"] for row in shown}
    }
    assert "b" in {row["template"] for row in shown}  # another group's title is nobody's business here


def test_the_same_plan_serves_another_language(both: Both, gm: Actor) -> None:
    text = '{ store(code: "a1") { invitations(first: 100, where: {template: {eq: "a"}}) { edges { node { templateTitle } } } } }'
    both.compiled(gm, text)
    parts = len(both.schema.compiled.parts)

    class Chinese(Both):
        def context(self, engine: str, actor: Actor) -> Any:
            return replace(super().context(engine, actor), language="zh-CN")

    chinese = Chinese(both.world, both.platforms, both.schema, both.rows, both.runner)
    titles = {row["templateTitle"] for row in rows(chinese.compiled(gm, text), "invitations")}
    assert titles and titles <= {"问卷1", "问卷2"} and len(both.schema.compiled.parts) == parts
