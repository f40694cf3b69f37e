"""Idempotency keys on the wire: the header, the marker, and what each refusal looks like."""

import json
import threading
import time
from typing import Any

import pytest

from forecourt.tenancy.provision import owner_connection
from tests.graphql.over_http.conftest import Served, token_of
from tests.graphql.over_http.wire import Answer, asked, broken, exchange

RESPONSE = "application/graphql-response+json"
FILE = """mutation($input: FileComplaintInput!) {
    fileComplaint(input: $input) { complaint { id } userErrors { code } } }"""


def sent(
    served: Served, key: str | None, text: str = "交车迟了", *, extensions: dict[str, Any] | None = None, **given: Any
) -> Answer:
    """The answer to a complaint under a key."""
    filed = {
        "storeId": served.store_id("a1"), "record": "COMPLAINT", "area": "SALES", "kind": "DELIVERY",
        "receivedAt": "2026-09-07T01:00:00Z", "text": text,
    }  # fmt: skip
    request = {"query": FILE, "variables": {"input": filed}, "extensions": extensions or {}}
    body = json.dumps(request).encode()
    headers = {"accept_language": "en", "accept": RESPONSE, "idempotency_key": key}
    answer = exchange(served.port, asked(body, token=served.token, **(headers | given)))
    assert answer is not None and broken(answer) is None
    return answer


@pytest.fixture(autouse=True)
def emptied(served: Served) -> None:
    served.world.truncate("a1")
    with owner_connection(served.world.server) as connection:
        connection.execute("truncate control.idempotency_key, control.kept_answer")


def test_a_repetition_is_marked(served: Served) -> None:
    first = sent(served, "order-1")
    again = sent(served, '"order-1"')  # the same key as a structured field
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert [one.json["extensions"]["idempotency"] for one in (first, again)] == [
        {"replayed": []},
        {"replayed": ["fileComplaint"]},
    ]
    assert first.json["data"] == again.json["data"] and again.status == 200
    assert "idempotency" not in sent(served, None).json["extensions"]


def test_a_key_in_the_body(served: Served) -> None:
    """The header counts where both are there."""
    first = sent(served, "order-1")
    in_body = sent(served, None, extensions={"idempotencyKey": "order-1"})
    both = sent(served, "order-2", extensions={"idempotencyKey": "order-1"})
    assert in_body.json["data"] == first.json["data"] and in_body.headers["idempotency-replayed"] == "true"
    assert both.json["data"] != first.json["data"] and "idempotency-replayed" not in both.headers


@pytest.mark.parametrize("key", ["", " ", '"', '""', "a b", "a,b", "键", "x" * 256, "a\tb", '"a'])
def test_what_is_no_key_is_refused(served: Served, key: str) -> None:
    answer = sent(served, key.encode().decode("latin-1"))
    assert answer.status == 400
    [error] = answer.json["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "part": "idempotency-key"}
    assert error["message"].startswith("idempotency-key: It must be 1 to 255 of")


@pytest.mark.parametrize("accept", [RESPONSE, "application/json"])
def test_another_request_under_the_key(served: Served, accept: str) -> None:
    sent(served, "order-1")
    answer = sent(served, "order-1", "另一件", accept=accept)
    assert answer.status == 422 and "data" not in answer.json
    [error] = answer.json["errors"]
    assert error == {
        "message": "idempotency-key: This key came with another request. Use a new key for a new request.",
        "extensions": {"code": "BAD_USER_INPUT", "part": "idempotency-key"},
    }
    chinese = sent(served, "order-1", "另一件", accept_language="zh-CN").json["errors"][0]["message"]
    assert chinese == "idempotency-key：此键已用于另一请求。请为每个新请求使用新的键。"


def test_the_key_in_use(served: Served) -> None:
    """Somebody holds a table, so that the first request waits while the second comes."""
    answers: list[Answer] = []
    with owner_connection(served.world.server) as holder, holder.transaction():
        holder.execute(f"lock table {served.world.stores['a1'].schema}.complaint in share mode".encode())
        first = threading.Thread(target=lambda: answers.append(sent(served, "order-1")))
        first.start()
        deadline = time.monotonic() + 30
        while not holder.execute("select 1 from pg_locks where locktype = 'advisory' and granted").fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        second = sent(served, "order-1")
    first.join()
    assert (second.status, second.headers["retry-after"], "data" in second.json) == (409, "1", False)
    assert second.json["errors"][0]["extensions"] == {"code": "CONFLICT", "part": "idempotency-key"}
    assert answers[0].status == 200 and sent(served, "order-1").json["data"] == answers[0].json["data"]


def test_a_request_by_get_has_no_key(served: Served) -> None:
    target = "/graphql?query=%7B__typename%7D"
    request = asked(token=served.token, method="GET", target=target, accept=RESPONSE, idempotency_key="no, key")
    answer = exchange(served.port, request)
    assert answer is not None and (answer.status, answer.json["data"]) == (200, {"__typename": "Query"})


def test_files_are_part_of_the_request(served: Served) -> None:
    def upload(content: str, key: str) -> Answer:
        query = """mutation($input: ImportExportInput!) {
            importExport(input: $input) { importBatch { state } userErrors { code } } }"""
        given = {"storeId": served.store_id("a1"), "exportedAt": "2026-09-30T16:00:00Z", "files": [None]}
        parts = {
            "operations": json.dumps({"query": query, "variables": {"input": given}}),
            "map": '{"0": ["variables.input.files.0"]}',
        }
        lines = [f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in parts.items()]
        lines.append(f'--x\r\ncontent-disposition: form-data; name="0"; filename="teams.csv"\r\n\r\n{content}')
        body = "\r\n".join([*lines, "--x--\r\n"]).encode()
        kind = "multipart/form-data; boundary=x"
        answer = exchange(
            served.port, asked(body, token=gm, content_type=kind, idempotency_key=key, accept_language="en")
        )
        assert answer is not None
        return answer

    gm = token_of(served.world, ("STORE_GM", "a1"))
    first = upload("team_code\n", "file-1")
    assert first.json["data"]["importExport"]["importBatch"] == {"state": "RECEIVED"}
    assert upload("team_code\n", "file-1").headers["idempotency-replayed"] == "true"
    assert upload("team_code,x\n", "file-1").status == 422
    with owner_connection(served.world.server) as connection:
        store = served.world.stores["a1"]
        found = connection.execute(f"select count(*) from {store.schema}.import_batch".encode()).fetchall()
        connection.execute("delete from control.job where store_id = %s", (store.id,))
    assert found == [(1,)]
