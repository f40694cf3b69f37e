"""Comma-separated text of an export as records with line numbers (docs/interchange.md section 2, RFC 4180).

Reading is streamed and never holds more than one block and one clipped record, whatever the file holds. Decisions where
the format leaves room:

- A line ends with LF or CRLF; the end of the file also ends it. A lone CR is data, and so is every other separator that
  Unicode knows (NEL, U+2028 …). Lines are counted by LF, also inside quotes.
- A cell is quoted when its very first character is a quote; a quote further on in an unquoted cell is data. Text after
  a closing quote belongs to the cell (``"a"b`` is ``ab``).
- Spaces around a cell are removed after unquoting, so also inside quotes. A line of nothing but such spaces is empty.
- Cells are cut after ``CELL_CHARS`` and records after ``RECORD_CELLS``: both far above what any column allows, so a cut
  cell is still refused as too long.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator

from ...errors import Refused
from .format import LIST_CHARS

CELL_CHARS = LIST_CHARS + 100
"""A longer cell is cut to about this many characters; no column allows as many."""
RECORD_CELLS = 1_000
"""A wider record is cut to this many cells."""
SPACES = " \t\u3000"
"""What is removed around a cell."""

Record = tuple[int, list[str]]
"""Physical line on which the record begins (the first is 1), and its cells without the spaces around them."""

_BLOCK = 1 << 16
_UNQUOTED_END = re.compile("[,\n]")
_QUOTED_TEXT = re.compile('(?:[^"]++|"")*+')
_SURPLUS_END = re.compile('\n|,(?=")')
"""The next thing that matters in a record from which no further cell is kept."""
_EMPTY_LINES = re.compile("(?:\r?\n)++")
_ANY_SPACE = re.compile(f"[{SPACES}]")


class TextFault(Refused):
    """Not text of this format: ``NOT_UTF8`` (line 0) or ``BROKEN_QUOTE`` (line where the unfinished record begins)."""

    def __init__(self, code: str, line: int) -> None:
        super().__init__(code, line=line)
        self.line = line


def read_records(chunks: Iterable[bytes], *, only_first: bool = False) -> Iterator[Record]:
    """Yield the records of a file that comes in any chunks; empty lines are left out.

    With ``only_first`` the rest of the file is still read and checked, but not cut into records.
    Raises ``TextFault`` when it comes to bytes that are not UTF-8, or at the end inside quotes.
    """
    return _Reader(only_first).records(chunks)


def _blocks(chunks: Iterable[bytes]) -> Iterator[str]:
    """Decoded text in pieces of bounded size, without the byte-order mark."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    fresh = True
    try:
        for chunk in chunks:
            for start in range(0, len(chunk), _BLOCK):
                text = decoder.decode(chunk[start : start + _BLOCK])
                if fresh and text:
                    fresh = False
                    text = text.removeprefix("\ufeff")
                if text:
                    yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise TextFault("NOT_UTF8", 0) from None


class _Reader:
    """Cuts text into records: whole lines quickly, everything else character class by character class."""

    def __init__(self, only_first: bool) -> None:
        self.line = 1
        self.skipping = False
        self.only_first = only_first
        self.open: _OpenRecord | None = None
        self.rest = ""
        """What of the last block stands behind its last complete record."""

    def records(self, chunks: Iterable[bytes]) -> Iterator[Record]:
        for block in _blocks(chunks):
            for record in self._block(self.rest + block):
                if not self.skipping:
                    yield record
                    self.skipping = self.only_first
        last = self._end()
        if last is not None and not self.skipping:
            yield last

    def _block(self, text: str) -> Iterator[Record]:
        self.rest = ""
        at = 0
        if self.open is None and self.skipping and '"' not in text:
            self.line += text.count("\n")
            at = text.rfind("\n") + 1
        while at < len(text):
            if self.open is None:
                end = text.find("\n", at)
                if end < 0:
                    if len(text) - at <= _BLOCK:
                        self.rest = text[at:]
                        return
                else:
                    line = text[at:end]
                    cells = _whole_line(line)
                    if cells is not None:
                        at = end + 1
                        self.line += 1
                        if cells:
                            yield self.line - 1, cells
                        elif more := _EMPTY_LINES.match(text, at):
                            self.line += text.count("\n", at, more.end())
                            at = more.end()
                        continue
                self.open = _OpenRecord(self.line)
            at = self.open.feed(text, at)
            if self.open.complete:
                record, self.open = self.open, None
                self.line = record.line + record.breaks
                if not record.empty:
                    yield record.line, record.cells

    def _end(self) -> Record | None:
        if self.open is None:
            self.open = _OpenRecord(self.line)
            self.open.feed(self.rest, 0)
        record = self.open
        if record.inside_quotes:
            raise TextFault("BROKEN_QUOTE", record.line)
        if not record.complete:
            record.feed("\n", 0)
        return None if record.empty else (record.line, record.cells)


def _whole_line(line: str) -> list[str] | None:
    """Cells of a physical line that is a record by itself; [] for an empty one; None when that needs a closer look."""
    if line.endswith("\r"):
        line = line[:-1]
    if len(line) > CELL_CHARS:
        return None
    if '"' in line:
        if "\r" in line:
            return None
        try:
            # Strict, so that an open quote and text behind a closing one are left to the closer look.
            cells = next(csv.reader((line,), strict=True))
        except csv.Error:
            return None
    else:
        cells = line.split(",")
        if len(cells) == 1 and not line.strip(SPACES):
            return []
    if len(cells) > RECORD_CELLS:
        return None
    return [cell.strip(SPACES) for cell in cells] if _ANY_SPACE.search(line) else cells


_START, _BARE, _QUOTED, _AFTER_QUOTE = range(4)


class _OpenRecord:
    """One record read piece by piece, holding a bounded amount of it."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.breaks = 0
        """Line breaks passed, the one that ends the record included."""
        self.cells: list[str] = []
        self.complete = False
        self._state = _START
        self._parts: list[str] = []
        self._size = 0
        self._ends_bare = False
        self._any_quote = False

    @property
    def inside_quotes(self) -> bool:
        return self._state == _QUOTED

    @property
    def empty(self) -> bool:
        """A line of nothing or of spaces. ``""`` is a record with one empty cell."""
        return not self._any_quote and len(self.cells) == 1 and not self.cells[0]

    def feed(self, text: str, at: int) -> int:
        """Read ``text`` from ``at``; the place behind the record, or the end of the text if it is not complete."""
        end = len(text)
        while at < end and not self.complete:
            if self._state == _QUOTED:
                inside = _QUOTED_TEXT.match(text, at)
                stop = inside.end() if inside else at
                self.breaks += text.count("\n", at, stop)
                self._add(text[at:stop].replace('""', '"'), bare=False)
                if stop < end:
                    self._state = _AFTER_QUOTE
                at = stop + 1
            elif self._state == _BARE:
                at = self._bare(text, at)
            elif text[at] == '"':
                if self._state == _AFTER_QUOTE:
                    self._add('"', bare=False)
                self._any_quote = True
                self._state = _QUOTED
                at += 1
            else:
                self._state = _BARE
        return min(at, end)

    def _bare(self, text: str, at: int) -> int:
        surplus = len(self.cells) >= RECORD_CELLS
        match = (_SURPLUS_END if surplus else _UNQUOTED_END).search(text, at)
        if match is None:
            if surplus:
                self._state = _START if text.endswith(",") else _BARE
            else:
                self._add(text[at:], bare=True)
            return len(text)
        if not surplus:
            self._add(text[at : match.start()], bare=True)
        ends_record = match.group() == "\n"
        self._end_cell(ends_record)
        self._state = _START
        if ends_record:
            self.breaks += 1
            self.complete = True
        return match.end()

    def _add(self, piece: str, *, bare: bool) -> None:
        if not piece:
            return
        self._parts.append(piece)
        self._size += len(piece)
        self._ends_bare = bare
        if self._size > 2 * CELL_CHARS + _BLOCK:
            self._clip()

    def _clip(self) -> None:
        """Keep the beginning of an overlong cell, and of a run of spaces as much as makes the cell too long."""
        whole = "".join(self._parts).lstrip(SPACES)
        core = whole.rstrip(SPACES)
        spaces = whole[len(core) : len(core) + CELL_CHARS]
        kept = core[:CELL_CHARS] if len(core) > CELL_CHARS else core + spaces
        self._parts = [kept]
        self._size = len(kept)

    def _end_cell(self, ends_record: bool) -> None:
        cell = "".join(self._parts)
        if ends_record and self._ends_bare and cell.endswith("\r"):
            cell = cell[:-1]
        self._parts = []
        self._size = 0
        self._ends_bare = False
        if len(self.cells) < RECORD_CELLS:
            self.cells.append(cell.strip(SPACES)[:CELL_CHARS])
