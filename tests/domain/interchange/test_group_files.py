import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from forecourt.domain.interchange.findings import Finding
from forecourt.domain.interchange.folder import open_group, open_memory, open_store
from forecourt.domain.interchange.group_files import GroupCheck, GroupRow, StoreRow, check_group
from tests.domain.interchange.support import EXPORTED_AT, HARMONY, expected

HEADER = "format_version,group_code,group_name,currency,time_zone,exported_at,covers_from,covers_to\r\n"
ROW = "1,G1,集团,CNY,Asia/Shanghai,2026-11-22T06:00:00+08:00,2026-07,2026-09\r\n"
STORES = "store_code,store_name,brand,status\r\nA1,a,b,ACTIVE\r\n"


def checked(group: str | None = HEADER + ROW, stores: str | None = STORES) -> GroupCheck:
    files = {"group.csv": group, "stores.csv": stores}
    return asyncio.run(check_group(open_memory({n: t.encode() for n, t in files.items() if t is not None})))


def test_harmony_names_its_group_and_nine_stores() -> None:
    found = asyncio.run(check_group(open_group(HARMONY)))
    assert found.group == GroupRow(
        "1",
        "HARMONY",
        "和悦汽车集团（虚构）",
        "CNY",
        "Asia/Shanghai",
        EXPORTED_AT,
        date(2026, 7, 1),
        date(2026, 9, 1),
    )
    assert [store.store_code for store in found.stores] == list(expected()["imports"])
    assert found.stores[7] == StoreRow(
        "HX08", "云岭云驰汽车4S店", "云驰", "华南", "B", 4, date(2019, 8, 1), "Asia/Urumqi", "ACTIVE"
    )
    assert [finding.as_dict() for finding in found.errors] == expected()["group_errors"]


@pytest.mark.parametrize(
    ("group", "line", "column", "code"),
    [
        (None, 0, "", "MISSING_FILE"),
        ("", 1, "format_version", "MISSING_COLUMN"),
        (HEADER + '1,"G1', 2, "", "BROKEN_QUOTE"),
        (HEADER, 1, "", "ROW_COUNT"),
        (HEADER + ROW + ROW, 3, "group_code", "DUPLICATE_KEY"),
        (HEADER + ROW + ROW.replace("G1", "G2"), 3, "", "ROW_COUNT"),
        (HEADER + ROW + "\r\nx\r\n", 4, "", "FIELD_COUNT"),
        (HEADER + ROW.replace("1,G1", "2,G1"), 2, "format_version", "BAD_VALUE"),
        (HEADER + ROW.replace("Asia/Shanghai", "Asia/Beijing"), 2, "time_zone", "BAD_VALUE"),
        (HEADER + ROW.replace("+08:00", ""), 2, "exported_at", "BAD_FORMAT"),
        (HEADER + ROW.replace("2026-11-22", "1985-11-22"), 2, "exported_at", "IMPOSSIBLE_DATE"),
        (HEADER + ROW.replace("2026-07", "2026-13"), 2, "covers_from", "BAD_FORMAT"),
    ],
)
def test_a_fault_in_the_group_file_stops_the_import(group: str | None, line: int, column: str, code: str) -> None:
    found = checked(group)
    assert found.group is None and found.stores == ()
    assert found.errors == (Finding("group.csv", line, column, code),)


@pytest.mark.parametrize(
    ("stores", "line", "column", "code"),
    [
        (None, 0, "", "MISSING_FILE"),
        ("store_code,store_name,brand\r\n", 1, "status", "MISSING_COLUMN"),
        (STORES + '"', 3, "", "BROKEN_QUOTE"),
    ],
)
def test_a_file_fault_in_the_store_list_stops_the_import(stores: str | None, line: int, column: str, code: str) -> None:
    found = checked(stores=stores)
    assert found.group is None and found.stores == ()
    assert found.errors == (Finding("stores.csv", line, column, code),)


def test_a_refused_row_leaves_its_store_out() -> None:
    found = checked(stores=STORES + "../x,a,b,ACTIVE\r\nA1,a,b,CLOSING\r\nA2,a,b,OPEN\r\nA3,a,b,SUSPENDED\r\n")
    assert found.group is not None
    assert [(store.store_code, store.time_zone) for store in found.stores] == [("A1", None), ("A3", None)]
    assert [(finding.line, finding.column, finding.code) for finding in found.errors] == [
        (3, "store_code", "BAD_FORMAT"),
        (4, "store_code", "DUPLICATE_KEY"),
        (5, "status", "BAD_VALUE"),
    ]


def test_unknown_columns_warn() -> None:
    found = checked(stores="store_code,store_name,brand,status,x\r\nA1,a,b,ACTIVE,\r\n")
    assert found.warnings == (Finding("stores.csv", 1, "x", "UNKNOWN_COLUMN"),)
    assert found.group is not None and found.group.exported_at == datetime(2026, 11, 21, 22, tzinfo=UTC)


def test_only_plain_files_and_folders_are_opened(tmp_path: Path) -> None:
    (tmp_path / "A1").mkdir()
    (tmp_path / "A1" / "calls.csv").mkdir()
    (tmp_path / "A1" / "teams.csv").write_bytes(b"x" * 300_000)
    (tmp_path / "A1" / "targets.csv").symlink_to(tmp_path / "A1" / "teams.csv")
    (tmp_path / "A2").symlink_to(tmp_path / "A1")
    (tmp_path / "A3").write_bytes(b"")
    opened = open_store(tmp_path, "A1")
    assert opened is not None
    assert opened("calls.csv") is None and opened("targets.csv") is None and opened("none.csv") is None
    assert [sum(map(len, opened("teams.csv") or ())) for _ in range(2)] == [300_000, 300_000]
    assert open_store(tmp_path, "A2") is None and open_store(tmp_path, "A3") is None
