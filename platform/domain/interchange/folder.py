"""An export folder on disk, as openers of its files (docs/interchange.md section 1)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from .batch import Opener

_CHUNK = 1 << 18


def open_group(root: Path) -> Opener:
    """Opener of group.csv and stores.csv."""
    return _opener(root)


def open_store(root: Path, store_code: str) -> Opener | None:
    """Opener of one store's files; None when it has no folder (NO_EXPORT). ``store_code`` has passed its check.

    Links are not followed: an export comes from outside and may hold any.
    """
    folder = root / store_code
    return _opener(folder) if folder.is_dir() and not folder.is_symlink() else None


def open_memory(files: Mapping[str, bytes]) -> Opener:
    """Opener of files that are in memory already."""

    def open_file(name: str) -> list[bytes] | None:
        return [files[name]] if name in files else None

    return open_file


def _opener(folder: Path) -> Opener:
    def open_file(name: str) -> Iterator[bytes] | None:
        path = folder / name
        # Only plain files: opening a pipe would wait for ever.
        return _chunks(path) if path.is_file() and not path.is_symlink() else None

    return open_file


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
