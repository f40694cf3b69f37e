"""An explanation as data, for the developers' extension, and as text, for `forecourt explain`."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...auth.roles import Scope
from ...tenancy.names import TENANT_PLACEHOLDER
from ...tenancy.reader.compile_sql import Read, Template
from .. import ids
from .execute import Made
from .explain import STEPS, Explanation, Seen, own_names
from .plan import OperationPlan, RowsPlan, StorePlan

# --- as data ---------------------------------------------------------------------------------------------------------


def as_data(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON. No value of a parameter, an argument or a row is in it."""
    if found.plan is None or found.handed_over:
        return {"handedOver": found.handed_over}
    parts = [_part(made, seen) for made, seen in found.parts.items()]
    return {
        "handedOver": None,
        "roots": [
            {"key": root.key, "field": f"Query.{root.name}", "byGraphqlCore": _own_of_root(found.plan, root)}
            for root in found.plan.roots
        ],
        "parts": parts,
        "cost": {
            "roundTrips": sum(len(part["stores"]) for part in parts if part["statements"]),
            "statements": sum(len(part["stores"]) * len(part["statements"]) for part in parts),
            "rowsAtMost": sum(len(part["stores"]) * part["cost"]["rowsAtMost"] for part in parts),
        },
        "milliseconds": {step: round(found.times[-1][step], 3) for step in STEPS},
        "millisecondsByGraphqlCore": {name: round(took, 3) for name, took in found.own.items()},
    }


def _own_of_root(plan: OperationPlan, root: Any) -> list[str]:
    if not root.whole:
        return own_names("Group", root.own.values())
    inner = plan.own_below(root.nodes, "Viewer") if root.name == "viewer" else {}
    return [f"Query.{root.name}", *own_names("Viewer", inner.values())]


def _part(made: Made, seen: Seen) -> dict[str, Any]:
    plan = seen.part.plan
    reads = made.variant.reads
    levels = [level for key, read in reads.items() for level in _levels(key, read, _first(plan, key))]
    own = plan.own.values() if isinstance(plan, StorePlan) else ()
    return {
        "stores": list(seen.rows),
        "reach": {permission: Scope(scope).name for permission, scope in seen.reach},
        "refused": _refused(plan),
        "byGraphqlCore": own_names(ids.STORE, (one for one in own if one[0].name.value not in _refused(plan))),
        "variant": list(seen.nulls),
        "cost": {"rowsAtMost": sum(level["rowsAtMost"] for level in levels), "levels": levels},
        "statements": [
            {
                "text": " ".join(_text(template).split()),
                "parameters": _parameters(template),
                "rows": {code: rows[place] for code, rows in seen.rows.items() if place < len(rows)},
            }
            for place, template in enumerate(made.variant.templates)
        ],
    }


def _refused(plan: StorePlan | RowsPlan) -> list[str]:
    return sorted({nodes[0].name.value for _, nodes, _ in plan.refusals}) if isinstance(plan, StorePlan) else []


def _first(plan: StorePlan | RowsPlan, key: str) -> int | None:
    """How many rows are read by their ids; None for a list."""
    return plan.counts[key] if isinstance(plan, RowsPlan) else None


def _levels(key: str, read: Read, parents: int | None) -> Iterator[dict[str, Any]]:
    """Each level with the rows that it reads at most: a page for every parent, were every page full."""
    size = read.size if read.rows is not None else 0
    most = (parents or 1) * size if size is not None else (parents or 1)
    columns: dict[str, int] = {}
    if read.rows is not None:
        columns = {"(parent)": 0} if read.relation is not None else {}
        columns |= {"id": read.id, **read.fields} | {
            f"({name})": at for name, at in read.locals.items() if at != read.id
        }
    yield {
        "level": key.partition("(")[0],
        "entity": read.entity.name,
        "page": read.size,
        "rowsAtMost": most,
        "rowsIn": read.rows,
        "totalIn": read.total,
        "columns": columns,
    }
    for name, child in read.children.items():
        for level in _levels(name, child, most):
            yield level | {"level": f"{key.partition('(')[0]} › {level['level']}"}


def _text(template: Template) -> str:
    """The statement, with the word `store` where a store's schema will stand."""
    return template.text.replace(f"__[SCHEMA_{TENANT_PLACEHOLDER}]", "store")


def _parameters(template: Template) -> list[str]:
    return [_source(text) for text in template.sources]


_KNOWN = ("the store's day", "the viewer's employees")


def _source(text: str) -> str:
    """Where a parameter's value comes from, without the value: constants of a document are somebody's words, too."""
    if text in _KNOWN or text.startswith("cursor "):
        return text
    try:
        return _words(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return _words(None)


def _words(key: Any) -> str:
    match key:
        case ("variable", tuple() as path):
            return f"variable ${'.'.join(map(str, path))}"
        case ("ids", str() as type_):
            return f"the ids of {type_}"
        case ("word", inner):
            return _words(inner)
        case ("row", str() as entity, inner):
            return f"the row of {entity} that an id names: {_words(inner)}"
        case ("literal", _):
            return "written in the document"
        case list():
            return ", ".join(dict.fromkeys(map(_words, key)))
        case _:
            return "a constant of the document or of a rule"


# --- as text ---------------------------------------------------------------------------------------------------------


def as_text(found: Explanation) -> str:
    """The explanation in the order in which a request goes its way."""
    if found.handed_over or found.plan is None:
        return f"Not compiled: {found.handed_over}.\ngraphql-core answers it (docs/reader.md, Compiled)."
    data = as_data(found)
    lines = [f"Compiled. Roots: {', '.join(f'{root.key}: {root.name}' for root in found.plan.roots)}."]
    lines += [_cost_line(data["cost"])]
    own = [name for one in (*data["roots"], *data["parts"]) for name in one["byGraphqlCore"]]
    if own:
        lines.append(f"Completed by graphql-core, side by side with the rest: {', '.join(dict.fromkeys(own))}.")
    if not found.parts:
        lines.append("No store is opened: control rows answer all of it.")
    for number, (made, part) in enumerate(zip(found.parts, data["parts"], strict=True), 1):
        lines += ["", *_part_lines(number, made, part)]
    lines += ["", *_time_lines(found)]
    if found.answer is not None and "errors" in found.answer:
        lines += ["", "Errors in the answer:"]
        lines += [
            f"   {'.'.join(map(str, e.get('path', ())))}: {e['extensions']['code']}" for e in found.answer["errors"]
        ]
    return "\n".join(lines)


def _cost_line(cost: Mapping[str, int]) -> str:
    return (
        f"Cost: round trips {cost['roundTrips']}, statements {cost['statements']}, rows at most {cost['rowsAtMost']}."
    )


def _part_lines(number: int, made: Made, part: Mapping[str, Any]) -> Iterator[str]:
    if part["statements"]:
        yield f"Part {number}: one round trip of {len(part['statements'])} statements for each of: {', '.join(part['stores'])}"
    else:
        yield f"Part {number}: control rows alone, no round trip, for each of: {', '.join(part['stores'])}"
    shown = ", ".join(f"{permission} {scope}" for permission, scope in part["reach"].items()) or "nothing"
    yield f"   This plan is for whoever may: {shown}"
    if part["refused"]:
        yield f"   Refused before any statement: {', '.join(part['refused'])}"
    if part["byGraphqlCore"]:
        yield f"   Completed by graphql-core: {', '.join(part['byGraphqlCore'])}"
    yield f"   Variant: {'null in a cursor: ' + ', '.join(part['variant']) if part['variant'] else 'no null in a cursor'}"
    if part["cost"]["levels"]:
        yield from ("", "   Rows at most, were every page full")
        for level in part["cost"]["levels"]:
            yield f"     {level['rowsAtMost']:>7}  {_level_words(level)}"
        yield f"     {part['cost']['rowsAtMost']:>7}  together, in each store"
    for place, (template, one) in enumerate(zip(made.variant.templates, part["statements"], strict=True)):
        counts = ", ".join(f"{rows} in {code}" for code, rows in one["rows"].items())
        yield from ("", f"   Statement {place}" + (f" (rows: {counts})" if counts else ""))
        yield from (f"     {line.strip()}" for line in _text(template).splitlines())
        yield from (f"     ${at} = {source}" for at, source in enumerate(one["parameters"], 1))
    for level in part["cost"]["levels"]:
        if level["columns"]:
            columns = ", ".join(f"{at} {name}" for name, at in level["columns"].items())
            yield from ("", f"   Columns of statement {level['rowsIn']}, {level['level']} ({level['entity']})")
            yield f"     {columns}"
    yield from ("", "   The answer is made by", *(f"     {line}" for line in made.source.splitlines()))


def _level_words(level: Mapping[str, Any]) -> str:
    """What a level reads, and in which statements."""
    where = [] if level["rowsIn"] is None else [f"rows in statement {level['rowsIn']}"]
    where += [] if level["totalIn"] is None else [f"total in statement {level['totalIn']}"]
    page = "" if level["page"] is None else f", a page of {level['page']}"
    return f"{level['level']} → {level['entity']}{page}: {', '.join(where)}"


def _time_lines(found: Explanation) -> Sequence[str]:
    heads = ("first time", "again")[: len(found.times)]
    lines = [f"{'Milliseconds':30}" + "".join(f"{head:>12}" for head in heads)]
    lines += [f"{step:30}" + "".join(f"{times[step]:12.2f}" for times in found.times) for step in STEPS]
    lines += [f"   {name}: {took:.2f} at most" for name, took in found.own.items()]
    return lines
