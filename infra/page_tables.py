"""Tables of the documentation that are made from code, in Markdown. Used by `fresh.py`."""

from typing import Any

from pydantic_core import PydanticUndefined

from forecourt.domain.interchange.format import GROUP_FILES, STORE_FILES, ColumnSpec, FileSpec
from forecourt.settings import Settings

SIGNS = {True: "<", False: "≤"}


def interchange() -> dict[str, str]:
    """Section 4 of docs/interchange.md: a table per file."""
    return {"files": "\n\n".join(_file(spec) for spec in (*GROUP_FILES, *STORE_FILES))}


def settings() -> dict[str, str]:
    """README's table of the variables an operator may set."""
    rows = [
        f"| `{_variable(name, field)}` | {_default(field)} | {field.description or ''} |" for name, field in _fields()
    ]
    return {"settings": "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows])}


def _fields() -> list[tuple[str, Any]]:
    return list(Settings.model_fields.items())


def _variable(name: str, field: Any) -> str:
    return str(field.validation_alias or f"FORECOURT_{name.upper()}")


def _default(field: Any) -> str:
    if field.default is PydanticUndefined or field.default is None:
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _file(spec: FileSpec) -> str:
    lines = [f"### {spec.name}", "", f"{spec.meaning[0].upper()}{spec.meaning[1:]}.", ""]
    lines.append("Key: " + ", ".join(f"`{name}`" for name in spec.key) + ".")
    lines += ["", "| Column | Type, allowed values | | Meaning |", "|---|---|---|---|"]
    lines += [_column(column) for column in spec.columns]
    rules = [f"`{rule.earlier}` {SIGNS[rule.strict]} `{rule.later}`" for rule in spec.orders]
    if rules:
        lines += ["", f"Order of dates: {', '.join(rules)}."]
    for needed in spec.required_when:
        when = f"is {' or '.join(needed.words)}" if needed.words else "is given"
        lines += ["", f"Step 1b: `{needed.column}` is required when `{needed.when}` {when}."]
    for excludes in spec.excludes:
        lines += ["", f"A row with `{excludes.column}` cannot have `{excludes.other}`."]
    return "\n".join(lines)


def _column(column: ColumnSpec) -> str:
    meaning = "; ".join(part for part in (_reference(column), column.meaning) if part)
    return f"| `{column.name}` | {_type(column)} | {'required' if column.required else ''} | {meaning} |"


def _reference(column: ColumnSpec) -> str:
    return f"→ {column.reference.removesuffix('.csv')}" if column.reference else ""


def _type(column: ColumnSpec) -> str:
    if column.type == "word":
        return " · ".join(column.words)
    if column.low is not None and column.high is not None:
        return f"{column.type} {column.low}–{column.high}"
    return f"{column.type} ≥ {column.low}" if column.low is not None else column.type
