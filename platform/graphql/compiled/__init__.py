"""Queries compiled per document: one plan, one round trip per store, generated Python for the answer. See docs/reader.md."""
