"""Changes of the schema since the last release: which of them break a promise, and all of them as a list for people.

    python -m infra.schema_changes              prints what changed since docs/api/released.graphql
    python -m infra.schema_changes --release    makes the present schema the released one (`make baseline`)

What integrators may rely on, and how something goes: docs/api/evolution.md. In short: what is released stays, or is deprecated
in a release first, with a day, and goes after that day.
"""

import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    REMOVE,
    BreakingChangeType,
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    NamedTypeNode,
    Node,
    Visitor,
    build_ast_schema,
    build_schema,
    parse,
    visit,
)
from graphql.utilities.find_schema_changes import (
    DangerousChangeType,
    SafeChangeType,
    find_schema_changes,
)

from forecourt.graphql.errors import CATALOGUE
from infra.schema_rules import elements, removed_after

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema.graphql"
RELEASED = ROOT / "docs/api/released.graphql"
PAGE = ROOT / "docs/api/evolution.md"
CHANGELOG = ROOT / "docs/api/changelog.md"
#: Something deprecated can be relied on so long after the release that deprecates it.
NOTICE = timedelta(days=180)

_HEAD = re.compile(
    r"# Forecourt (\S+), (released|before its release), (\d{4}-\d\d-\d\d)\n# extensions.code: ([A-Z_]+(?:, [A-Z_]+)*)\n"
)
#: `Type`, `Type.field`, `Type.field(argument:)`, `@directive(argument:)`
_COORDINATE = re.compile(r"@?\w+(?:\.\w+)?(?:\(\w+:\))?")
_BROKEN = re.compile(r"^- `([^`]+)`: \S", re.MULTILINE)
_SINCE = "<!-- made: since -->\n\n", "\n\n<!-- end: since -->"

#: Changes that graphql-core calls dangerous and that break what we promise: a request means something else than before.
BREAKING = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
}


class Baseline(NamedTuple):
    """The schema, and the codes of errors outside of it, that were promised last. `released`: there was a release; else it is what
    the first one is measured by."""

    version: str
    released: bool
    day: date
    codes: Sequence[str]
    text: str

    @property
    def schema(self) -> GraphQLSchema:
        """The schema itself."""
        return build_schema(self.text)


def read_baseline(text: str) -> Baseline:
    """The baseline in a file's text.

    Raises:
        ValueError: the first lines do not say of which release it is, and which codes errors have.
    """
    found = _HEAD.match(text)
    if found is None:
        raise ValueError(
            "its first lines must be '# Forecourt VERSION, released, YYYY-MM-DD' and '# extensions.code: CODE, CODE':"
            " write them by make baseline"
        )
    codes = found[4].split(", ")
    return Baseline(found[1], found[2] == "released", date.fromisoformat(found[3]), codes, text[found.end() :])


def breaking(old: GraphQLSchema, new: GraphQLSchema) -> list[str]:
    """Sentences about every change that can break a client, or change what its requests mean."""
    found = [
        change.description
        for change in find_schema_changes(old, new)
        if isinstance(change.type, BreakingChangeType) or change.type in BREAKING
    ]
    for name, kind in old.type_map.items():
        now = new.type_map.get(name)
        if _one_of(now) and isinstance(kind, GraphQLInputObjectType) and not kind.is_one_of:
            found.append(f"{name} takes exactly one of its fields now.")
    return sorted(found)


def _one_of(kind: GraphQLNamedType | None) -> bool:
    return isinstance(kind, GraphQLInputObjectType) and kind.is_one_of


def without_what_may_go(old: str, today: date) -> GraphQLSchema:
    """The released schema without what it deprecated until a day that is over, and without the types that only this led to.

    A change that breaks nothing of the rest breaks no promise.
    """
    whole = parse(old)
    rest = visit(whole, _Going(today))
    gone = _reached(whole) - _reached(rest)
    kept = [one for one in rest.definitions if _name(one) not in gone]
    return build_ast_schema(DocumentNode(definitions=tuple(kept)), assume_valid_sdl=True)


class _Going(Visitor):
    """Takes out what may go. Descriptions do not matter here."""

    def __init__(self, today: date) -> None:
        super().__init__()
        self.today = today

    def enter(self, node: Any, *_: Any) -> Any:
        for one in getattr(node, "directives", None) or ():
            if one.name.value == "deprecated":
                reason = next((given.value.value for given in one.arguments if given.name.value == "reason"), "")
                last = removed_after(reason)
                if last is not None and last < self.today:
                    return REMOVE
        return None


def _reached(document: DocumentNode) -> set[str]:
    """Names of the types that lead somewhere from the roots; who implements an interface is reached with it."""
    known = {_name(one): one for one in document.definitions}
    leads: dict[str, set[str]] = {name: _names_in(one) for name, one in known.items()}
    for name, one in known.items():
        for interface in getattr(one, "interfaces", None) or ():
            leads[interface.name.value].add(name)
    reached: set[str] = set()
    to_do = ["Query", "Mutation", "Subscription"]
    while to_do:
        name = to_do.pop()
        if name in known and name not in reached:
            reached.add(name)
            to_do.extend(leads[name])
    return reached


def _name(definition: Any) -> str:
    name = getattr(definition, "name", None)
    return "" if name is None else str(name.value)


def _names_in(node: Node) -> set[str]:
    found: set[str] = set()

    class Names(Visitor):
        def enter_named_type(self, inside: NamedTypeNode, *_: Any) -> None:
            found.add(inside.name.value)

    visit(node, Names())
    return found


def broken(
    baseline: Baseline, new: GraphQLSchema, codes: Collection[str], listed: Sequence[str], today: date
) -> Iterator[str]:
    """One line per promise that the present schema and codes break. `listed`: where it may be broken before the first release."""
    page, used = PAGE.relative_to(ROOT), set()
    for code in baseline.codes:
        if code not in codes:
            yield f"The error code {code} is gone: {baseline.version} promises it, and codes stay ({page})"
    for change in breaking(without_what_may_go(baseline.text, today), new):
        places = set(_COORDINATE.findall(change)) & set(listed)
        used |= places
        if baseline.released:
            yield f"{change} {baseline.version} promises it: deprecate it first ({page})"
        elif not places:
            yield f"{change} If that has to be, list its coordinate on {page}"
    for at in listed:
        if at not in used or baseline.released:
            yield f"{page}: lists {at}, which breaks nothing any more"
    yield from _sooner(baseline.schema, new)


def _sooner(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    now = deprecations(new)
    for at, reason in deprecations(old).items():
        before, after = removed_after(reason), removed_after(now.get(at, ""))
        if before is not None and after is not None and after < before:
            yield f"{at}: was promised until {before}, and would go after {after}"


def deprecations(schema: GraphQLSchema) -> Mapping[str, str]:
    """The reason of everything deprecated, by its coordinate."""
    found = ((at, getattr(of, "deprecation_reason", None)) for at, of in elements(schema))
    return {at: reason for at, reason in found if reason is not None}


def listed_changes(page: str) -> list[str]:
    """The coordinates of what docs/api/evolution.md allows to break before the first release."""
    return _BROKEN.findall(page.partition("## Broken before the first release")[2])


def told(old: GraphQLSchema, new: GraphQLSchema) -> str:
    """Every change between two schemas for people, in Markdown; new descriptions are none."""
    parts: dict[str, list[str]] = {name: [] for name in ("Breaking", "Deprecated", "To look at", "Added and changed")}
    for change in find_schema_changes(old, new):
        if isinstance(change.type, BreakingChangeType) or change.type in BREAKING:
            parts["Breaking"].append(change.description)
        elif isinstance(change.type, DangerousChangeType):
            parts["To look at"].append(change.description)
        elif change.type is not SafeChangeType.DESCRIPTION_CHANGED:
            parts["Added and changed"].append(change.description)
    before = deprecations(old)
    parts["Deprecated"] = [f"{at}: {why}" for at, why in deprecations(new).items() if before.get(at) != why]
    lines = [
        f"**{name}**\n\n" + "\n".join(f"- {one}" for one in sorted(found)) for name, found in parts.items() if found
    ]
    return "\n\n".join(lines) or "Nothing."


def since_release() -> dict[str, str]:
    """The made part of docs/api/changelog.md."""
    baseline = read_baseline(RELEASED.read_text(encoding="utf-8"))
    return {"since": told(baseline.schema, build_schema(SCHEMA.read_text(encoding="utf-8")))}


def problems(today: date) -> Iterator[str]:
    """What the present schema breaks."""
    try:
        baseline = read_baseline(RELEASED.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"{RELEASED.relative_to(ROOT)}: {error}"
        return
    new = build_schema(SCHEMA.read_text(encoding="utf-8"))
    yield from broken(baseline, new, CATALOGUE, listed_changes(PAGE.read_text(encoding="utf-8")), today)


def next_baseline(old: Baseline | None, text: str, version: str, *, released: bool, today: date) -> str:
    """The text of the baseline that a release makes, or that is measured by before the first one.

    Raises:
        ValueError: the release is there already, a date goes back, or something would go sooner than it is promised.
    """
    if old is not None and old.released:
        if not released:
            raise ValueError(f"{old.version} is released: what was promised is not rewritten before the next release")
        if old.version == version:
            raise ValueError(f"{version} is released already: raise the version in pyproject.toml")
        if today < old.day:
            raise ValueError(f"{old.version} was released on {old.day}, after today")
    if released:
        known = deprecations(old.schema) if old is not None and old.released else {}
        for at, reason in deprecations(build_schema(text)).items():
            last = removed_after(reason)
            if at not in known and (last is None or last < today + NOTICE):
                raise ValueError(f"{at}: is deprecated now, so it can be relied on until {today + NOTICE} at least")
    codes = ", ".join(CATALOGUE)
    return f"# Forecourt {version}, {'released' if released else 'before its release'}, {today}\n# extensions.code: {codes}\n{text}"


def with_release(changelog: str, since: str, version: str, today: date) -> str:
    """The page of changes with a section for a release: what was the change since the last one."""
    start, end = _SINCE
    before, rest = changelog.split(start)
    earlier = rest.split(end)[1].strip()
    section = f"## {version} ({today})\n\n{since}\n"
    return f"{before}{start}Nothing.{end}\n\n{section}" + (f"\n{earlier}\n" if earlier else "")


def release(today: date) -> None:
    """Write the baseline of the version in pyproject.toml; CHANGELOG.md says whether it is released."""
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    heading = re.search(
        rf"^## {re.escape(version)} \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    if heading is None:
        raise ValueError(f"CHANGELOG.md has no heading '## {version} (unreleased)' or '## {version} (YYYY-MM-DD)'")
    released = heading[1] != "unreleased"
    old = read_baseline(RELEASED.read_text(encoding="utf-8")) if RELEASED.exists() else None
    text = SCHEMA.read_text(encoding="utf-8")
    made = next_baseline(old, text, version, released=released, today=today)
    if released and old is not None:
        since = (
            told(old.schema, build_schema(text))
            if old.released
            else "The first release: schema.graphql is what it promises."
        )
        page = CHANGELOG.read_text(encoding="utf-8")
        CHANGELOG.write_text(with_release(page, since, version, today), encoding="utf-8")
    RELEASED.write_text(made, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Print the changes, or make the baseline."""
    if arguments == ["--release"]:
        try:
            release(datetime.now(UTC).date())
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    print(since_release()["since"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
