"""What can be read of imports: batches and their findings."""

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Words, entity, many, one, value
from .model import ImportBatch, ImportFinding

READ = "interchange:batch:read"

STATE = Words(
    "ImportState",
    "Where an import stands 导入状态.",
    {
        "RECEIVED": "Received 已接收.",
        "CHECKED": "Read and checked 已校验.",
        "MERGED": "Written 已合并.",
        "REFUSED": "Refused as a whole 已拒绝.",
        "FAILED": "Broke off 失败.",
    },
)
ON_ROW_ERROR = Words(
    "OnRowError",
    "What a wrong row does 行错误处理.",
    {"SKIP": "Only the row is left out 跳过该行.", "ABORT": "The whole import is refused 整批拒绝."},
)
SEVERITY = Words(
    "FindingSeverity",
    "How grave a finding is 严重程度.",
    {"ERROR": "The row or the import is refused 错误.", "WARNING": "It was taken all the same 警告."},
)

IMPORT_BATCH = entity(
    ImportBatch,
    "One store's export folder 导入批次, checked whole and merged in one transaction.",
    plural="importBatches",
    grants=(Grant(READ),),
    fields=(
        value("state", ImportBatch.state, "Where it stands 导入状态.", words=STATE),
        value("exportedAt", ImportBatch.exported_at, "When the source made the export 导出时间."),
        value("onRowError", ImportBatch.on_row_error, "What a wrong row does 行错误处理.", words=ON_ROW_ERROR),
        value("liveSince", ImportBatch.live_since, "Facts from this day on trigger surveys and calls; null: none do."),
        value("refusal", ImportBatch.refusal, "Why it was refused 拒绝原因."),
        value("counts", ImportBatch.counts, "Per file: accepted, refused, created, updated, unchanged 统计."),
        value("finishedAt", ImportBatch.finished_at, "When it was finished 完成时间."),
        *recorded(ImportBatch),
    ),
    relations=(many("findings", "ImportFinding", "batch_id", "Errors and warnings 问题清单."),),
)

IMPORT_FINDING = entity(
    ImportFinding,
    "An error or warning of an import 导入问题.",
    plural="importFindings",
    grants=(Grant(READ),),
    fields=(
        value("number", ImportFinding.number, "Place in the report 序号."),
        value("severity", ImportFinding.severity, "Error or warning 严重程度.", words=SEVERITY),
        value("file", ImportFinding.file, "File 文件."),
        value("line", ImportFinding.line, "Physical line in the file, from 1 行号."),
        value("column", ImportFinding.column, "Column; empty: the whole line 列."),
        value("code", ImportFinding.code, "Stable code of the finding 代码."),
        value("messageZh", ImportFinding.message_zh, "Message in Chinese 中文说明."),
        value("messageEn", ImportFinding.message_en, "Message in English 英文说明."),
    ),
    relations=(one("batch", "ImportBatch", "batch_id", "The import 导入批次."),),
)

ENTITIES = (IMPORT_BATCH, IMPORT_FINDING)
