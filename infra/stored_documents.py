"""Every document that this folder stores is valid against `schema.graphql`, and uses nothing deprecated.

Stored are: files ``*.graphql``; in pages the blocks ``graphql``, the indented documents, and what curl sends (``"query": "…"``,
``query=…``); in Python every whole text that is a document. What a program puts together is tested by running it.
The documents of the sample client are TypeScript: relay-compiler and GraphQL Code Generator validate them.
"""

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

#: Where documents are not meant for the product's schema, or are wrong on purpose, with the reason.
NOT_MEANT: Mapping[str, str] = {
    "bench/reads/memory.py": "asks for what is not there, as clients do",
    "docs/adding-a-field.md": "its example has an entity more; tests/graphql/compiled/test_adding_a_field.py runs it",
    "tests/graphql/compiled/test_engine.py": "refusals",
    "tests/graphql/compiled/test_fields.py": "schemas with further fields",
    "tests/graphql/compiled/test_mutations.py": "refusals",
    "tests/graphql/compiled/test_null_rises.py": "schemas with fields that fail",
    "tests/graphql/compiled/test_variables.py": "reads no more than the variables",
    "tests/graphql/over_http/fuzzing.py": "requests that are made wrong",
    "tests/graphql/over_http/test_production.py": "wrong names, which nobody may guess",
    "tests/graphql/over_http/test_wire.py": "refusals",
    "tests/graphql/test_http.py": "refusals, and a schema of its own",
    "tests/graphql/test_schema.py": "refusals",
    "tests/live/test_clients.py": "refusals",
    "tests/live/test_events.py": "refusals",
    "tests/live/test_socket.py": "refusals",
}
#: Schemas are no documents.
SCHEMAS = ("schema.graphql", "docs/api/released.graphql")

_BLOCK = re.compile(r"^( *)```graphql\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^ {4}((?:query|mutation|subscription)\b.*\n(?: {4}.*\n)*)", re.MULTILINE)
_IN_JSON = re.compile(r'"query":\s*"((?:[^"\\]|\\.)*)"')
#: A variable of the shell within a text in single quotes.
_SPLICED = re.compile(r"""'"\$(\w+)"'""")
_IN_FORM = re.compile(r"'query=([^']*)'")
_LIKE = re.compile(r"\s*(?:\{|(?:query|mutation|subscription|fragment)\b)")


class Stored(NamedTuple):
    """A document: where it stands, and its text. `sure`: it is meant as one, so it has to be one."""

    file: str
    line: int
    text: str
    sure: bool = True


def stored(name: PurePosixPath, text: str) -> Iterator[Stored]:
    """The documents of one file."""
    if str(name) in SCHEMAS:
        return
    if name.suffix == ".graphql":
        yield Stored(str(name), 1, text)
    elif name.suffix == ".md":
        yield from _in_page(str(name), text)
    elif name.suffix == ".py":
        yield from _in_python(str(name), text)


def _in_page(name: str, text: str) -> Iterator[Stored]:
    text = _SPLICED.sub(r"\1", text)

    def line(found: re.Match[str]) -> int:
        return text.count("\n", 0, found.start()) + 1

    for found in _BLOCK.finditer(text):
        yield Stored(name, line(found), textwrap.dedent(found[2]))
    for found in _INDENTED.finditer(text):
        yield Stored(name, line(found), found[1])
    for found in _IN_JSON.finditer(text):
        yield Stored(name, line(found), json.loads(f'"{found[1]}"', strict=False))
    for found in _IN_FORM.finditer(text):
        yield Stored(name, line(found), found[1])


def _in_python(name: str, text: str) -> Iterator[Stored]:
    nodes = list(ast.walk(ast.parse(text)))
    pieces = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in pieces)
    for node in texts:
        if isinstance(node.value, str) and _LIKE.match(node.value):
            yield Stored(name, node.lineno, node.value, sure=False)


def problems(schema: GraphQLSchema, documents: Iterable[Stored]) -> Iterator[str]:
    """One line per error of a document."""
    for one in documents:
        if one.file in NOT_MEANT:
            continue
        try:
            document = parse(one.text)
        except GraphQLError as error:
            if one.sure:
                yield f"{one.file}:{one.line}: {error.message}"
            continue
        if one.sure or meant(schema, document):
            rules = [*specified_rules, NoDeprecatedCustomRule]
            yield from (f"{one.file}:{one.line}: {error.message}" for error in validate(schema, document, rules))


def meant(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Is a text that can be read as a document meant for this schema? Many texts with braces can be read as one."""
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            root = schema.get_root_type(operation.operation)
            for field in operation.selection_set.selections:
                known = isinstance(field, FieldNode) and root is not None and field.name.value in root.fields
                if known and getattr(field, "selection_set", None) is not None:
                    return True
    return False


def of_files(root: Path, files: Iterable[Path]) -> Iterator[Stored]:
    """The documents of many files."""
    for path in files:
        if path.suffix in (".graphql", ".md", ".py") and path.is_file() and not path.is_symlink():
            yield from stored(PurePosixPath(path.relative_to(root)), path.read_text(encoding="utf-8"))
