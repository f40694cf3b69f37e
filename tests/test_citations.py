"""What the code cites exists: sections of the exchange format, requirements, decisions, pages, modules in the floors' pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CODE = [
    path
    for folder in ("platform", "migrations", "tests", "bench", "infra")
    for path in sorted((ROOT / folder).rglob("*"))
    if "node_modules" not in path.parts
    if path.suffix in (".py", ".sql", ".html", ".graphql", ".md", ".toml") and "data" not in path.parts
] + [ROOT / name for name in ("Makefile", "pyproject.toml", "README.md", "CHANGELOG.md")]
PAGES = sorted(DOCS.rglob("*.md"))

MORE = r"(?:, | and | to |–|-)"
SECTIONS = re.compile(rf"interchange(?:\.md)?\s+sections?\s+(?P<n>\d[\d.]*(?:{MORE}\d[\d.]*)*)")
REQUIREMENTS = re.compile(rf"\brequirements?\s+(?P<n>[A-Z]?\d+(?:{MORE}[A-Z]?\d+)*)")
FILES = re.compile(r"\bdocs/[a-z0-9/_-]+\.md\b")
DECISIONS = re.compile(r"\bdocs/decisions/\d{4}[a-z0-9-]*(?:\.md)?")


def cited(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Every number of every citation; both ends of a range stand for it."""
    flat = re.sub(r"\n\s*(?:#:?|--)?\s*", " ", text)
    for found in pattern.finditer(flat):
        yield from re.findall(r"[A-Z]?\d+(?:\.\d+)*", found["n"])


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in (*CODE, *PAGES) if path != DOCS / "requirements.md"}


def test_sections_of_the_exchange_format_exist(texts: dict[Path, str]) -> None:
    page = (DOCS / "interchange.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", page, re.MULTILINE))
    assert {str(number) for number in range(1, 11)} <= sections
    used = {(number, path.name) for path, text in texts.items() for number in cited(SECTIONS, text)}
    assert len(used) > 30
    assert sorted(item for item in used if item[0] not in sections) == []


def test_requirements_exist(texts: dict[Path, str]) -> None:
    page = (DOCS / "requirements.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^(\d+)\. \[", page, re.MULTILINE))
    known |= set(re.findall(r"^## ([A-Z]\d*)\.", page, re.MULTILINE))  # a chapter, such as A14
    known |= set(re.findall(r"\bC\d+\b", page))  # a conflict between the sources, such as C20
    used = {(number, path.name) for path, text in texts.items() for number in cited(REQUIREMENTS, text)}
    assert len(used) > 20
    assert sorted(item for item in used if item[0] not in known) == []


def test_pages_and_decisions_exist(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        missing = [name for name in FILES.findall(text) if not (ROOT / name).is_file()]
        assert (path.name, missing) == (path.name, [])
        for name in DECISIONS.findall(text):
            stem = name.removeprefix("docs/decisions/").removesuffix(".md")
            assert len(list((DOCS / "decisions").glob(f"{stem}*.md"))) == 1, (path.name, name)


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (DOCS / "decisions").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*PAGES, ROOT / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_modules_named_in_the_floors_pages_exist() -> None:
    roots = [ROOT, ROOT / "platform", *(path for path in (ROOT / "platform").rglob("*") if path.is_dir())]
    for page in sorted((DOCS / "floors").glob("*.md")):
        for name in re.findall(r"`([a-z_]+(?:/[a-z_]+)+/?(?:\.py)?)`", page.read_text(encoding="utf-8")):
            assert any((root / name).exists() or (root / f"{name}.py").exists() for root in roots), (page.name, name)
