"""Every code that can be answered stands in a catalogue, with what to do, in both languages; docs/errors.md shows them."""

import ast
from collections.abc import Iterator
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from forecourt.domain.interchange.findings import ROW_CODES, WARNING_CODES
from forecourt.errors import ForecourtError
from forecourt.graphql import malformed
from forecourt.graphql.api import user_errors
from forecourt.graphql.errors import ADVICE, CATALOGUE, KeyRefused, Saying, code_of
from infra.error_tables import EXAMPLES, sayings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/errors.md").read_text()
#: Said on pages only, by code that no mutation calls.
OF_PAGES = {
    "ACCOUNT_DISABLED": "sign-in by a provider",
    "NO_ACCOUNT": "sign-in by a provider",
    "PROVIDER_INACTIVE": "sign-in by a provider",
    "SECOND_FACTOR_REQUIRED": "a person's own second factor",
}


def raised(folder: str) -> Iterator[tuple[str, str]]:
    """Codes of refusals, and the file that raises them."""
    for path in (ROOT / "platform" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                yield from ((str(one.value), path.name) for one in node.args[:1] if isinstance(one, ast.Constant))


def test_every_refusal_of_the_domain_is_in_the_catalogue() -> None:
    found = dict(raised("domain"))
    assert len(found) > 30
    assert found.keys() - user_errors().keys() == OF_PAGES.keys()


def test_no_code_is_said_that_nothing_raises() -> None:
    """Codes of error classes and of findings, which are no constants where they are raised, are known by name."""
    classes = {"INVALID", "STALE_VERSION", "WRONG_STATE", "REFUSED"}
    findings = user_errors().keys() & {*ROW_CODES, *WARNING_CODES}
    doors = {code for folder in ("auth", "domain", "graphql") for code, _ in raised(folder)}
    texts = {"REASON_NEEDED"}  # `wording` is told it
    assert user_errors().keys() == (user_errors().keys() & doors) | classes | findings | texts


def test_every_code_has_advice() -> None:
    assert ADVICE.keys() == CATALOGUE.keys()
    assert len({one.status for one in KeyRefused.__subclasses__()}) == len(KeyRefused.__subclasses__())


def every_error() -> Iterator[type[ForecourtError]]:
    waiting: list[type[ForecourtError]] = [ForecourtError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        yield kind


def test_every_error_ends_in_a_code_of_the_catalogue() -> None:
    for kind in every_error():
        made = kind.__new__(kind)
        made.args, made.message, made.data = (), "", {}
        assert code_of(made) in CATALOGUE, kind


@pytest.mark.parametrize("saying", [*CATALOGUE.values(), *user_errors().values(), *sayings()])
def test_everything_is_said_in_both_languages(saying: Saying) -> None:
    assert saying.en.isascii() and saying.en[-1] in ".…" and saying.en[0].upper() == saying.en[0]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in saying.zh) and saying.zh[-1] == "。"
    assert saying.en in PAGE and saying.zh in PAGE


def test_every_message_with_a_number_has_an_example() -> None:
    made = {
        name
        for name, function in getmembers(malformed, isfunction)
        if function.__module__ == malformed.__name__ and not name.startswith("_")
    }
    assert made == EXAMPLES.keys()
