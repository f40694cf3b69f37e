"""Both engines give the same answer to random documents: data, errors, paths and order."""

import os

import pytest

from forecourt.auth.roles import ROLES
from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.reader.shape import Operator
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.fuzz import Report, run_fuzz, validated_once

SEED = int(os.environ.get("FORECOURT_FUZZ_SEED", "20260915"))


def check(report: Report, least: int) -> None:
    """No difference, everything covered so often, and most of it compiled."""
    print(f"\n{report}")
    assert not report.different, f"{report}\n\n" + "\n\n".join(report.different)
    faults = [reason for reason in report.handed_over if reason.startswith("a fault") or "database" in reason]
    assert not faults, report
    wanted = [f"role:{role}" for role in ROLES]
    wanted += [f"Store.{entity.plural}" for entity in ENTITIES]
    wanted += [f"{entity.name}.{item.name}" for entity in ENTITIES for item in entity.fields]
    wanted += [f"{entity.name}.{relation.name}" for entity in ENTITIES for relation in entity.relations]
    wanted += [f"argument:{name}" for name in ("first", "last", "after", "before", "where", "orderBy")]
    wanted += ["@skip", "@include", "fragment", "inline", "variable", "default", "where:related", "where:id"]
    wanted += [
        "where:and",
        "where:or",
        "where:not",
        "interface",
        "edges twice",
        "Query.node",
        "Query.nodes",
        "Group.stores",
    ]
    wanted += [f"operator:{item}" for item in Operator]
    missing = {name: report.covers[name] for name in wanted if report.covers[name] < least}
    assert not missing, f"{report}\ncovered fewer than {least} times: {missing}"
    assert report.compiled > 0.75 * report.documents, report


def test_random_documents_have_the_same_answer_in_both_engines(both: Both) -> None:
    with validated_once():
        report = run_fuzz(both, SEED, 3_000)
    check(report, 20)


@pytest.mark.proof
def test_a_hundred_thousand_random_documents_have_the_same_answer_in_both_engines(both: Both) -> None:
    with validated_once():
        report = run_fuzz(both, SEED + 1, 100_000)
    check(report, 20)
