"""Every stored document of the pages is valid against the schema, is named like its file, and is run by a page."""

import re
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse, validate

from forecourt.graphql.api import api_schema
from forecourt.web.stored import DOCUMENTS, operation_name

WEB = Path(__file__).parent.parent.parent / "platform" / "web"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid_and_its_operation_is_named_like_its_file(name: str) -> None:
    document = parse(DOCUMENTS[name])
    assert validate(api_schema()._schema, document) == []
    operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
    assert [item.name.value for item in operations if item.name] == [operation_name(name)]


def test_every_document_is_run_by_a_page_and_every_page_runs_a_document_that_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in WEB.glob("*.py"))
    run = set(re.findall(r'(?:ask|follow|_act)\(\s*(?:visit, )?"(\w+)"', source))
    assert run == set(DOCUMENTS)
