"""What an import has to say about a file, and how it says it to people (docs/interchange.md section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .format import FILES, LIST_CHARS, TEXT_CHARS, ColumnSpec, RequiredWhen

Severity = Literal["FILE", "ROW", "WARNING"]
"""FILE refuses the batch, ROW refuses the row, WARNING refuses nothing."""
Language = Literal["zh-CN", "en"]

FILE_CODES: tuple[str, ...] = ("MISSING_FILE", "NOT_UTF8", "BROKEN_QUOTE", "DUPLICATE_COLUMN", "MISSING_COLUMN")
"""File faults in the sequence in which they are looked for."""
WARNING_CODES: tuple[str, ...] = ("UNKNOWN_COLUMN", "VIN_CHECK_DIGIT")
ROW_CODES: tuple[str, ...] = (
    "FIELD_COUNT",
    "MISSING_VALUE",
    "BAD_FORMAT",
    "BAD_VALUE",
    "OUT_OF_RANGE",
    "DUPLICATE_KEY",
    "UNKNOWN_REF",
    "IMPOSSIBLE_DATE",
    "OVERLAP",
    "ROW_COUNT",
)
"""Row faults in the sequence of their steps; ROW_COUNT (group.csv has not exactly one row) is Forecourt's own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: where, and a stable code. ``column`` is empty when the whole row or file is meant."""

    file: str
    line: int
    column: str
    code: str

    @property
    def severity(self) -> Severity:
        """What the finding refuses."""
        if self.code in FILE_CODES:
            return "FILE"
        return "WARNING" if self.code in WARNING_CODES else "ROW"

    def as_dict(self) -> dict[str, str | int]:
        """File, line, column and code, as in an expected file (section 10)."""
        return {"file": self.file, "line": self.line, "column": self.column, "code": self.code}


def message(finding: Finding, language: Language = "zh-CN") -> str:
    """What is wrong, where, and what to do, for a reader of ``language``."""
    english = language == "en"
    return (_where_en(finding) if english else _where_zh(finding)) + reason(finding, language)


def reason(finding: Finding, language: Language = "zh-CN") -> str:
    """What is wrong and what to do, for whoever knows where."""
    english = language == "en"
    what, remedy = (_EN if english else _ZH)[finding.code]
    detail = _detail(finding, english)
    between, stop = (" ", ".") if english else ("", "。")
    inner = f" ({detail})" if detail and english else f"（{detail}）" if detail else ""
    return f"{what}{inner}{stop}{between}{remedy}"


def sayings() -> Mapping[str, tuple[str, str]]:
    """Code → what is wrong and what to do, in Chinese and English."""
    return {
        code: (f"{_ZH[code][0]}。{_ZH[code][1]}", f"{what[0].upper()}{what[1:]}. {remedy}")
        for code, (what, remedy) in _EN.items()
    }


def _where_en(finding: Finding) -> str:
    line = f", line {finding.line}" if finding.line else ""
    column = f", column {finding.column}" if finding.column else ""
    return f"{finding.file}{line}{column}: "


def _where_zh(finding: Finding) -> str:
    line = f"第 {finding.line} 行" if finding.line else ""
    column = f"“{finding.column}”列" if finding.column else ""
    return f"{finding.file} {line}{column}：" if line or column else f"{finding.file}："


def _detail(finding: Finding, english: bool) -> str:
    """What exactly the column asks for, taken from the format."""
    spec = FILES.get(finding.file)
    column = spec.by_name.get(finding.column) if spec else None
    if spec is None or column is None:
        return ""
    if finding.code == "MISSING_VALUE" and not column.required:
        rules = [_condition(rule, english) for rule in spec.required_when if rule.column == column.name]
        return (" or " if english else "或").join(rules)
    if finding.code in ("BAD_FORMAT", "BAD_VALUE", "OUT_OF_RANGE"):
        return _form(column, english)
    if finding.code == "UNKNOWN_REF" and column.reference:
        return f"looked up in {column.reference}" if english else f"在 {column.reference} 中查找"
    return ""


def _condition(rule: RequiredWhen, english: bool) -> str:
    if not rule.words:
        return f"required when {rule.when} is set" if english else f"填写了 {rule.when} 时必填"
    words = ", ".join(rule.words) if english else "、".join(rule.words)
    return f"required when {rule.when} is {words}" if english else f"{rule.when} 为 {words} 时必填"


def _form(column: ColumnSpec, english: bool) -> str:
    if column.words:
        return (" | " if english else "、").join(column.words)
    if column.low is not None or column.high is not None:
        kind = _FORMS_EN[column.type] if english else _FORMS_ZH[column.type]
        limits = f"{column.low}–{column.high}" if column.high is not None else f"≥ {column.low}"
        return f"{kind}, {limits}" if english else f"{kind}，{limits}"
    return (_FORMS_EN if english else _FORMS_ZH).get(column.type, "")


_FORMS_EN: Mapping[str, str] = MappingProxyType(
    {
        "code": "1 to 32 letters, digits, dots, hyphens or underscores, beginning with a letter or digit",
        "text": f"at most {TEXT_CHARS} characters, no NUL",
        "int": "whole number such as 12",
        "dec": "number such as 1234.50, without grouping or exponent",
        "bool": "true or false",
        "date": "existing day as YYYY-MM-DD",
        "month": "existing month as YYYY-MM",
        "time": "YYYY-MM-DDThh:mm:ss with Z or an offset such as +08:00",
        "time zone": "IANA name such as Asia/Shanghai",
        "list": f"codes joined by ; without spaces, at most {LIST_CHARS} characters",
        "vin": "17 of A–Z and 0–9 without I, O, Q",
        "phone": "5 to 15 digits, + allowed in front",
    }
)
_FORMS_ZH: Mapping[str, str] = MappingProxyType(
    {
        "code": "1 至 32 个字母、数字、点、连字符或下划线，以字母或数字开头",
        "text": f"最多 {TEXT_CHARS} 个字符，不含空字符",
        "int": "整数，如 12",
        "dec": "数字，如 1234.50，不用千位分隔符和科学计数法",
        "bool": "true 或 false",
        "date": "存在的日期，格式 YYYY-MM-DD",
        "month": "存在的月份，格式 YYYY-MM",
        "time": "格式 YYYY-MM-DDThh:mm:ss，末尾为 Z 或 +08:00 这样的时差",
        "time zone": "IANA 时区名，如 Asia/Shanghai",
        "list": f"以 ; 连接的代码，中间无空格，最多 {LIST_CHARS} 个字符",
        "vin": "17 位，A–Z 与 0–9，不含 I、O、Q",
        "phone": "5 至 15 位数字，前面可有 +",
    }
)
_EN: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "MISSING_FILE": ("the file is missing", "Export it; a file without rows must still have its header."),
        "NOT_UTF8": ("the file is not UTF-8 text", "Export it again with the encoding UTF-8."),
        "BROKEN_QUOTE": (
            "a quotation mark is opened here and never closed",
            "Close it, or write quotation marks inside a quoted cell twice; then export again.",
        ),
        "DUPLICATE_COLUMN": ("the header names this column twice", "Leave one of the two out."),
        "MISSING_COLUMN": ("the header lacks this required column", "Add the column to the export."),
        "UNKNOWN_COLUMN": ("the format does not know this column; it was ignored", "Nothing needs to be done."),
        "VIN_CHECK_DIGIT": (
            "the check digit of this vehicle number (VIN) is wrong; the row was imported",
            "Compare the number with the vehicle's registration.",
        ),
        "FIELD_COUNT": (
            "the row has more or fewer cells than the header",
            "Look for a comma that should stand in quotes, or for a broken line.",
        ),
        "MISSING_VALUE": ("a required value is missing", "Fill it in at the source."),
        "BAD_FORMAT": ("the value does not have the form of this column", "Correct it at the source."),
        "BAD_VALUE": (
            "the value is not one of those allowed",
            "Correct it at the source, or the mapping of the export.",
        ),
        "OUT_OF_RANGE": ("the value is too large, too small or too long", "Correct it at the source."),
        "DUPLICATE_KEY": (
            "a row above has the same key; the first one was kept",
            "Remove one of the two, or give it its own number.",
        ),
        "UNKNOWN_REF": (
            "the row refers to something that does not exist or was itself refused",
            "Correct the number, or export the row it refers to.",
        ),
        "IMPOSSIBLE_DATE": (
            "this date cannot be: too long ago, after the export, or before what it must follow; "
            "a cancelled order cannot be delivered",
            "Correct the dates of the row at the source.",
        ),
        "OVERLAP": (
            "the period overlaps another one of the same person above",
            "End the earlier period on the day on which the next begins.",
        ),
        "ROW_COUNT": ("the file must have exactly one row", "Export one row for the group."),
    }
)
_ZH: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "MISSING_FILE": ("缺少该文件", "请导出该文件；没有数据时也须保留表头。"),
        "NOT_UTF8": ("文件不是 UTF-8 文本", "请用 UTF-8 编码重新导出。"),
        "BROKEN_QUOTE": ("此处的引号没有闭合", "请补上引号，或把引号内的引号写两遍，再重新导出。"),
        "DUPLICATE_COLUMN": ("表头中该列出现了两次", "请去掉其中一列。"),
        "MISSING_COLUMN": ("表头缺少该必需列", "请在导出中加入该列。"),
        "UNKNOWN_COLUMN": ("格式中没有该列，已忽略", "无需处理。"),
        "VIN_CHECK_DIGIT": ("车架号（VIN）校验位不符，该行已导入", "请与行驶证核对车架号。"),
        "FIELD_COUNT": ("该行的单元格数与表头不同", "请检查是否有未加引号的逗号或断行。"),
        "MISSING_VALUE": ("缺少必填值", "请在源系统中补填。"),
        "BAD_FORMAT": ("值的格式不符合该列要求", "请在源系统中更正。"),
        "BAD_VALUE": ("值不在允许的范围之列", "请在源系统中更正，或修改导出的对照关系。"),
        "OUT_OF_RANGE": ("值过大、过小或过长", "请在源系统中更正。"),
        "DUPLICATE_KEY": ("上方已有相同主键的行，保留第一行", "请删除其中一行，或为其另编号码。"),
        "UNKNOWN_REF": ("引用的记录不存在，或其本身已被拒绝", "请更正编号，或导出被引用的记录。"),
        "IMPOSSIBLE_DATE": (
            "日期不可能成立：过早、晚于导出时间，或早于应在其之前的日期；已取消的订单不能有交车时间",
            "请在源系统中更正该行的日期。",
        ),
        "OVERLAP": ("与上方同一人员的另一任职期间重叠", "请让前一期间在后一期间开始之日结束。"),
        "ROW_COUNT": ("该文件必须恰好有一行数据", "请为集团导出一行。"),
    }
)
