"""Every role at every entity: the lists of a store hold exactly what the role table says."""

import pytest

from forecourt.auth.roles import GROUP_ROLES, ROLES
from forecourt.domain.entities import ENTITIES
from tests.graphql.conftest import Api, Card
from tests.tenancy.reader.reference import Naive

PAIRS = [(role, at) for role in sorted(ROLES) for at in ("N1", None) if at or role in GROUP_ROLES]


@pytest.mark.parametrize(("role", "at"), PAIRS)
def test_lists_of_a_store_by_role(api: Api, role: str, at: str | None) -> None:
    actor = api.actor((role, at), people=2)
    store = api.store("N1")
    viewer = api.context(actor).viewer(Card(store.id, "N1"))
    naive = Naive(store, viewer)
    lists = " ".join(f"{entity.plural}(first: 1) {{ totalCount }}" for entity in ENTITIES)
    answer = api.run(actor, f'{{ store(code: "N1") {{ {lists} }} }}')
    refused = {error["path"][-1]: error["extensions"]["code"] for error in answer.get("errors", [])}
    for entity in ENTITIES:
        held = [grant for grant in entity.grants if actor.can(grant.permission, store.id)]
        found = answer["data"]["store"][entity.plural]
        if not held:
            assert found is None and refused[entity.plural] == "FORBIDDEN"
            continue
        rows = store.rows[entity.table.name]
        assert found["totalCount"] == sum(naive.visible(entity, row) for row in rows), entity.name


def test_a_role_at_another_store_gives_nothing_here(api: Api) -> None:
    for role in sorted(set(ROLES)):
        answer = api.run(api.actor((role, "N2")), '{ store(code: "N1") { employees { totalCount } } }')
        assert answer["data"]["store"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
