"""The checks of a file's header and rows (docs/interchange.md section 3), pure and a bounded number of rows at a time.

A file is judged in two halves so that the look-ups between them can be made anywhere: ``read_chunk`` reads rows, checks
their cells (steps 1 and 1b) and collects the keys and references to look up; ``judge`` takes what was found and runs
steps 2 to 5 from top to bottom. Nothing about earlier chunks is remembered here, except the periods of positions.csv.
"""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import getitem, itemgetter
from typing import Any, NamedTuple

from .cells import CellFault, Value, reader_of, vin_check_digit_ok
from .findings import Finding
from .format import FIRST_DATE, FIRST_TIME, TEXT_CHARS, ColumnSpec, FileSpec, Periods
from .text import Record

Key = tuple[Value, ...]
"""Typed values of the key columns, in the order of the key."""
CHUNK_ROWS = 2_000
_KEPT_CELLS, _KEPT_CHARS = 4_096, 40
_OPEN_END = date.max.toordinal() + 1


class AcceptedRow(NamedTuple):
    """A row that holds good: the line it begins on, and a value per column of the format, in the format's order."""

    line: int
    values: tuple[Value, ...]


class FileFault(Exception):
    """The file refuses the whole batch."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class CellMemory(dict[str, Value]):
    """Values of one column by text: most columns repeat themselves, and reading a cell costs ten times a look-up.

    A text that is not there yet is read, which may raise ``CellFault``. Only short texts are kept, and not many.
    """

    def __init__(self, column: ColumnSpec) -> None:
        super().__init__()
        self._read = reader_of(column)
        self._empty: dict[str, Value] = {} if column.required else {"": None}
        self.update(self._empty)

    def __missing__(self, text: str) -> Value:
        value = self._read(text)  # no reader takes an empty text, so an empty required cell is a fault
        if len(text) <= _KEPT_CHARS:
            if len(self) >= _KEPT_CELLS:
                self.clear()
                self.update(self._empty)
            self[text] = value
        return value


@dataclass(frozen=True)
class Layout:
    """How the columns of one file lie in its rows."""

    spec: FileSpec
    width: int
    """Cells that every row must have."""
    places: tuple[int, ...]
    """Per column of the format its place in a row; -1 when the file does not have it."""
    warnings: tuple[Finding, ...]
    cells: tuple["CellMemory", ...]
    """Per column of the format what reads its cells."""


@dataclass
class Chunk:
    """Rows whose cells are good, the findings about the others, and what must be looked up to judge them."""

    spec: FileSpec
    rows: list[AcceptedRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    row_keys: list[Key] = field(default_factory=list)
    """The key of each of ``rows``."""
    keys: frozenset[Key] = frozenset()
    """The same, each once."""
    references: dict[str, set[str]] = field(default_factory=dict)
    """Per file the keys that ``rows`` refer to."""


@dataclass(frozen=True)
class Known:
    """The answers to a chunk's questions."""

    taken: Collection[Key]
    """Those of ``Chunk.keys`` that an accepted row above, in the same file of the same batch, has."""
    present: Mapping[str, Collection[str]]
    """Those of ``Chunk.references`` that an accepted row of this batch, or of an earlier import of the store, has."""


@dataclass(frozen=True)
class Judged:
    """What became of a chunk; findings are in the order of lines and columns."""

    rows: list[AcceptedRow]
    findings: list[Finding]


class PeriodBook:
    """The accepted periods of the people in one positions.csv: 8 bytes a period, disjoint and in order per person."""

    def __init__(self) -> None:
        self._days: dict[str, array[int]] = {}

    def add(self, person: str, start: date, end: date | None) -> bool:
        """Note [start, end) unless it overlaps a period noted before; whether it was noted."""
        first, behind = start.toordinal(), _OPEN_END if end is None else end.toordinal()
        days = self._days.setdefault(person, array("i"))
        place = bisect_right(days, first)
        inside = place % 2 == 1
        if inside or (place < len(days) and days[place] < behind):
            return False
        days[place:place] = array("i", (first, behind))
        return True


def lay_out(spec: FileSpec, header: Sequence[str]) -> Layout:
    """Find the columns of ``spec`` by name. Raises ``FileFault``: DUPLICATE_COLUMN, then MISSING_COLUMN.

    Every name may stand only once, also one the format does not know. No header is one that lacks every column.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if name in places:
            raise FileFault(Finding(spec.name, 1, _printable(name), "DUPLICATE_COLUMN"))
        places[name] = place
    for name in spec.required_columns:
        if name not in places:
            raise FileFault(Finding(spec.name, 1, name, "MISSING_COLUMN"))
    unknown = [name for name in header if name not in spec.index]
    return Layout(
        spec,
        len(header),
        tuple(places.get(column.name, -1) for column in spec.columns),
        tuple(Finding(spec.name, 1, _printable(name), "UNKNOWN_COLUMN") for name in unknown),
        tuple(CellMemory(column) for column in spec.columns),
    )


def read_chunk(layout: Layout, records: Iterator[Record], rows: int = CHUNK_ROWS) -> Chunk | None:
    """Read up to ``rows`` records and check their cells (steps 1 and 1b); None at the end of the file."""
    spec = layout.spec
    chunk = Chunk(spec)
    # A column that the file lacks is read from an empty cell put behind the row's own.
    pick = itemgetter(*layout.places)
    conditions = [
        (spec.index[rule.column], spec.index[rule.when], frozenset(rule.words)) for rule in spec.required_when
    ]
    conditions.sort()
    seen = 0
    for line, cells in islice(records, rows):
        seen += 1
        if len(cells) != layout.width:
            chunk.findings.append(Finding(spec.name, line, "", "FIELD_COUNT"))
            continue
        cells.append("")
        texts = pick(cells)
        try:
            values = tuple(map(getitem, layout.cells, texts))
        except CellFault:
            chunk.findings += _cell_findings(spec, line, texts)
            continue
        missing = {
            column
            for column, when, words in conditions
            if values[column] is None and (values[when] in words if words else values[when] is not None)
        }
        if missing:
            names = [spec.columns[place].name for place in sorted(missing)]
            chunk.findings += [Finding(spec.name, line, name, "MISSING_VALUE") for name in names]
            continue
        chunk.rows.append(AcceptedRow(line, values))
    if not seen:
        return None
    _collect_questions(chunk)
    return chunk


def judge(chunk: Chunk, known: Known, *, exported_at: datetime | None, periods: PeriodBook) -> Judged:
    """Run steps 2 to 5 over the rows of a chunk, from top to bottom, each step only on rows without a fault so far.

    ``exported_at`` is None only for group.csv, which says it.
    """
    spec = chunk.spec
    judged = Judged([], list(chunk.findings))
    taken = set(known.taken)
    own: set[str] = set()
    """Single keys accepted in this chunk, for references of a file to itself."""
    references = [
        (place, column.name, known.present.get(column.reference, ()), own if column.reference == spec.name else ())
        for place, column in enumerate(spec.columns)
        if column.reference
    ]
    names_itself = any(file == spec.name for _, file in spec.references)
    date_rules = _date_rules(spec, exported_at)
    vin_place = spec.index[spec.vin_check] if spec.vin_check else None
    for row, key in zip(chunk.rows, chunk.row_keys, strict=True):
        values = row.values
        if key in taken:
            judged.findings.append(Finding(spec.name, row.line, spec.key[-1], "DUPLICATE_KEY"))
            continue
        faults = [
            Finding(spec.name, row.line, name, "UNKNOWN_REF")
            for place, name, present, earlier in references
            if values[place] is not None and not _all_known(values[place], present, earlier)
        ]
        if not faults:
            faults = [
                Finding(spec.name, row.line, rule.name, "IMPOSSIBLE_DATE") for rule in date_rules if rule.broken(values)
            ]
        if not faults and spec.periods and not _note_period(spec.periods, named(spec, row), periods):
            faults = [Finding(spec.name, row.line, spec.periods.start, "OVERLAP")]
        if faults:
            judged.findings.extend(faults)
            continue
        taken.add(key)
        if names_itself:
            own.add(str(key[0]))
        judged.rows.append(row)
        if vin_place is not None and not vin_check_digit_ok(str(values[vin_place])):
            judged.findings.append(Finding(spec.name, row.line, spec.columns[vin_place].name, "VIN_CHECK_DIGIT"))
    # A row has the findings of one step, in column order; a stable sort by line keeps them so.
    judged.findings.sort(key=lambda finding: finding.line)
    return judged


def _printable(name: str) -> str:
    """A column name from outside as it can be stored and shown."""
    return name.replace("\0", "\ufffd")[:TEXT_CHARS]


def _cell_findings(spec: FileSpec, line: int, texts: Sequence[str]) -> list[Finding]:
    """All faults of step 1 in a row that has some."""
    found = []
    for column, text in zip(spec.columns, texts, strict=True):
        code = _cell_code(column, text)
        if code is not None:
            found.append(Finding(spec.name, line, column.name, code))
    return found


def _cell_code(column: ColumnSpec, text: str) -> str | None:
    if not text:
        return "MISSING_VALUE" if column.required else None
    try:
        reader_of(column)(text)
    except CellFault as fault:
        return fault.code
    return None


def _collect_questions(chunk: Chunk) -> None:
    spec, rows = chunk.spec, chunk.rows
    chunk.row_keys = [key_of(spec, row.values) for row in rows]
    chunk.keys = frozenset(chunk.row_keys)
    for name, file in spec.references:
        place = spec.index[name]
        wanted = chunk.references.setdefault(file, set())
        for row in rows:
            value = row.values[place]
            if isinstance(value, tuple):
                wanted.update(value)
            elif isinstance(value, str):
                wanted.add(value)


def key_of(spec: FileSpec, values: Sequence[Value]) -> Key:
    """The key of a row's values."""
    return tuple([values[place] for place in spec.key_places])


def named(spec: FileSpec, row: AcceptedRow) -> dict[str, Any]:
    """A row's values by column; the cell readers have made sure of their types."""
    return {column.name: value for column, value in zip(spec.columns, row.values, strict=True)}


def _all_known(value: Value, present: Collection[str], earlier: Collection[str]) -> bool:
    if isinstance(value, tuple):
        return all(code in present or code in earlier for code in value)
    return value in present or value in earlier


def _note_period(rule: Periods, row: Mapping[str, Any], periods: PeriodBook) -> bool:
    return periods.add(row[rule.person], row[rule.start], row[rule.end])


class _DateRule:
    """All that step 4 asks of one column."""

    def __init__(self, spec: FileSpec, column: ColumnSpec, exported_at: datetime | None) -> None:
        self.name = column.name
        self._place = spec.index[column.name]
        self._floor = FIRST_TIME if column.type == "time" else FIRST_DATE
        self._ceiling = exported_at if column.type == "time" and not column.may_be_future else None
        self._earlier = [
            (spec.index[order.earlier], order.strict) for order in spec.orders if order.later == column.name
        ]
        self._excluded = [spec.index[rule.other] for rule in spec.excludes if rule.column == column.name]

    def broken(
        self, values: Sequence[Any]
    ) -> bool:  # typed by the cell readers: dates beside dates, times beside times
        """Whether the value of the column cannot be, given the row."""
        value = values[self._place]
        if value is None:
            return False
        if value < self._floor or (self._ceiling is not None and value > self._ceiling):
            return True
        for place, strict in self._earlier:
            earlier = values[place]
            if earlier is not None and (value < earlier or (strict and value == earlier)):
                return True
        return any(values[place] is not None for place in self._excluded)


def _date_rules(spec: FileSpec, exported_at: datetime | None) -> list[_DateRule]:
    return [_DateRule(spec, column, exported_at) for column in spec.columns if column.type in ("time", "date")]
