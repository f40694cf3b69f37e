import asyncio
import csv
import io
import random
import tracemalloc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.interchange import batch
from forecourt.domain.interchange.batch import NO_EXPORT, MemoryStage, MergeCounts, Opener, check_store
from forecourt.domain.interchange.checks import AcceptedRow, Key
from forecourt.domain.interchange.findings import Finding
from forecourt.domain.interchange.folder import open_memory, open_store
from forecourt.domain.interchange.format import STORE_FILES
from tests.domain.interchange.support import (
    EXPORTED_AT,
    HARMONY,
    check,
    expected,
    faults,
    good_files,
    good_rows,
    harmony_store,
    write,
)

IMPORTS = expected()["imports"]
STORES = [code for code, batch_of in IMPORTS.items() if batch_of["result"] != "NO_EXPORT"]


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def rewritten(data: bytes, *, quoting: int = csv.QUOTE_MINIMAL, end: str = "\r\n", shuffle: bool = False) -> bytes:
    rows = table(data)
    if shuffle:
        order = list(range(len(rows[0])))
        random.Random(len(data)).shuffle(order)
        # A row that is too short or too long stays so.
        rows = [[row[place] for place in order] if len(row) == len(order) else row for row in rows]
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue().encode()


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "LF line ends": lambda data: data.replace(b"\r\n", b"\n"),
    "byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "columns in another order": lambda data: rewritten(data, shuffle=True),
    "every cell quoted": lambda data: rewritten(data, quoting=csv.QUOTE_ALL, end="\n"),
    "no line end at the end": lambda data: data.removesuffix(b"\r\n"),
    "empty lines at the end": lambda data: data + b"\r\n\n  \r\n",
}


@pytest.mark.parametrize("store", STORES)
def test_harmony_gives_the_expected_imports(store: str) -> None:
    report, _ = check(harmony_store(store))
    assert report.as_dict() == IMPORTS[store]


@pytest.mark.parametrize("variant", VARIANTS)
def test_harmony_gives_the_same_however_it_is_written(variant: str) -> None:
    for store in ("HX02", "HX03"):
        files = {name: VARIANTS[variant](data) for name, data in harmony_store(store).items()}
        report, _ = check(files, chunk_rows=37)
        assert report.as_dict() == IMPORTS[store], store


def test_harmony_gives_the_same_in_chunks_of_any_size() -> None:
    files = harmony_store("HX02")
    sizes = random.Random(1)

    def open_file(name: str) -> Iterator[bytes]:
        stream = io.BytesIO(files[name])
        while chunk := stream.read(sizes.randint(1, 3_000)):
            yield chunk

    assert _check(open_file).as_dict() == IMPORTS["HX02"]


def _check(open_file: Opener) -> batch.BatchReport:
    stage = MemoryStage()
    return asyncio.run(check_store(open_file, exported_at=EXPORTED_AT, lookup=stage, sink=stage))


def test_a_folder_on_disk_is_opened_by_store() -> None:
    opened = open_store(HARMONY, "HX01")
    assert opened is not None
    assert _check(opened).as_dict() == IMPORTS["HX01"]
    assert open_store(HARMONY, "HX09") is None
    assert NO_EXPORT.as_dict() == IMPORTS["HX09"]


def test_the_small_export_is_faultless() -> None:
    report, stage = check(good_files())
    assert report.as_dict() == {
        "result": "ACCEPTED",
        "refusal": None,
        "errors": [],
        "warnings": [],
        "accepted": {name: len(rows) for name, rows in good_rows().items()},
    }
    assert {name: len(rows) for name, rows in stage.rows.items()} == report.accepted
    assert replace(report, merged={"teams.csv": MergeCounts(created=1)}).merged


def test_files_with_only_a_header_are_good() -> None:
    files = {spec.name: write(spec.name, []) for spec in STORE_FILES}
    report, _ = check(files)
    assert report.result == "ACCEPTED" and set(report.accepted.values()) == {0}


def test_files_with_other_names_are_ignored() -> None:
    assert check({**good_files(), "notes.csv": b"\xff", "Teams.csv": b'"'})[0].result == "ACCEPTED"


FILE_FAULTS: dict[str, tuple[bytes | None, int, str]] = {
    "MISSING_FILE": (None, 0, ""),
    "NOT_UTF8": (b'team_code,team_code\r\n"\xff', 0, ""),
    "BROKEN_QUOTE": (b'team_code,team_code\r\n1,2\r\n"a\nb\r\n', 3, ""),
    "DUPLICATE_COLUMN": (b"team_code,x,x\r\n", 1, "x"),
    "MISSING_COLUMN": (b"team_code,department\r\n", 1, "team_name"),
}


def _broken(code: str) -> tuple[dict[str, bytes], Finding]:
    files = good_files()
    data, line, column = FILE_FAULTS[code]
    if data is None:
        del files["teams.csv"]
    else:
        files["teams.csv"] = data
    return files, Finding("teams.csv", line, column, code)


@pytest.mark.parametrize("code", FILE_FAULTS)
def test_a_file_fault_refuses_the_whole_batch(code: str) -> None:
    files, finding = _broken(code)
    report, stage = check(files)
    assert report.result == "REFUSED" and report.refusal == finding
    assert report.accepted == {} and stage.rows == {} and stage.findings == [finding]


@pytest.mark.parametrize("code", FILE_FAULTS)
def test_a_fault_in_an_earlier_file_is_said_first(code: str) -> None:
    files, finding = _broken(code)
    files["employees.csv"] = b"\xff"
    del files["targets.csv"]
    assert check(files)[0].refusal == finding


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_an_empty_file_lacks_its_first_required_column(data: bytes) -> None:
    report, _ = check({**good_files(), "targets.csv": data})
    assert report.refusal == Finding("targets.csv", 1, "month", "MISSING_COLUMN")


def test_a_fault_in_the_last_file_leaves_nothing_accepted() -> None:
    report, stage = check({**good_files(), "targets.csv": b'month,metric,value\n"2026'})
    assert report.refusal == Finding("targets.csv", 2, "", "BROKEN_QUOTE")
    assert stage.rows == {}


def test_a_file_that_breaks_between_the_two_readings_refuses_the_batch() -> None:
    files = good_files()
    opened: list[str] = []

    def open_file(name: str) -> Iterable[bytes] | None:
        opened.append(name)
        if name == "calls.csv" and opened.count(name) == 2:
            return [files[name], b"\xff"]
        return open_memory(files)(name)

    report = _check(open_file)
    assert report.refusal == Finding("calls.csv", 0, "", "NOT_UTF8") and report.accepted == {}


def test_abort_refuses_the_batch_for_any_row_error() -> None:
    rows = good_rows()
    rows["employees.csv"][1]["hired_on"] = "yesterday"
    files = {name: write(name, content) for name, content in rows.items()}
    report, _ = check(files, on_row_error="ABORT")
    assert report.result == "REFUSED" and report.accepted == {}
    assert report.refusal == Finding("employees.csv", 3, "hired_on", "BAD_FORMAT") == report.errors[0]
    assert len(report.errors) > 1
    assert check(files, on_row_error="SKIP")[0].result == "ACCEPTED"
    assert check(good_files(), on_row_error="ABORT")[0].result == "ACCEPTED"


def test_abort_does_not_mind_warnings() -> None:
    files = {**good_files(), "teams.csv": b"team_code,team_name,department,x\nS1,a,SALES,\n"}
    assert check(files, on_row_error="ABORT")[0].result == "ACCEPTED"


def test_a_refused_row_takes_down_what_refers_to_it() -> None:
    rows = good_rows()
    rows["employees.csv"][0]["status"] = "GONE"
    report, _ = check({name: write(name, content) for name, content in rows.items()})
    assert faults(report) == [
        ("employees.csv", 2, "status", "BAD_VALUE"),
        ("positions.csv", 2, "employee_no", "UNKNOWN_REF"),
        ("sales_orders.csv", 2, "consultant_no", "UNKNOWN_REF"),
        ("repair_orders.csv", 2, "advisor_no", "UNKNOWN_REF"),
        ("labour_lines.csv", 2, "ro_no", "UNKNOWN_REF"),
        ("part_lines.csv", 2, "ro_no", "UNKNOWN_REF"),
        ("surveys.csv", 2, "order_no", "UNKNOWN_REF"),
        ("calls.csv", 2, "survey_no", "UNKNOWN_REF"),
        ("calls.csv", 2, "caller_no", "UNKNOWN_REF"),
    ]
    assert report.refused["calls.csv"] == 1 and report.error_count == 9


def test_rows_of_an_earlier_import_may_be_referred_to_and_are_no_duplicates() -> None:
    rows = good_rows()
    rows["employees.csv"][0]["status"] = "GONE"
    files = {name: write(name, content) for name, content in rows.items()}
    report, _ = check(files, stored={"employees.csv": {"E1", "E2"}, "teams.csv": {"S1"}})
    assert faults(report) == [("employees.csv", 2, "status", "BAD_VALUE")]


def test_a_report_holds_a_bounded_number_of_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "KEPT_FINDINGS", 3)
    rows = [{"month": "2026-09", "metric": "DELIVERIES", "value": "x"}] * 10
    report, stage = check({**good_files(), "targets.csv": write("targets.csv", rows)}, chunk_rows=4)
    assert (len(report.errors), report.error_count, len(stage.findings)) == (3, 10, 10)
    assert report.refused["targets.csv"] == 10


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([spec.name for spec in STORE_FILES]), st.binary(max_size=120), st.booleans())
def test_random_bytes_never_raise(name: str, data: bytes, behind_header: bool) -> None:
    files = good_files()
    files[name] = files[name] + data if behind_header else data
    report, _ = check(files)
    assert report.result in ("ACCEPTED", "REFUSED")


cell_values = st.sampled_from(
    ["", "E1", "1", "-1", "2026-09-01", "2026-09-01T10:00:00Z", "true", "T1", "SALES", "\0", "x"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(STORE_FILES).flatmap(
        lambda spec: st.tuples(st.just(spec), st.lists(st.tuples(*[cell_values] * len(spec.columns)), max_size=8))
    )
)
def test_every_row_is_accepted_or_has_the_findings_of_one_step(case: tuple[object, list[tuple[str, ...]]]) -> None:
    spec, rows = case
    assert isinstance(spec, type(STORE_FILES[0]))
    names = [column.name for column in spec.columns]
    content = [dict(zip(names, row, strict=True)) for row in rows]
    report, _ = check({**good_files(), spec.name: write(spec.name, content)}, chunk_rows=3)
    found = [finding for finding in report.errors if finding.file == spec.name]
    assert report.accepted[spec.name] + len({finding.line for finding in found}) == len(rows)
    assert found == sorted(found, key=lambda f: (f.line, names.index(f.column) if f.column else -1))
    for line in {finding.line for finding in found}:
        codes = {finding.code for finding in found if finding.line == line}
        cells = {"MISSING_VALUE", "BAD_FORMAT", "BAD_VALUE", "OUT_OF_RANGE"}
        assert codes <= cells or len(codes) == 1


class Forgetful:
    """A lookup that knows everything and a sink that keeps nothing: what remains is the driver's own memory."""

    async def taken(self, file: str, keys: Collection[Key]) -> Collection[Key]:
        return ()

    async def present(self, file: str, codes: Collection[str]) -> Collection[str]:
        return codes

    async def accept(self, file: str, rows: Sequence[AcceptedRow]) -> None:
        pass

    async def report(self, findings: Sequence[Finding]) -> None:
        pass


def _many(name: str, rows: int) -> Iterator[bytes]:
    if name == "labour_lines.csv":
        yield b"ro_no,line_no,technician_no,work_date,hours_worked,hours_sold,amount,cost\r\n"
        for start in range(0, rows, 500):
            yield b"".join(
                b"R%d,%d,E1,2026-07-01,%d.5,3.80,%d.54,155.00\r\n" % (place // 10, place % 10 + 1, place % 9, place)
                for place in range(start, start + 500)
            )
    else:
        yield good_files()[name]


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        sink = Forgetful()
        tracemalloc.start()
        try:
            report = asyncio.run(
                check_store(lambda name: _many(name, rows), exported_at=EXPORTED_AT, lookup=sink, sink=sink)
            )
            assert report.accepted["labour_lines.csv"] == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(8_000), peak(48_000)
    assert many < few * 1.2 and many < 16_000_000


def test_stage_answers_only_what_it_is_asked() -> None:
    stage = MemoryStage({"teams.csv": {"S9"}})
    asyncio.run(stage.accept("teams.csv", [AcceptedRow(2, ("S1", "a", "SALES"))]))
    asked: Mapping[str, Collection[str]] = {"teams.csv": {"S1", "S9", "S2"}}
    assert asyncio.run(stage.present("teams.csv", asked["teams.csv"])) == {"S1", "S9"}
    assert asyncio.run(stage.taken("teams.csv", {("S1",), ("S9",)})) == {("S1",)}
