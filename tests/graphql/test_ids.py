"""Global ids read back as they were written, and nothing else reads as one."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.entities import ENTITIES
from forecourt.graphql.ids import GlobalId, parse

NAMES = [entity.name for entity in ENTITIES]


@given(st.sampled_from(NAMES), st.uuids(), st.uuids())
def test_an_id_reads_back(name: str, store: UUID, row: UUID) -> None:
    found = GlobalId(name, store, row)
    assert parse(str(found)) == found


@settings(max_examples=300)
@given(st.text(max_size=90) | st.text(alphabet="ABCDEFabcdef0123456789-_=", max_size=90))
def test_other_texts_are_no_ids_or_the_one_spelling(text: str) -> None:
    found = parse(text)
    assert found is None or str(found) == text


def test_very_long_texts_are_no_ids() -> None:
    assert parse("A" * 100_000) is None
