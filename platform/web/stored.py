"""The stored documents of the staff pages, read once: every page runs exactly one of them."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType


def load_documents() -> Mapping[str, str]:
    """Name → text of every document in `documents/`, such as ``group_month``."""
    folder = files("forecourt.web") / "documents"
    found = {
        item.name.removesuffix(".graphql"): item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".graphql")
    }
    return MappingProxyType(dict(sorted(found.items())))


def operation_name(document: str) -> str:
    """The name of the operation in a document: ``GroupMonth`` for ``group_month``."""
    return "".join(part.capitalize() for part in document.split("_"))


DOCUMENTS = load_documents()
