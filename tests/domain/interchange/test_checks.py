from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.interchange.checks import FileFault, PeriodBook, lay_out, read_chunk
from forecourt.domain.interchange.format import FILES, STORE_FILES
from forecourt.domain.interchange.text import read_records
from tests.domain.interchange.support import VIN, check, faults, good_files, good_rows, write

Change = dict[str, str]
EARLY, LATE, FUTURE = "2026-08-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-21T22:00:01Z"
EXPORT = "2026-11-22T06:00:00+08:00"


def found(name: str, *changes: Change, base: bool = False) -> list[tuple[int, str, str]]:
    """Errors about rows of one file: each the faultless first row with some cells changed."""
    first = good_rows()[name][0]
    rows = ([first] if base else []) + [{**first, **change} for change in changes]
    report, _ = check({**good_files(), name: write(name, rows)})
    return [(line, column, code) for file, line, column, code in faults(report) if file == name]


def test_a_row_with_another_number_of_cells_is_not_looked_at_further() -> None:
    header = b"team_code,team_name,department,x\r\n"
    report, _ = check({**good_files(), "teams.csv": header + b",,\r\nS1,a,SALES,,\r\nS1,a,SALES,\r\n"})
    assert faults(report) == [("teams.csv", 2, "", "FIELD_COUNT"), ("teams.csv", 3, "", "FIELD_COUNT")]
    assert [f.as_dict() for f in report.warnings] == [
        {"file": "teams.csv", "line": 1, "column": "x", "code": "UNKNOWN_COLUMN"}
    ]


def test_all_faults_of_the_first_step_come_in_column_order_of_the_format() -> None:
    data = b"status,hired_on,phone,name,employee_no\r\nX,2020,1,,\r\n"
    report, _ = check({**good_files(), "employees.csv": data})
    assert faults(report)[:5] == [
        ("employees.csv", 2, "employee_no", "MISSING_VALUE"),
        ("employees.csv", 2, "name", "MISSING_VALUE"),
        ("employees.csv", 2, "phone", "BAD_FORMAT"),
        ("employees.csv", 2, "status", "BAD_VALUE"),
        ("employees.csv", 2, "hired_on", "BAD_FORMAT"),
    ]


@pytest.mark.parametrize("spec", STORE_FILES, ids=lambda spec: spec.name)
def test_every_required_column_is_required(spec: object) -> None:
    name = getattr(spec, "name", "")
    for column in FILES[name].required_columns:
        assert found(name, {column: "  \t\u3000"}) == [(2, column, "MISSING_VALUE")]


def test_a_missing_optional_column_counts_as_empty() -> None:
    report, stage = check(
        {**good_files(), "employees.csv": b"hired_on,status,name,employee_no\n2020-01-01,LEFT,a,E1\n"}
    )
    assert report.accepted["employees.csv"] == 1
    assert stage.rows["employees.csv"][0].values == ("E1", "a", None, "LEFT", date(2020, 1, 1), None, None)
    report, _ = check({**good_files(), "calls.csv": b"call_no,kind,caller_no,started_at,connected\nK1,RECOVERY,E1,"
                       b"2026-09-01T00:00:00Z,true\n"})  # fmt: skip
    assert faults(report) == [("calls.csv", 2, "survey_no", "MISSING_VALUE")]


@pytest.mark.parametrize(
    ("name", "change", "columns"),
    [
        ("complaints.csv", {"validity": "VALID"}, ["validity_decided_at"]),
        ("complaints.csv", {"validity": "PARTLY"}, ["validity_decided_at"]),
        ("complaints.csv", {"validity": "INVALID"}, ["validity_decided_at"]),
        ("complaints.csv", {"validity": "UNDECIDED"}, []),
        ("surveys.csv", {"order_no": ""}, ["order_no"]),
        ("surveys.csv", {"template": "T8", "order_no": ""}, ["order_no"]),
        ("surveys.csv", {"template": "T2"}, ["ro_no"]),
        ("surveys.csv", {"template": "T2", "ro_no": "R1", "order_no": ""}, []),
        ("surveys.csv", {"submitted_at": LATE}, ["mode"]),
        ("surveys.csv", {"submitted_at": LATE, "order_no": ""}, ["order_no", "mode"]),
        ("surveys.csv", {"mode": "SMS"}, []),
        ("calls.csv", {"kind": "DELIVERY_CALL"}, ["order_no"]),
        ("calls.csv", {"kind": "CARE_CALL"}, ["order_no"]),
        ("calls.csv", {"kind": "SERVICE_FOLLOWUP"}, ["ro_no"]),
        ("calls.csv", {"kind": "RECOVERY", "survey_no": ""}, ["survey_no"]),
    ],
)
def test_columns_required_by_another(name: str, change: Change, columns: list[str]) -> None:
    assert found(name, change) == [(2, column, "MISSING_VALUE") for column in columns]


def test_a_step_runs_only_when_the_steps_before_found_nothing() -> None:
    everything = {"submitted_at": FUTURE, "order_no": "NONE", "sent_at": "1980-01-01T00:00:00Z"}
    assert found("surveys.csv", {**everything, "q_overall": "6"}, base=True) == [(3, "q_overall", "OUT_OF_RANGE")]
    assert found("surveys.csv", everything, base=True) == [(3, "mode", "MISSING_VALUE")]
    assert found("surveys.csv", {**everything, "mode": "SMS"}, base=True) == [(3, "survey_no", "DUPLICATE_KEY")]
    assert found("surveys.csv", {**everything, "mode": "SMS", "survey_no": "Q2"}) == [(2, "order_no", "UNKNOWN_REF")]
    assert found("surveys.csv", {**everything, "mode": "SMS", "order_no": "O1"}) == [
        (2, "sent_at", "IMPOSSIBLE_DATE"),
        (2, "submitted_at", "IMPOSSIBLE_DATE"),
    ]


@pytest.mark.parametrize("spec", STORE_FILES, ids=lambda spec: spec.name)
@pytest.mark.parametrize("rows", [1, 2, 2000])
def test_the_first_row_of_a_key_stays(spec: object, rows: int) -> None:
    name = getattr(spec, "name", "")
    first = good_rows()[name][0]
    report, stage = check({**good_files(), name: write(name, [first, first, first])}, chunk_rows=rows)
    key = FILES[name].key[-1]
    assert [fault for fault in faults(report) if fault[0] == name] == [
        (name, 3, key, "DUPLICATE_KEY"),
        (name, 4, key, "DUPLICATE_KEY"),
    ]
    assert [row.line for row in stage.rows[name]] == [2]


def test_a_refused_row_does_not_take_its_key() -> None:
    rows = [{"month": "2026-09", "metric": "DELIVERIES", "value": value} for value in ("x", "1", "2")]
    report, stage = check({**good_files(), "targets.csv": write("targets.csv", rows)})
    assert faults(report) == [("targets.csv", 2, "value", "BAD_FORMAT"), ("targets.csv", 4, "metric", "DUPLICATE_KEY")]
    assert [row.line for row in stage.rows["targets.csv"]] == [3]


def test_keys_are_compared_as_values() -> None:
    assert found("labour_lines.csv", {"line_no": "0001"}, base=True) == [(3, "line_no", "DUPLICATE_KEY")]
    assert found("teams.csv", {"team_code": "s1"}, base=True) == []


@pytest.mark.parametrize("spec", STORE_FILES, ids=lambda spec: spec.name)
def test_every_reference_must_be_known(spec: object) -> None:
    name = getattr(spec, "name", "")
    for column, _ in FILES[name].references:
        unknown = "1M8GDM9AXKP042789" if column == "vin" else "NONE"
        assert found(name, {column: unknown}) == [(2, column, "UNKNOWN_REF")]


def test_every_code_of_a_list_must_be_known_and_one_fault_says_so() -> None:
    assert found("complaints.csv", {"accused_nos": "E1;E2;E1"}) == []
    assert found("complaints.csv", {"accused_nos": "E1;E8;E9"}) == [(2, "accused_nos", "UNKNOWN_REF")]


@pytest.mark.parametrize("rows", [1, 2, 2000])
def test_rework_names_an_order_that_stands_above(rows: int) -> None:
    first = good_rows()["repair_orders.csv"][0]
    lines = [
        {**first, "rework_of": "R1"},  # itself
        {**first, "ro_no": "R2", "rework_of": "R3"},  # below
        {**first, "ro_no": "R3", "type": "x"},  # refused
        {**first, "ro_no": "R4", "rework_of": "R3"},
        {**first, "ro_no": "R5"},
        {**first, "ro_no": "R6", "rework_of": "R5"},
        {**first, "ro_no": "R7", "rework_of": "R6"},
        {**first, "ro_no": "R8", "rework_of": "OLD"},
    ]
    files = {**good_files(), "repair_orders.csv": write("repair_orders.csv", lines)}
    report, _ = check(files, chunk_rows=rows, stored={"repair_orders.csv": {"OLD"}})
    assert [fault[1:] for fault in faults(report) if fault[0] == "repair_orders.csv"] == [
        (2, "rework_of", "UNKNOWN_REF"),
        (3, "rework_of", "UNKNOWN_REF"),
        (4, "type", "BAD_VALUE"),
        (5, "rework_of", "UNKNOWN_REF"),
    ]


@pytest.mark.parametrize("spec", STORE_FILES, ids=lambda spec: spec.name)
def test_times_lie_between_1990_and_the_export(spec: object) -> None:
    name = getattr(spec, "name", "")
    for column in FILES[name].columns:
        if column.type == "time":
            extra = {"mode": "SMS"} if column.name == "submitted_at" else {}
            late = (2, column.name, "IMPOSSIBLE_DATE")
            assert (late in found(name, {**extra, column.name: FUTURE})) is not column.may_be_future
            assert late not in found(name, {**extra, column.name: EXPORT})
            assert late in found(name, {**extra, column.name: "1989-12-31T23:59:59Z"})
    assert {c.name for s in STORE_FILES for c in s.columns if c.may_be_future} == {
        "promised_at",
        "needed_at",
        "expires_at",
    }


def test_the_first_moments_and_days_that_can_be() -> None:
    assert found("calls.csv", {"started_at": "1990-01-01T08:00:00+08:00"}) == []
    assert found("employees.csv", {"hired_on": "1900-01-01"}) == []
    assert found("employees.csv", {"hired_on": "1899-12-31"}) == [(2, "hired_on", "IMPOSSIBLE_DATE")]
    assert found("employees.csv", {"left_on": "9999-12-31"}) == []
    assert found("calls.csv", {"started_at": "0001-01-01T00:00:00+08:00"}) == [(2, "started_at", "IMPOSSIBLE_DATE")]
    assert found("calls.csv", {"started_at": "9999-12-31T23:59:59-08:00"}) == [(2, "started_at", "IMPOSSIBLE_DATE")]


ORDERS = [(spec.name, order) for spec in STORE_FILES for order in spec.orders]


@pytest.mark.parametrize(("name", "order"), ORDERS, ids=lambda part: str(getattr(part, "later", part)))
def test_the_later_of_two_dates_is_reported(name: str, order: object) -> None:
    earlier, later, strict = (getattr(order, part) for part in ("earlier", "later", "strict"))
    dates = FILES[name].by_name[later].type == "date"
    low, high = ("2024-01-01", "2024-01-02") if dates else (EARLY, LATE)
    # Other dates of the row are left out, so that only this order is judged.
    blank = {c.name: "" for c in FILES[name].columns if c.type in ("date", "time") and not c.required}
    more = {"mode": "SMS"} if later == "submitted_at" else {"opened_at": EARLY} if earlier == "done_at" else {}
    fault = [(2, later, "IMPOSSIBLE_DATE")]
    assert found(name, {**blank, **more, earlier: high, later: low})[-1:] == fault
    assert found(name, {**blank, **more, earlier: low, later: high}) == []
    assert found(name, {**blank, **more, earlier: low, later: low}) == (fault if strict else [])


def test_a_column_has_one_impossible_date_for_several_reasons() -> None:
    change = {"opened_at": LATE, "done_at": LATE, "handed_over_at": EARLY}
    assert found("repair_orders.csv", change) == [(2, "handed_over_at", "IMPOSSIBLE_DATE")]
    change = {"cancelled_at": EARLY, "delivered_at": LATE}
    assert found("sales_orders.csv", change) == [(2, "cancelled_at", "IMPOSSIBLE_DATE")]


def test_times_are_compared_as_moments() -> None:
    change = {"signed_at": "2026-09-01T10:00:00+08:00", "invoiced_at": "2026-09-01T02:00:00Z"}
    assert found("sales_orders.csv", change) == []


def test_a_cancelled_order_cannot_be_delivered() -> None:
    change = {"delivered_at": LATE, "cancelled_at": LATE}
    assert found("sales_orders.csv", change) == [(2, "cancelled_at", "IMPOSSIBLE_DATE")]
    assert found("sales_orders.csv", {"cancelled_at": LATE}) == []


@pytest.mark.parametrize("rows", [1, 2000])
def test_periods_of_one_person_may_touch_but_not_overlap(rows: int) -> None:
    periods = [
        ("E1", "2024-03-01", "2024-04-01", True),
        ("E1", "2024-01-01", "2024-03-01", True),
        ("E1", "2024-04-01", "", True),
        ("E1", "2024-05-01", "2024-06-01", False),
        ("E1", "2023-01-01", "2024-01-02", False),
        ("E1", "2023-01-01", "", False),
        ("E2", "2024-03-15", "2024-03-16", True),
        ("E2", "2024-03-01", "2024-04-01", False),
    ]
    first = good_rows()["positions.csv"][0]
    content = [{**first, "employee_no": who, "valid_from": start, "valid_to": end} for who, start, end, _ in periods]
    report, _ = check({**good_files(), "positions.csv": write("positions.csv", content)}, chunk_rows=rows)
    assert faults(report) == [
        ("positions.csv", line, "valid_from", "OVERLAP") for line, (*_, good) in enumerate(periods, start=2) if not good
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(1, 9))), max_size=20))
def test_the_period_book_agrees_with_comparing_all_pairs(spans: list[tuple[int, int | None]]) -> None:
    day = date(2024, 1, 1)
    book, kept = PeriodBook(), list[tuple[date, date]]()
    for start, length in spans:
        first = day + timedelta(start)
        end = None if length is None else first + timedelta(length)
        free = all((end or date.max) <= low or first >= high for low, high in kept)
        assert book.add("E1", first, end) is free
        if free:
            kept.append((first, end or date.max))


def test_a_wrong_check_digit_warns_about_accepted_rows_only() -> None:
    wrong = VIN[:8] + "1" + VIN[9:]
    rows = [{"vin": VIN}, {"vin": wrong}, {"vin": wrong}, {"vin": "2" + wrong[1:], "customer_no": "NONE"}]
    report, _ = check({**good_files(), "vehicles.csv": write("vehicles.csv", rows)})
    assert [(f.line, f.column, f.code) for f in report.warnings] == [(3, "vin", "VIN_CHECK_DIGIT")]
    assert report.accepted["vehicles.csv"] == 2


def test_unknown_columns_warn_once_each_in_the_order_of_the_header() -> None:
    data = b"z,team_code,team_name,a\0,department,\r\n1,S1,x,2,SALES,3\r\n1,S2,x,2,SALES,3\r\n"
    report, _ = check({**good_files(), "teams.csv": data})
    assert [(f.line, f.column) for f in report.warnings] == [(1, "z"), (1, "a\ufffd"), (1, "")]


def test_header_faults() -> None:
    spec = FILES["teams.csv"]
    for header, column, code in [
        (["team_code", "team_code", "team_name"], "team_code", "DUPLICATE_COLUMN"),
        (["team_code", "team_name", "department", "", ""], "", "DUPLICATE_COLUMN"),
        (["TEAM_CODE", "team_name", "department"], "team_code", "MISSING_COLUMN"),
        ([], "team_code", "MISSING_COLUMN"),
    ]:
        with pytest.raises(FileFault) as caught:
            lay_out(spec, header)
        finding = caught.value.finding
        assert (finding.line, finding.column, finding.code) == (1, column, code)


def test_a_chunk_says_what_to_look_up() -> None:
    layout = lay_out(FILES["complaints.csv"], [column.name for column in FILES["complaints.csv"].columns])
    row = b"X1,COMPLAINT,SALES,PRICE,,C1,,R1,E1;E2,2026-09-01T00:00:00Z,,UNDECIDED,,,OPEN,\nx\n"
    chunk = read_chunk(layout, read_records([row]), 2)
    assert chunk is not None and chunk.keys == {("X1",)}
    assert chunk.references == {
        "customers.csv": {"C1"},
        "sales_orders.csv": set(),
        "repair_orders.csv": {"R1"},
        "employees.csv": {"E1", "E2"},
    }
    assert read_chunk(layout, iter([]), 2) is None
