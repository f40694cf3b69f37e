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


DOCUMENTS = load_documents()
