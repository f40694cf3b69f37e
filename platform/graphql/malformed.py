"""What is no GraphQL request, and what is said about it: what is wrong, in which part of the request, and what to do."""

from collections.abc import Mapping

from .errors import Saying


class Malformed(Exception):
    """A request that is no GraphQL request: the status, the part of it that is wrong, what is wrong with it and what to do."""

    def __init__(self, status: int, part: str, saying: Saying, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{part}: {saying.en}")
        self.status, self.part, self.saying, self.headers = status, part, saying, headers or {}

    def in_language(self, language: str) -> str:
        """The message for a caller's language."""
        text = self.saying.in_language(language)
        return f"{self.part}: {text}" if text == self.saying.en else f"{self.part}：{text}"


ACCEPT = Saying(
    "请接受 application/graphql-response+json 或 application/json（UTF-8）。",
    "Accept application/graphql-response+json or application/json, in UTF-8.",
)
BATCH = Saying(
    "不支持批量请求（数组）。请每个请求发送一个 JSON 对象；一个文档可以包含多个字段。",
    "Batches (arrays) are not offered. Send one JSON object a request; one document may have many fields.",
)
BODY_TYPE = Saying("请使用 application/json（UTF-8）发送。", "Send application/json, in UTF-8.")
BODY_OR_FORM = Saying(
    "请使用 application/json（UTF-8）发送；含文件时使用 multipart/form-data。",
    "Send application/json, in UTF-8; with files multipart/form-data.",
)
ENCODED = Saying("不接受压缩的请求体。请不压缩发送。", "Bodies are not taken compressed. Send it as it is.")
FILE_MISSING = Saying(
    "map 所指的文件未随请求发送。请为 map 的每个键发送一个同名文件。",
    "It names a file that was not sent. Send a file under each key of map.",
)
FORM = Saying(
    "无法读取 multipart 请求体。请检查 boundary 与各部分。",
    "The multipart body cannot be read. Check its boundary and parts.",
)
LENGTH = Saying("上传时请给出 content-length。", "Say how long an upload is: send content-length.")
MISSING = Saying("缺失。请发送该字段。", "It is missing. Send this field.")
MUTATION = Saying("变更操作只能使用 POST。", "Mutations are sent by POST only.")
NO_PLACE = Saying(
    "所指位置不存在或不为 null。路径应如 variables.input.file，且该处为 null。",
    "It names a place that is not there or not null. A path looks like variables.input.file, where null stands.",
)
NO_TEXT = Saying(
    "含有 U+0000 或不完整的代理对，它们不是可存储的字符。请去掉。",
    "It has a text with U+0000 or half a surrogate pair, which cannot be stored. Leave them out.",
)
NUMBER = Saying(
    "含有无法读取的数字（NaN、Infinity、过大或位数过多）。请发送有限的数字，或使用文本。",
    "It has a number that cannot be read (NaN, Infinity, too large or too long). Send finite numbers, or a text.",
)
PERSISTED = Saying(
    "不支持持久化文档。请在 query 中发送文档。", "Persisted documents are not offered. Send the document in query."
)
QUERY = Saying(
    "缺失或为空。请在 query 中发送 GraphQL 文档。", "It is missing or empty. Send a GraphQL document as query."
)
SLOW = Saying("请求体未及时到达。请重试。", "The body did not come in time. Try again.")
TOO_DEEP = Saying("嵌套过深。", "It is nested too deeply. Send something flatter.")
TOO_MANY = Saying("参数过多。", "Too many parameters. Send query, operationName, variables and extensions.")
TWICE = Saying("出现多次。请只发送一次。", "It is given more than once. Send it once.")

_KINDS: Mapping[type, tuple[str, str]] = {
    dict: ("对象", "an object"),
    list: ("数组", "an array"),
    str: ("文本", "a text"),
    bool: ("布尔值", "a boolean"),
    int: ("数字", "a number"),
    float: ("数字", "a number"),
    type(None): ("null", "null"),
}


def expected(kind: type, found: object) -> Saying:
    """It is of another kind in JSON."""
    (zh, en), (zh_found, en_found) = _KINDS[kind], _KINDS.get(type(found), ("文件", "a file"))
    return Saying(f"须为 JSON {zh}，收到的是{zh_found}。", f"It must be {en} in JSON, and is {en_found}.")


def key(most: int) -> Saying:
    """No idempotency key."""
    return Saying(
        f"须为 1 至 {most} 个字母、数字或 . _ ~ : / + = @ -。请为每个新请求使用新的 UUID。",
        f"It must be 1 to {most} of letters, digits and . _ ~ : / + = @ -. Use a new UUID for each new request.",
    )


def methods(allowed: str) -> Saying:
    """The method is none of these."""
    return Saying(f"请使用 {allowed}。", f"Use {allowed}.")


def not_json(line: int, column: int) -> Saying:
    """It stops being JSON there."""
    return Saying(
        f"不是有效的 JSON（第 {line} 行第 {column} 列）。请检查该处。",
        f"It is not JSON (line {line}, column {column}). Look there.",
    )


def not_utf8(at: int) -> Saying:
    """A byte that is not UTF-8, counted from 0."""
    return Saying(f"不是 UTF-8 编码（字节 {at}）。请使用 UTF-8。", f"It is not UTF-8 (byte {at}). Send UTF-8.")


def too_long(most: int) -> Saying:
    """More bytes than are taken."""
    return Saying(f"不得超过 {most} 字节。", f"It has more than {most} bytes. Send less at once.")
