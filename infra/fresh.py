"""Whether the files that are made from code are what the code makes now. Run by `make lint`; `make fresh` makes them.

schema.graphql               from `platform/graphql`
migrations/tenant/head.sql   from the tables (only checked here: `make head-script` makes it, with its revision)
docs/api/changelog.md        what changed in schema.graphql since the last release
docs/interchange.md          its tables, from `platform/domain/interchange/format.py`
docs/errors.md               its tables, from the catalogues of `platform/graphql`
README.md                    its table of settings, from `platform/settings.py`

A made part of a page stands between ``<!-- made: NAME -->`` and ``<!-- end: NAME -->``.
"""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from infra import error_tables, page_tables, schema_changes

ROOT = Path(__file__).resolve().parent.parent


def schema() -> str:
    """The GraphQL schema in SDL, as `forecourt schema export` prints it."""
    text: str = importlib.import_module("forecourt.graphql.api").schema_text()
    return text.rstrip("\n") + "\n"


def put(page: str, parts: dict[str, str]) -> str:
    """The page with its made parts replaced.

    Raises:
        ValueError: the page has no place for a part.
    """
    for name, text in parts.items():
        start, end = f"<!-- made: {name} -->", f"<!-- end: {name} -->"
        if page.count(start) != 1 or page.count(end) != 1:
            raise ValueError(f"there must be one {start} … {end}")
        before, rest = page.split(start)
        page = f"{before}{start}\n\n{text.strip()}\n\n{end}{rest.split(end)[1]}"
    return page


def pages() -> dict[str, Callable[[], dict[str, str]]]:
    """The made parts of each page."""
    return {
        "docs/api/changelog.md": schema_changes.since_release,
        "docs/interchange.md": page_tables.interchange,
        "docs/errors.md": error_tables.errors,
        "README.md": page_tables.settings,
    }


def made_files() -> Iterator[tuple[Path, str]]:
    """Each made file with what it should be."""
    yield ROOT / "schema.graphql", schema()
    for name, parts in pages().items():
        yield ROOT / name, put((ROOT / name).read_text(encoding="utf-8"), parts())


def main(arguments: list[str]) -> int:
    """Check, or with ``--write`` make."""
    stale = []
    for path, text in made_files():
        if arguments == ["--write"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
    for name in stale:
        print(f"{name} is not what the code makes now: run make fresh", file=sys.stderr)
    head = subprocess.run([sys.executable, "migrations/make_base.py", "--check"], cwd=ROOT, check=False).returncode
    return 1 if stale or head else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
