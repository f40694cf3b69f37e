"""Copied files are those of the record, and our style sheet fetches nothing."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_vendored_files_are_as_recorded() -> None:
    sys.path.insert(0, str(ROOT / "infra"))
    try:
        import vendor  # type: ignore[import-not-found, unused-ignore]
    finally:
        sys.path.pop(0)
    assert vendor.differences() == []


def test_our_style_sheet_fetches_nothing() -> None:
    text = (ROOT / "platform" / "web" / "static" / "forecourt.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|http", text)
