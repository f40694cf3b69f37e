import csv
import io
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.interchange.text import CELL_CHARS, RECORD_CELLS, SPACES, Record, TextFault, read_records


def read(data: bytes, size: int = 1 << 20) -> list[Record]:
    return list(read_records(data[at : at + size] for at in range(0, len(data), size)))


def slow(text: str) -> list[Record] | int:
    """The same rules, sign by sign; the line of the unfinished record when a quote stays open."""
    records: list[Record] = []
    cells: list[str] = []
    cell, state, quoted, bare_end = "", "start", False, False
    line = begin = 1
    text = text.removeprefix("\ufeff")

    def finish() -> None:
        nonlocal cell, quoted, cells, bare_end
        cells.append((cell[:-1] if bare_end and cell.endswith("\r") else cell).strip(SPACES))
        if len(cells) > 1 or cells[0] or quoted:
            records.append((begin, cells))
        cell, cells, quoted, bare_end = "", [], False, False

    for sign in text:
        line += sign == "\n"
        if state == "quoted":
            if sign == '"':
                state = "after"
            else:
                cell, bare_end = cell + sign, False
        elif sign == '"' and state != "bare":
            cell, bare_end = (cell + '"', False) if state == "after" else (cell, bare_end)
            state, quoted = "quoted", True
        elif sign == "\n":
            finish()
            state, begin = "start", line
        elif sign == ",":
            cells.append(cell.strip(SPACES))
            cell, state, bare_end = "", "start", False
        else:
            cell, state, bare_end = cell + sign, "bare", True
    if state == "quoted":
        return begin
    finish()
    return records


@given(st.text(alphabet='ab",\r\n \t\u3000é😀\ufeff\u2028\0', max_size=60), st.integers(1, 7))
def test_reads_any_text_by_the_rules_whatever_the_chunks(text: str, size: int) -> None:
    reference = slow(text)
    if isinstance(reference, int):
        with pytest.raises(TextFault) as caught:
            read(text.encode(), size)
        assert (caught.value.code, caught.value.line) == ("BROKEN_QUOTE", reference)
    else:
        assert read(text.encode(), size) == reference


@given(st.binary(max_size=200), st.integers(1, 50))
def test_random_bytes_give_records_or_a_text_fault(data: bytes, size: int) -> None:
    try:
        read(data, size)
    except TextFault as fault:
        assert fault.code in ("NOT_UTF8", "BROKEN_QUOTE")


cell_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda t: t == t.strip(SPACES))
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cell_texts, min_size=n, max_size=n), max_size=6))


@given(tables, st.sampled_from(["\r\n", "\n"]), st.integers(1, 30))
def test_what_was_written_with_quotes_is_read_back(table: list[list[str]], end: str, size: int) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(table)
    assert [cells for _, cells in read(stream.getvalue().encode(), size)] == table


def test_lines_are_physical_lines() -> None:
    data = '\ufeffa,b\r\n\r\n1,"x\ny\r\nz"\r\n  \t\u3000\n2,3'.encode()
    assert read(data) == [(1, ["a", "b"]), (3, ["1", "x\ny\r\nz"]), (7, ["2", "3"])]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        (' a ,\tb\t,\u3000c\u3000,"  d  " ', ["a", "b", "c", "d"]),
        ('"a"b,c"d,"e""f"', ["ab", 'c"d', 'e"f']),
        ('""', [""]),
        (",", ["", ""]),
        ("a\rb,c\r\r", ["a\rb", "c\r"]),
        ("a\u2028b,\x0b,\x85", ["a\u2028b", "\x0b", "\x85"]),
        ("\xa0a\xa0,b", ["\xa0a\xa0", "b"]),
        ('x,"a\r"', ["x", "a\r"]),
        ('x,"a"\r\r', ["x", "a\r"]),
        ("=1+1,-2,@x,+y", ["=1+1", "-2", "@x", "+y"]),
    ],
)
def test_cells_of_odd_lines(line: str, cells: list[str]) -> None:
    assert read(line.encode() + b"\n") == [(1, cells)]


def test_a_byte_order_mark_stands_only_at_the_beginning() -> None:
    assert read(b'\xef\xbb\xbf"a",b', 1) == [(1, ["a", "b"])]
    assert read(b"\xef\xbb\xbf" * 2 + b"a") == [(1, ["\ufeffa"])]
    assert read(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize("data", [b"a\xff", b"a,\xe4\xbd", "名".encode("gbk"), "a,b".encode("utf-16"), b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8(data: bytes) -> None:
    with pytest.raises(TextFault) as caught:
        read(data, 1)
    assert (caught.value.code, caught.value.line) == ("NOT_UTF8", 0)


def test_bad_bytes_are_said_before_an_open_quote() -> None:
    with pytest.raises(TextFault, match="NOT_UTF8"):
        read(b'a\n"b\nc\xff')


def test_an_open_quote_is_said_with_the_line_its_record_begins_on() -> None:
    with pytest.raises(TextFault) as caught:
        read(b'a,b\n"x\ny",1\n2,"z\n\n\n')
    assert (caught.value.code, caught.value.line) == ("BROKEN_QUOTE", 4)


@pytest.mark.parametrize("text", ['h\n"', 'h\n1,2\n"a\nb"', "h\n,,\n\n"])
def test_looking_only_at_the_first_record_still_checks_the_rest(text: str) -> None:
    reference = slow(text)
    if isinstance(reference, int):
        with pytest.raises(TextFault) as caught:
            list(read_records([text.encode()], only_first=True))
        assert caught.value.line == reference
    else:
        assert list(read_records([text.encode()], only_first=True)) == reference[:1]
    with pytest.raises(TextFault):
        list(read_records([text.encode(), b"\n1,2\n3\xff"], only_first=True))


def test_looking_only_at_the_first_record_keeps_count_of_lines() -> None:
    parts = [b"h\n", b"1\n2\n3", b"\n4\n", b'5\n"open']
    with pytest.raises(TextFault) as caught:
        list(read_records(parts, only_first=True))
    assert caught.value.line == 7


def _hostile(kind: str, size: int) -> Iterator[bytes]:
    block = {"quote": b"x\n", "line": b"xy", "commas": b",,", "spaces": b"  ", "doubled": b'""', "quoted": b'"",'}[kind]
    yield b'a,b\n1,"' if kind in ("quote", "doubled") else b"a,b\n1,"
    yield from itertools.repeat(block * 32_768, size // 65_536)


@pytest.mark.parametrize("kind", ["quote", "line", "commas", "spaces", "doubled", "quoted"])
def test_memory_stays_bounded_whatever_a_file_holds(kind: str) -> None:
    size = 1 << (18 if kind in ("commas", "quoted") else 23)
    tracemalloc.start()
    try:
        if kind in ("quote", "doubled"):
            with pytest.raises(TextFault, match="BROKEN_QUOTE") as caught:
                list(read_records(_hostile(kind, 8 << 20)))
            assert caught.value.line == 2
        else:
            _, (line, cells) = read_records(_hostile(kind, size))
            assert line == 2
            assert len(cells) <= RECORD_CELLS and all(len(cell) <= CELL_CHARS for cell in cells)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_a_long_run_of_spaces_is_around_a_cell_or_inside_it() -> None:
    run = b" " * 300_000
    (_, cells), (_, inner) = read(b"a," + run + b"b" + run + b"\r\nc,d" + run + b"e\r\n", 1000)
    assert cells == ["a", "b"]
    assert len(inner[1]) == CELL_CHARS


@given(st.text(alphabet='ab",\r\n ', max_size=60), st.integers(1, 7), st.integers(2, 4))
def test_a_record_that_is_too_wide_is_cut_and_nothing_else(text: str, size: int, width: int) -> None:
    reference = slow(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forecourt.domain.interchange.text.RECORD_CELLS", width)
        if isinstance(reference, int):
            with pytest.raises(TextFault) as caught:
                read(text.encode(), size)
            assert caught.value.line == reference
        else:
            cut = [(line, [cell.removesuffix("\r") for cell in cells[:width]]) for line, cells in reference]
            found = [(line, [cell.removesuffix("\r") for cell in cells]) for line, cells in read(text.encode(), size)]
            assert found == cut
