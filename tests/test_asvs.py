"""docs/security/asvs.md speaks of every requirement once, and of no test that does not exist."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/security/asvs.md").read_text("utf-8")
#: Section of ASVS 5.0.0 → numbers of its requirements of level 1, and of level 2.
LEVELS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "6.1": ((1,), (2, 3)),
    "6.2": ((1, 2, 3, 4, 5, 6, 7, 8), (9, 10, 11, 12)),
    "6.3": ((1, 2), (3, 4)),
    "6.4": ((1, 2), (3, 4)),
    "6.5": ((), (1, 2, 3, 4, 5)),
    "6.6": ((), (1, 2, 3)),
    "6.8": ((), (1, 2, 3, 4)),
    "7.1": ((), (1, 2, 3)),
    "7.2": ((1, 2, 3, 4), ()),
    "7.3": ((), (1, 2)),
    "7.4": ((1, 2), (3, 4, 5)),
    "7.5": ((), (1, 2)),
    "7.6": ((), (1, 2)),
    "8.1": ((1,), (2,)),
    "8.2": ((1, 2), (3,)),
    "8.3": ((1,), ()),
    "8.4": ((), (1,)),
    "9.1": ((1, 2, 3), ()),
    "9.2": ((1,), (2, 3, 4)),
    "10.1": ((), (1, 2)),
    "10.2": ((), (1, 2)),
    "10.3": ((), (1, 2, 3, 4)),
    "10.4": ((1, 2, 3, 4, 5), (6, 7, 8, 9, 10, 11)),
    "10.5": ((), (1, 2, 3, 4, 5)),
    "10.6": ((), (1, 2)),
    "10.7": ((), (1, 2, 3)),
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+\.\d+\.\d+ \|", line)
]
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PATHS = sorted(set(re.findall(r"`(platform/[\w/.]+|docs/[\w/.]+\.md)`", PAGE)))


def test_every_requirement_of_levels_1_and_2_stands_there_once() -> None:
    wanted = Counter(
        (f"{section}.{number}", str(level))
        for section, levels in LEVELS.items()
        for level, numbers in enumerate(levels, 1)
        for number in numbers
    )
    assert Counter((row[0], row[1]) for row in ROWS) == wanted


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_whole(row: list[str]) -> None:
    """Whoever says it is met shows where and how; whoever does not says why."""
    _, _, asks, state, where, shown, why = row
    assert asks and state in ("met", "partly", "not", "n/a")
    assert state != "met" or (where and (shown == "*review*" or "::" in shown))
    assert state == "met" or why


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("path", "name"), TESTS, ids=[f"{path}::{name}" for path, name in TESTS])
def test_every_named_test_exists(path: str, name: str) -> None:
    assert (ROOT / path).exists() and name in functions(path)


@pytest.mark.parametrize("path", PATHS)
def test_every_named_file_exists(path: str) -> None:
    assert (ROOT / path).exists()
