"""What a document may be: measured in time that grows with its text alone."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode, parse

from forecourt.graphql import measure
from forecourt.graphql.measure import TooLarge, check_document, check_text, check_values


def refused(query: str) -> dict[str, Any]:
    """By which limit, and how much was asked."""
    with pytest.raises(TooLarge) as caught:
        check_text(query)
        check_document(parse(query, no_location=True))
    found: dict[str, Any] = caught.value.limit
    return found


def repeated(text: str, count: int) -> str:
    return " ".join(text.replace("#", str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("{" + repeated("a#: x", 101) + "}", {"of": "ALIASES", "asked": 101, "most": 100}),
        ("{ x " + repeated("@skip(if: true)", 51) + "}", {"of": "DIRECTIVES", "asked": 51, "most": 50}),
        ("query " + repeated("@a", 51) + "{ x }", {"of": "DIRECTIVES", "asked": 51, "most": 50}),
        ("query($a: Int " + repeated("@a", 51) + "){ x }", {"of": "DIRECTIVES", "asked": 51, "most": 50}),
        ("{ ...F } fragment F on Q " + repeated("@a", 51) + "{ x }", {"of": "DIRECTIVES", "asked": 51, "most": 50}),
        ("{" + "x {" * 30 + "x" + "}" * 31, {"of": "DEPTH", "asked": 31, "most": 30}),
        ("{" + repeated("x", 21) + "}", {"of": "REPEATS", "asked": 21, "most": 20}),
        (repeated("query q# { x }", 21), {"of": "OPERATIONS", "asked": 21, "most": 20}),
        ("{ x }" + repeated("fragment F# on Q { x }", 101), {"of": "FRAGMENTS", "asked": 101, "most": 100}),
        ("{ x(a: " + "[" * 21 + "]" * 21 + ") }", {"of": "ARGUMENT_DEPTH", "asked": 21, "most": 20}),
        ("{ x(a: " + "{a: " * 21 + "1" + "}" * 21 + ") }", {"of": "ARGUMENT_DEPTH", "asked": 21, "most": 20}),
        ("{" + repeated("x", 2_000) + "}", {"of": "TOKENS", "asked": 2_002, "most": 2_000}),
        ("{ x }" + "\n" * 50_000, {"of": "CHARACTERS", "asked": 50_005, "most": 50_000}),
        ("{" + repeated("x#", 201) + "}", {"of": "SELECTION", "asked": 201, "most": 200}),
        ("{ y { ...F } } fragment F on Q { z " + repeated("x#", 200) + "}", {"of": "SELECTION", "asked": 201, "most": 200}),
        ("{" + repeated("...F#", 31) + "}", {"of": "SPREADS", "asked": 31, "most": 30}),
        ("{" + "...F " * 16 + "} fragment F on Q { ...G } fragment G on Q { x }", {"of": "SPREADS", "asked": 32, "most": 30}),
        ("{" + repeated("x# { ...F }", 16) + "} fragment F on Q {" + repeated("y#", 200) + "}",
         {"of": "FIELDS", "asked": 3_216, "most": 3_000}),
    ],
)  # fmt: skip
def test_each_limit_is_said_with_what_was_asked(query: str, limit: dict[str, Any]) -> None:
    assert refused(query) == limit


def test_at_the_limit_it_may_run() -> None:
    check_document(parse("{" + repeated("a#: x", 100) + repeated("x", 20) + repeated("y#", 80) + "}"))
    check_text("{" + repeated("x", 1_998) + "}")
    check_text('{ x(a: "' + "b" * 49_000 + '") }')


def test_a_text_in_a_document_is_one_token() -> None:
    check_text('{ x(a: "' + "{ } " * 5_000 + '", b: """' + '\\""" {} ' * 1_000 + '""") } #' + "{} " * 3_000)
    assert refused('{ x(a: """' + " { } " * 2_000)["of"] == "TOKENS"


@pytest.mark.parametrize("levels", [10, 20, 40, 49])
def test_fragments_that_double_cost_no_more_than_their_text(levels: int) -> None:
    parts = [f"fragment F{n} on Q {{ a: x {{ ...F{n + 1} }} b: x {{ ...F{n + 1} }} }}" for n in range(levels)]
    query = "{ ...F0 } " + " ".join(parts) + f" fragment F{levels} on Q {{ x }}"
    limit = refused(query)  # written out, it would never end
    assert limit["of"] in ("ALIASES", "DEPTH", "FIELDS") and limit["asked"] <= 1_000_000_000


def test_circles_end_and_are_left_to_the_validation() -> None:
    check_document(parse("{ ...A } fragment A on Q { x ...B } fragment B on Q { y ...A ...NONE }"))


def test_variables_are_bounded_in_number_and_depth() -> None:
    check_values([{"a": [1] * 19_000}, "x" * 100_000, None])
    with pytest.raises(TooLarge) as caught:
        check_values([{"a": [[1] * 10_000, [2] * 10_000]}])
    assert caught.value.limit["of"] == "VARIABLE_VALUES"
    deep: Any = 1
    for _ in range(21):
        deep = [deep]
    with pytest.raises(TooLarge) as caught:
        check_values([deep])
    assert caught.value.limit == {"of": "VARIABLE_DEPTH", "asked": 21, "most": 20}


def test_what_is_limited_has_a_name_in_both_languages() -> None:
    for of, limit in measure.LIMITS.items():
        error = TooLarge(of, 10**30)
        assert json.loads(json.dumps(error.limit)) == {"of": of, "asked": 10**9, "most": limit.most}
        assert "1000000000" in error.in_language("en") and f"最多 {limit.most}" in error.in_language("zh-CN")


# --- against the expanded document -----------------------------------------------------------------------------------


def random_document(chance: random.Random) -> str:
    """Fragments that spread later ones, fields with and without alias and directive."""

    def selection(level: int, later: list[str]) -> str:
        parts = []
        for number in range(chance.randint(1, 3)):
            kind = chance.random()
            name = f"{chance.choice('abc')}{number}: x" if chance.random() < 0.3 else f"x{number}"
            mark = " @skip(if: false)" if chance.random() < 0.2 else ""
            if kind < 0.3 and later:
                parts.append(f"...{chance.choice(later)}{mark}")
            elif kind < 0.4:
                parts.append(f"... on Q{mark} {selection(level + 1, later)}")
            elif kind < 0.7 and level < 4:
                parts.append(f"{name}{mark} {selection(level + 1, later)}")
            else:
                parts.append(f"{name}{mark}")
        return "{ " + " ".join(parts) + " }"

    names = [f"F{number}" for number in range(5)]
    fragments = [f"fragment {name} on Q {selection(2, names[place + 1 :])}" for place, name in enumerate(names)]
    return f"{selection(0, names)} {' '.join(fragments)}"


def expanded(node: Any, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[tuple[int, int, int, int]]:
    """Depth, fields, aliases and directives of every node, fragments written out."""
    for item in node.selection_set.selections:
        marks = len(item.directives or ())
        if isinstance(item, FragmentSpreadNode):
            yield 0, 0, 0, marks
            yield from expanded(fragments[item.name.value], fragments)
            continue
        is_field = isinstance(item, FieldNode)
        below = list(expanded(item, fragments)) if item.selection_set else []
        depth = max((one[0] for one in below), default=0) + is_field
        yield depth, int(is_field), int(is_field and item.alias is not None), marks
        yield from ((0, *rest) for _, *rest in below)  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(200))
def test_it_counts_what_the_written_out_document_has(seed: int) -> None:
    tree = parse(random_document(random.Random(seed)))
    fragments = {item.name.value: item for item in tree.definitions if isinstance(item, FragmentDefinitionNode)}
    [operation] = [item for item in tree.definitions if isinstance(item, OperationDefinitionNode)]
    every = list(expanded(operation, fragments))
    size = measure._Measure(fragments).selection(operation.selection_set)
    assert size[:4] == (max(one[0] for one in every), *(sum(one[place] for one in every) for place in (1, 2, 3)))
