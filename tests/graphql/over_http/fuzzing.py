"""Random requests: valid ones made wrong in many ways, and what is no request at all. The same seed makes the same ones."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.graphql.over_http.conftest import Served
from tests.graphql.over_http.wire import asked


class Request(NamedTuple):
    """Bytes to send. `whole`: it is HTTP and complete, so there has to be an answer. `here`: it goes to the endpoint."""

    sent: bytes
    whole: bool = True
    here: bool = True


#: Pieces of texts that somebody stumbles over somewhere.
PIECES = (
    "", " ", "\0", "\ud800", "\udfff\ud800", "\ufeff", "\u2028", "\u202e", "é", "王", "😀", "\x7f", "\r\n", "\\", '"', "'",
    "`", "%", "%00", "%s",
    "{", "}", "[", "]", "(", ")", ":", ",", "$", "@", "!", "...", "&", "|", "#", '"""', '\\u{110000}', "\\ud800", "\\u0000",
    "-", "0", "-0", "1e400", "9" * 25,
    "null", "true", "NaN", "query", "mutation", "subscription", "fragment", "on", "__typename", "__schema{types{name}}",
    "@skip(if:true)", "@include",
    "../..", "'; drop table customer; --", "<script>", "\x1b[31m", "a" * 300,
)  # fmt: skip
HEADERS = (
    "accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "content-encoding",
    "content-language", "content-type",
    "cookie", "date", "forwarded", "if-match", "if-none-match", "idempotency-key", "origin", "range", "referer", "sec-fetch-site", "te",
    "traceparent", "tracestate", "baggage", "user-agent", "via", "forecourt-view-as", "x-forwarded-for",
    "x-http-method-override", "x-request-id",
)  # fmt: skip
#: Headers that decide where a request ends.
FRAMING = ("connection", "content-length", "expect", "transfer-encoding", "upgrade")
VALUES = (
    "*/*", "application/json", "application/graphql-response+json", "text/event-stream", "application/json; charset=utf-16",
    "q=1", ";", ",", "=",
    "multipart/form-data", "multipart/form-data; boundary=", "Bearer", "Bearer ", "Basic YTpi", "Bearer fct_x",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "gzip", "identity", "br, gzip;q=0", "en", "zh-CN,zh;q=0.9", "-", "0", "-1", "1", "5", "18446744073709551616", "chunked",
    "close", "keep-alive",
    "upgrade", "websocket", "h2c", "100-continue", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "STORE_GM",
    "bytes=0-1", "null",
)  # fmt: skip


class Maker:
    """Makes one request after the other."""

    def __init__(self, served: Served, seed: int) -> None:
        self.served, self.chance = served, random.Random(seed)
        self.valid = _valid(served)
        self._ways: Sequence[tuple[Callable[[], Request], int]] = (
            (self._unchanged, 1), (self._part_replaced, 6), (self._deep_inside, 8), (self._text_changed, 6),
            (self._body_bytes, 4), (self._headers, 6),
            (self._framing, 3), (self._chunked, 2), (self._by_get, 5), (self._form, 4), (self._other_json, 3),
            (self._target, 2), (self._no_http, 2),
        )  # fmt: skip

    def one(self) -> Request:
        """The next request."""
        ways, weights = zip(*self._ways, strict=True)
        made: Request = self.chance.choices(ways, weights)[0]()
        return made

    # -- the body

    def _unchanged(self) -> Request:
        return self._post(json.dumps(self._body()).encode())

    def _part_replaced(self) -> Request:
        body = self._body()
        body[self.chance.choice(["query", "variables", "operationName", "extensions", "more"])] = self._value()
        return self._post(self._dumped(body))

    def _deep_inside(self) -> Request:
        """A value somewhere in the variables is another."""
        body = self._body()
        holder, key = self.chance.choice(list(_places(body["variables"])) or [(body, "variables")])
        if isinstance(holder, dict) and self.chance.random() < 0.2:
            holder[self._text()] = holder[key] if self.chance.random() < 0.5 else self._value()
        else:
            holder[key] = self._value()
        return self._post(self._dumped(body))

    def _text_changed(self) -> Request:
        """The document has a piece more or less, or two pieces in the wrong order."""
        body = self._body()
        text = body["query"]
        for _ in range(self.chance.randint(1, 3)):
            at, to = sorted(self.chance.choices(range(len(text) + 1), k=2))
            to = min(to, at + 12)
            put = self.chance.choice(["", self.chance.choice(PIECES), text[at:to] * self.chance.choice([2, 3, 200])])
            text = text[:at] + put + text[to:]
        body["query"] = text
        return self._post(self._dumped(body))

    def _body_bytes(self) -> Request:
        raw = bytearray(self._dumped(self._body()))
        for _ in range(self.chance.randint(1, 4)):
            at = self.chance.randrange(len(raw) + 1)
            raw[at : at + self.chance.randint(0, 3)] = self.chance.randbytes(self.chance.randint(0, 4))
        return self._post(bytes(raw))

    def _other_json(self) -> Request:
        kind = self.chance.randrange(4)
        if kind == 0:
            deep = self.chance.choice([10, 900, 1_100, 20_000])
            return self._post(self.chance.choice([b"[", b'{"query":', b'{"variables":{"a":[']) * deep)
        if kind == 1:
            return self._post(self._dumped([self._body() for _ in range(self.chance.randint(0, 3))]))
        if kind == 2:
            return self._post(b'{"query":"{__typename}","variables":{"a":' + b"[" * 950 + b"]" * 950 + b"}}")
        return self._post(self._dumped(self._value()))

    # -- around the body

    def _headers(self) -> Request:
        given: dict[str, str | None] = {}
        for _ in range(self.chance.randint(1, 5)):
            value = self.chance.choice([self.chance.choice(VALUES), self._header_text(), None])
            given[self.chance.choice(HEADERS).replace("-", "_")] = value
        twice = {name.replace("_", "-").title().replace("-", "_"): self.chance.choice(VALUES) for name in given}
        more = twice if self.chance.random() < 0.2 else {}
        return self._post(json.dumps(self._body()).encode(), **given, **more)

    def _framing(self) -> Request:
        name, value = self.chance.choice(FRAMING), self.chance.choice(VALUES)
        return self._post(json.dumps(self._body()).encode(), **{name.replace("-", "_"): value})._replace(whole=False)

    def _chunked(self) -> Request:
        raw, pieces, right = json.dumps(self._body()).encode(), b"", self.chance.random() < 0.5
        while raw:
            size = self.chance.randint(1, len(raw))
            said = size if right or self.chance.random() < 0.7 else self.chance.choice([0, size + 1, 2**70])
            pieces += b"%x%s\r\n%s\r\n" % (said, self.chance.choice([b"", b";a=b"]), raw[:size])
            raw = raw[size:]
        made = self._post(b"", content_length=None, transfer_encoding="chunked")
        return made._replace(sent=made.sent + pieces + b"0\r\n\r\n", whole=right)

    def _by_get(self) -> Request:
        body = self._body()
        parts = {"query": body["query"], "operationName": body["operationName"], "extensions": "{}"}
        parts["variables"] = json.dumps(body["variables"])
        for _ in range(self.chance.randint(0, 3)):
            parts[self.chance.choice([*parts, "more"])] = self.chance.choice([self._text(), "%ff", "{", "[]", "1"])
        pairs = [f"{name}={quote(str(value), errors='replace')}" for name, value in parts.items()]
        if self.chance.random() < 0.2:
            pairs.append(self.chance.choice(pairs))
        return self._post(b"", method="GET", target="/graphql?" + self.chance.choice("&&&&;").join(pairs))

    def _form(self) -> Request:
        body = self._body()
        places: Any = (
            {"0": ["variables.input.files.0"]} if "files" in str(body["variables"]) else {"0": ["variables.x"]}
        )
        if self.chance.random() < 0.6:
            path = self.chance.choice(
                ["variables.input", "variables", "query", "variables.input.files.-1", self._text()]
            )
            places = self.chance.choice([self._value(), {"0": [path]}, {"1": [path]}, {"0": [path, path]}, {"0": path}])
        fields = [
            (b'name="operations"', self._dumped(self._value() if self.chance.random() < 0.2 else body)),
            (b'name="map"', self._dumped(places)),
            (
                b'name="0"; filename="%s"' % self.chance.choice([b"a.csv", b"a.zip", b"", b"\xff"]),
                self.chance.randbytes(20),
            ),
        ]
        if self.chance.random() < 0.3:
            fields[self.chance.randrange(3)] = (self._header_text().encode("latin-1"), b"x")
        if self.chance.random() < 0.2:
            self.chance.shuffle(fields)
        raw = b"".join(b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % field for field in fields)
        raw += self.chance.choice([b"--b--\r\n", b"--b--\r\n", b"", b"--b", b"--c--"])
        kind = self.chance.choice(
            ["boundary=b", "boundary=b", "boundary=b; charset=utf-8", "boundary=b; charset=nope", "boundary="]
        )
        return self._post(raw, content_type=f"multipart/form-data; {kind}")

    def _target(self) -> Request:
        method = self.chance.choice(
            ["POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY", "post"]
        )
        target = self.chance.choice(
            [
                "/graphql",
                "/graphql",
                "/graphql/",
                "/graphql?",
                "/graphql#x",
                "/graphql/../graphql",
                "//graphql",
                "*",
                "/%67raphql",
            ]
        )
        return self._post(b"{}", method=method, target=target)._replace(whole=False, here=False)

    def _no_http(self) -> Request:
        request = bytearray(self._post(json.dumps(self._body()).encode()).sent)
        kind = self.chance.randrange(4)
        if kind == 0:
            request = bytearray(self.chance.randbytes(self.chance.randint(1, 300)))
        elif kind == 1:
            del request[self.chance.randrange(len(request)) :]
        else:
            for _ in range(self.chance.randint(1, 5)):
                request[self.chance.randrange(len(request))] = self.chance.randrange(256)
        return Request(bytes(request), whole=False, here=False)

    # -- pieces

    def _body(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.chance.choice(self.valid))
        return made

    def _post(self, body: bytes, **given: Any) -> Request:
        given = {name: value for name, value in given.items() if name != "authorization" or value is not None}
        token = None if "authorization" in given else self.served.token
        return Request(asked(body, token=token, **given))

    def _dumped(self, value: Any) -> bytes:
        """JSON; now and then with a name twice, or in another form that JSON allows."""
        text = json.dumps(value, ensure_ascii=self.chance.random() < 0.7)
        if self.chance.random() < 0.1:
            text = text.replace("{", '{"query": 1, ', 1)
        return text.encode(errors="replace")

    def _text(self) -> str:
        return "".join(self.chance.choices(PIECES, k=self.chance.randint(0, 4)))

    def _header_text(self) -> str:
        return "".join(
            chr(self.chance.choice([*range(32, 127), *range(160, 256)])) for _ in range(self.chance.randint(0, 40))
        )

    def _value(self, depth: int = 0) -> Any:
        """Any JSON, and a little more."""
        kind = self.chance.randrange(12 if depth < 3 else 9)
        if kind < 3:
            return self.chance.choice(
                [
                    None,
                    True,
                    False,
                    0,
                    -1,
                    1,
                    2**31,
                    -(2**31),
                    2**53,
                    2**63,
                    2**64,
                    10**30,
                    0.5,
                    -0.0,
                    1e308,
                    float("inf"),
                    float("nan"),
                ]
            )
        if kind < 7:
            return self._text()
        if kind < 9:
            return self.chance.choice(
                [
                    self.served.store_id("a1"), self.served.store_id("b1"), self.served.row_id("Customer"),
                    self.served.row_id("Customer", "b1"),
                    "a1", "2026-09-01", "2026-09-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00",
                    "1E+400", "12.50", "2026-13",
                ]
            )  # fmt: skip
        if kind == 9:
            return [self._value(depth + 1) for _ in range(self.chance.choice([0, 1, 2, 200 if depth == 0 else 3]))]
        names = ["query", "eq", "in", "and", "not", "name", "input", "id", "explain", self._text()]
        return {self.chance.choice(names): self._value(depth + 1) for _ in range(self.chance.randint(0, 3))}


def _places(found: Any) -> Any:
    """Every (holder, key) below a value."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, item in pairs:
        yield found, key
        yield from _places(item)


def _valid(served: Served) -> list[str]:
    """Valid requests of many forms. Mutations are about rows that do not exist, or more than the caller may."""
    store, customer = served.store_id("a1"), served.row_id("Customer")
    where = {"or": [{"name": {"contains": "王"}}, {"customerNo": {"in": ["1", "2"]}}], "not": {"version": {"gt": 5}}}
    where |= {
        "createdAt": {"gte": "2026-01-01T00:00:00+08:00"},
        "consentSurvey": {"isNull": False},
        "id": {"eq": customer},
    }
    page = {
        "where": where,
        "first": 5,
        "after": None,
        "orderBy": [{"field": "NAME", "direction": "DESC"}],
        "code": "a1",
    }
    lists = """query page($code: String, $where: CustomerWhere, $first: Int, $after: String, $orderBy: [CustomerOrder!]) {
      store(code: $code) { asOf customers(where: $where, first: $first, after: $after, orderBy: $orderBy) {
        totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id name ...more } } } } }
      fragment more on Customer { vehicles(last: 2) { edges { node { vin plate } } } }"""
    changed = {"customerId": customer, "kind": "PHONE", "value": "13800000000", "primary": True, "expectedVersion": 3}
    upload = {"storeId": store, "exportedAt": "2026-09-01T00:00:00Z", "files": [None], "liveSince": "2026-09-01"}
    foreign, complaint = served.row_id("Vehicle", "b1"), served.row_id("Complaint")
    closed = {"id": complaint, "customerConfirmed": True, "remedy": "换新", "expectedVersion": 1}
    made: dict[str, tuple[str | None, dict[str, Any]]] = {
        "{ viewer { name key memberships { role storeCode } permissions { name } } }": (None, {}),
        lists: ("page", page),
        "query($id: ID!, $ids: [ID!]!) { node(id: $id) { id } nodes(ids: $ids) { ... on Customer { name } } }": (
            None,
            {"id": customer, "ids": [store, customer, foreign]},
        ),
        "query($no: Boolean!) { group { stores(first: 2) { edges { node { code region @skip(if: $no) } } } } }": (
            None,
            {"no": False},
        ),
        "query($kpi: String!, $month: YearMonth!) { group { benchmark(kpi: $kpi, month: $month) { __typename } } }": (
            None,
            {"kpi": "S01", "month": "2026-09"},
        ),
        "query($input: ExplainAccessInput!) { explainAccess(input: $input) { __typename } }": (
            None,
            {"input": {"nodeId": customer, "type": "Customer"}},
        ),
        "mutation close($input: CloseComplaintInput!) { closeComplaint(input: $input) { userErrors { code path } } }": (
            "close",
            {"input": closed},
        ),
        "mutation($input: ChangeContactInput!) { changeContact(input: $input) { userErrors { code message } } }": (
            None,
            {"input": changed},
        ),
        "mutation($input: ImportExportInput!) { importExport(input: $input) { userErrors { code } } }": (
            None,
            {"input": upload},
        ),
        "query one { viewer { name } } query two($a: JSON) { viewer { key } }": ("one", {}),
        '{ __schema { queryType { fields { name type { ofType { name } } } } } __type(name: "Customer") { name } }': (
            None,
            {},
        ),
    }
    requests = ({"query": query, "operationName": name, "variables": given} for query, (name, given) in made.items())
    return [json.dumps(request) for request in requests]
