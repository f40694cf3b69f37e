"""Every stored document of the pages is valid against the schema, is named like its file, and is run by a page."""

import re
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

from forecourt.domain.entities import ENTITIES
from forecourt.graphql.schema import build
from forecourt.web.stored import DOCUMENTS
from tests.web.promised import EXTENSION

WEB = Path(__file__).parent.parent.parent / "platform" / "web"


@pytest.fixture(scope="module")
def schema() -> object:
    """The schema of the entities, with what other doors add to group, store and mutations."""
    own = build(ENTITIES).as_str()
    fields = set(re.findall(r"^  (benchmark|months|approveRun)\(?", own, re.MULTILINE))
    return build_schema(own if fields >= {"benchmark", "months", "approveRun"} else own + EXTENSION)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid_and_named_like_its_file(name: str, schema: object) -> None:
    document = parse(DOCUMENTS[name])
    assert validate(schema, document) == []  # type: ignore[arg-type]
    operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
    assert [item.name.value for item in operations if item.name] == [name.title().replace("_", "")]


def test_every_document_is_run_by_a_page_and_every_page_runs_a_document_that_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in WEB.glob("*.py"))
    run = set(re.findall(r'(?:ask|_act)\(\s*(?:visit, )?"(\w+)"', source))
    assert run == set(DOCUMENTS)
