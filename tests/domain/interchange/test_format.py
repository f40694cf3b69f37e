from forecourt.domain.interchange.findings import FILE_CODES, ROW_CODES, WARNING_CODES, Finding, message
from forecourt.domain.interchange.format import FILES, GROUP_FILES, STORE_FILES


def test_files_stand_in_reading_order() -> None:
    names = "teams employees positions customers vehicles sales_orders repair_orders labour_lines part_lines attendance"
    names += " complaints surveys calls targets"
    assert [spec.stem for spec in STORE_FILES] == names.split()
    assert [spec.stem for spec in GROUP_FILES] == ["group", "stores"]
    assert [len(spec.columns) for spec in FILES.values()] == [8, 9, 3, 7, 6, 7, 7, 12, 17, 8, 9, 3, 16, 17, 10, 3]


def test_rules_name_columns_of_their_file() -> None:
    for spec in FILES.values():
        assert len(spec.index) == len(spec.columns)
        assert all(spec.by_name[name].required for name in spec.key)
        for order in spec.orders:
            assert spec.by_name[order.earlier].type == spec.by_name[order.later].type
        for rule in spec.required_when:
            assert not spec.by_name[rule.column].required
            assert set(rule.words) <= set(spec.by_name[rule.when].words)
        assert all(exclude.column in spec.index and exclude.other in spec.index for exclude in spec.excludes)
        assert spec.future_columns <= {column.name for column in spec.columns if column.type == "time"}
        for column in spec.columns:
            assert (column.type == "word") == bool(column.words)


def test_references_go_to_files_read_before_or_to_the_file_itself() -> None:
    order = list(FILES)
    for spec in STORE_FILES:
        for name, file in spec.references:
            assert order.index(file) < order.index(spec.name) or (spec.name, name) == ("repair_orders.csv", "rework_of")
            (key,) = FILES[file].key
            assert spec.by_name[name].type in ("list", FILES[file].by_name[key].type)


def test_every_code_has_words_for_people_in_both_languages() -> None:
    for code in (*FILE_CODES, *ROW_CODES, *WARNING_CODES):
        finding = Finding("surveys.csv", 7, "q_overall", code)
        english, chinese = message(finding, "en"), message(finding)
        assert english.startswith("surveys.csv, line 7, column q_overall: ") and english.endswith(".")
        assert chinese.startswith("surveys.csv 第 7 行“q_overall”列：") and chinese.endswith("。")
        assert english.isascii() or "–" in english
        assert finding.severity == ("FILE" if code in FILE_CODES else "WARNING" if code in WARNING_CODES else "ROW")


def test_messages_say_what_the_column_asks_for() -> None:
    assert "1–5" in message(Finding("surveys.csv", 7, "q_overall", "OUT_OF_RANGE"), "en")
    assert "required when template is T1, T8" in message(Finding("surveys.csv", 7, "order_no", "MISSING_VALUE"), "en")
    assert "填写了 submitted_at 时必填" in message(Finding("surveys.csv", 7, "mode", "MISSING_VALUE"))
    assert "employees.csv" in message(Finding("complaints.csv", 2, "accused_nos", "UNKNOWN_REF"))
    assert "T1、T2、T8" in message(Finding("surveys.csv", 7, "template", "BAD_VALUE"))
    assert message(Finding("teams.csv", 0, "", "MISSING_FILE"), "en").startswith("teams.csv: the file is missing. ")
    assert message(Finding("teams.csv", 0, "", "MISSING_FILE")).startswith("teams.csv：缺少该文件。")


def test_every_type_has_its_form_in_messages() -> None:
    for spec in FILES.values():
        for column in spec.columns:
            assert "(" in message(Finding(spec.name, 2, column.name, "BAD_FORMAT"), "en")
            assert "（" in message(Finding(spec.name, 2, column.name, "BAD_FORMAT"))
