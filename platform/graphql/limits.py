"""Limits of a document, checked before anything runs. Linear in the document: every fragment is measured once."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

MOST_TOKENS = 10_000
MOST_LETTERS = 100_000
MOST_DEPTH = 30

#: For every parser of documents. Tokens alone bound little: a comment, a text or the space between them may be a megabyte.
PARSING: Mapping[str, Any] = {"max_tokens": MOST_TOKENS, "max_source_length": MOST_LETTERS}


class DepthRule(ASTValidationRule):
    """Refuses documents nested deeper than MOST_DEPTH fields."""

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        """Measure every operation."""
        fragments = {item.name.value: item for item in node.definitions if isinstance(item, FragmentDefinitionNode)}
        known: dict[str, int] = {}
        for item in node.definitions:
            if isinstance(item, OperationDefinitionNode) and _depth(item.selection_set, fragments, known) > MOST_DEPTH:
                self.report_error(
                    GraphQLError(f"Deeper than {MOST_DEPTH} fields.", item, extensions={"code": "COST_LIMIT"})
                )


def _depth(selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], known: dict[str, int]) -> int:
    """How many fields stand below one another; a fragment that is being measured counts 0 (cycles are refused elsewhere)."""
    deepest = 0
    for item in selected.selections:
        if isinstance(item, FragmentSpreadNode):
            name = item.name.value
            if name not in known and name in fragments:
                known[name] = 0
                known[name] = _depth(fragments[name].selection_set, fragments, known)
            deepest = max(deepest, known.get(name, 0))
            continue
        below = getattr(item, "selection_set", None)
        here = 1 if isinstance(item, FieldNode) else 0
        deepest = max(deepest, here + (_depth(below, fragments, known) if below else 0))
    return deepest


class Limits(SchemaExtension):
    """Puts the limits into the parser and the validation."""

    def on_operation(self) -> Iterator[None]:
        """Before parsing."""
        execution = self.execution_context
        execution.parse_options = cast(Any, dict(PARSING))
        execution.validation_rules = (*execution.validation_rules, DepthRule)
        yield


class Known(SchemaExtension):
    """Neither parses nor validates what was parsed and validated before, by the same limits and rules (`Context.valid`)."""

    def on_parse(self) -> Iterator[None]:
        """Before parsing."""
        self.execution_context.graphql_document = self.execution_context.context.valid
        yield

    def on_validate(self) -> Iterator[None]:
        """Before validation, which is left out where its errors are known."""
        if self.execution_context.context.valid is not None:
            self.execution_context.pre_execution_errors = []
        yield
