"""House rule: SQL text made at run time is executed in `tenancy/raw.py` only.

psycopg sends a text without parameters by the simple protocol, which runs every statement in it: one careless f-string
and an injected `; reset role; …` leaves the store. Constants, `psycopg.sql` and SQLAlchemy's expressions are fine.
"""

import ast
from pathlib import Path

import pytest

PLATFORM = Path(__file__).resolve().parents[2] / "platform"
ALLOWED = {"tenancy/raw.py"}
METHODS = {"execute", "executemany", "exec_driver_sql", "copy", "stream", "text", "execute_ddl", "literal_column"}


def made_at_run_time(node: ast.expr) -> bool:
    """Whether an expression builds text: an f-string with values, concatenation, %, format, join, encode of a name."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return not (constant(node.left) and constant(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"encode", "join", "replace"}:
            return not constant(node.func.value) or bool(node.args)
        if node.func.attr == "format":  # psycopg.sql composes safely; a str does not
            return isinstance(node.func.value, ast.Constant)
    return False


def constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def offences(source: str) -> list[int]:
    """Lines where an execute-like call gets text made at run time."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in METHODS and made_at_run_time(node.args[0]):
                found.append(node.lineno)
    return found


def test_sql_made_at_run_time_is_executed_in_one_module_only() -> None:
    found = {
        f"{path.relative_to(PLATFORM).as_posix()}:{line}"
        for path in PLATFORM.rglob("*.py")
        if path.relative_to(PLATFORM).as_posix() not in ALLOWED
        for line in offences(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("c.execute(f'select {x}')", True),
        ("c.execute('select ' + x)", True),
        ("c.execute('select %s' % x)", True),
        ("c.execute('select {}'.format(x))", True),
        ("c.execute(text.encode())", True),
        ("s.execute(text(f'select {x}'))", True),
        ("c.exec_driver_sql(f'set role {x}')", True),
        ("c.execute('; '.join(parts))", True),
        ("c.execute('select %s', (x,))", False),
        ("c.execute(sql.SQL('select {}').format(sql.Identifier(x)))", False),
        ("s.execute(select(Store))", False),
    ],
)
def test_the_rule_sees_what_it_should(source: str, caught: bool) -> None:
    assert bool(offences(source)) is caught
