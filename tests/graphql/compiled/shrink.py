"""A small document of a big one: greedy removal of what is not needed for both engines to differ."""

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    DocumentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    print_ast,
)

#: Removals that are tried at most: a shrink takes two runs each.
MOST_TRIES = 400


def shrunk(text: str, differs: Callable[[str], bool]) -> str:
    """The smallest document found that still `differs` (which also says no to whatever is not valid)."""
    best = text
    tries = 0
    while tries < MOST_TRIES:
        for smaller in _smaller(best):
            tries += 1
            if tries >= MOST_TRIES:
                break
            if differs(smaller):
                best = smaller
                break
        else:
            break
    return best


def _smaller(text: str) -> Iterator[str]:
    """The document with one thing less: the largest things first."""
    count = len(list(_removable(parse(text))))
    made: list[str] = []
    for number in range(count):
        tree = parse(text)
        for place, (owner, name, item) in enumerate(_removable(tree)):
            if place == number:
                kept = tuple(one for one in getattr(owner, name) if one is not item)
                if kept or name != "selections":
                    object.__setattr__(owner, name, kept)  # nodes are frozen; this tree is nobody else's
                    made.append(_printed(tree))
                break
    yield from sorted(dict.fromkeys(made), key=len)


def _removable(tree: Node) -> Iterator[tuple[Any, str, Node]]:
    if isinstance(tree, DocumentNode):
        for item in tree.definitions:
            yield from _removable(item)
        return
    for name in ("directives", "arguments", "selections", "fields", "values"):
        for item in getattr(tree, name, None) or ():
            yield tree, name, item
            yield from _removable(item)
    for name in ("selection_set", "value"):
        inner = getattr(tree, name, None)
        if isinstance(inner, Node):
            yield from _removable(inner)


def _printed(tree: DocumentNode) -> str:
    """The document without fragments that nothing spreads and variables that nothing uses."""
    text = print_ast(tree)
    for item in list(tree.definitions):
        name = getattr(item, "name", None)
        if not isinstance(item, OperationDefinitionNode) and name is not None and f"...{name.value}" not in text:
            kept = tuple(one for one in tree.definitions if one is not item)
            return _printed(DocumentNode(definitions=kept))
    for item in tree.definitions:
        if isinstance(item, OperationDefinitionNode) and item.variable_definitions:
            body = print_ast(SelectionSetNode(selections=item.selection_set.selections))
            rest = body + "".join(print_ast(one) for one in tree.definitions if one is not item)
            known = item.variable_definitions
            used = tuple(one for one in known if _uses(rest, one.variable.name.value))
            head = OperationDefinitionNode(
                operation=item.operation,
                name=item.name,
                variable_definitions=used,
                directives=item.directives,
                selection_set=item.selection_set,
            )
            others = (one for one in tree.definitions if one is not item)
            return print_ast(DocumentNode(definitions=(head, *others)))
    return print_ast(tree)


def _uses(text: str, name: str) -> bool:
    return any(f"${name}{after}" in text for after in " ,)]}\n")
