"""Both engines give the same answer to random documents: data, errors, paths and order."""

import os

from forecourt.auth.roles import ROLES
from forecourt.domain.entities import ENTITIES
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.fuzz import Report, run_fuzz, validated_once

SEED = int(os.environ.get("FORECOURT_FUZZ_SEED", "20260915"))


def check(report: Report, least: int) -> None:
    print(f"\n{report}")
    assert not report.different, f"{report}\n\n" + "\n\n".join(report.different)
    wanted = [f"role:{role}" for role in ROLES]
    wanted += [f"Store.{entity.plural}" for entity in ENTITIES]
    wanted += [f"{entity.name}.{item.name}" for entity in ENTITIES for item in entity.fields]
    wanted += [f"{entity.name}.{relation.name}" for entity in ENTITIES for relation in entity.relations]
    wanted += [f"argument:{name}" for name in ("first", "last", "after", "before", "where", "orderBy")]
    wanted += ["@skip", "@include", "fragment", "inline", "variable", "default", "where:related", "where:id"]
    missing = {name: report.covers[name] for name in wanted if report.covers[name] < least}
    assert not missing, f"{report}\ncovered fewer than {least} times: {missing}"
    assert report.compiled > 0.75 * report.documents, report


def test_random_documents_have_the_same_answer_in_both_engines(both: Both) -> None:
    with validated_once():
        report = run_fuzz(both, SEED, int(os.environ.get("N", "2000")))
    check(report, 1)
