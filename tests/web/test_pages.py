"""What the pages say and do not say, who gets where, and what happens when something fails."""

import re

import pytest
from starlette.testclient import TestClient

from forecourt.web.guard import POLICY
from tests.web.conftest import make_app, sign_in
from tests.web.fake import FakeDesk
from tests.web.fake_rows import MONTH

GROUP, STORE, OWN = f"/months/{MONTH}", f"/stores/HX01/months/{MONTH}", f"/me/{MONTH}"
PAGES = [
    ("hq", GROUP),
    ("hq", f"{GROUP}?kpi=S03_SERVICE"),
    ("hq", "/months/2026-08"),
    ("hq", f"{GROUP}/progress"),
    ("hq", STORE),
    ("gm", STORE),
    ("gm", f"{STORE}/kpis/S01"),
    ("gm", f"{STORE}/kpis/A09"),
    ("gm", "/stores/HX09/months/2026-09"),
    ("seller", OWN),
    ("seller", "/me/2026-01"),
    ("auditor", "/"),
    ("auditor", "/view-as"),
    ("gm", "/view-as"),
    ("gm", "/standing"),
    ("gm", "/standing/new?role=membership-0"),
]


def token(desk: FakeDesk) -> str:
    """The form token of the only session."""
    return next(iter(desk.sessions.values()))[1].csrf_token


@pytest.mark.parametrize(("who", "path"), PAGES)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_page_is_strict_html_without_anything_inline(client: TestClient, who: str, path: str, language: str) -> None:
    sign_in(client, who)
    client.cookies.set("forecourt-language", language, domain="testserver.local")
    answer = client.get(path)
    assert answer.status_code == 200
    text = answer.text
    assert f'<html lang="{language}">' in text or path.endswith("/progress")
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert "None" not in text and "{{" not in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("who", "path"), PAGES)
def test_a_page_runs_one_document_as_its_reader(client: TestClient, desk: FakeDesk, who: str, path: str) -> None:
    sign_in(client, who)
    desk.asked.clear()
    client.get(path)
    assert len(desk.asked) == (0 if path == "/" else 1)
    assert all(name == desk.accounts[who].name for _, _, name in desk.asked)


@pytest.mark.parametrize(("who", "goes"), [("hq", GROUP), ("gm", STORE), ("seller", OWN)])
def test_everybody_starts_where_their_work_is(client: TestClient, who: str, goes: str) -> None:
    sign_in(client, who)
    assert client.get("/").headers["location"] == goes


def test_hq_sees_every_store_with_value_interval_verdict_and_the_missing_one_by_name(client: TestClient) -> None:
    sign_in(client, "hq")
    client.cookies.set("forecourt-language", "en", domain="testserver.local")
    text = client.get(GROUP).text
    for part in (
        "61.1%",
        "44.9%–75.2%",
        "above the group",
        "below the group",
        "龙渡云驰汽车4S店",
        "The store sent no data.",
    ):
        assert part in text
    assert "in the first quarter" not in text  # 1 (1–3) of 7 does not support it
    assert text.count('<svg class="funnel') == 2


def test_a_small_cell_is_explained_and_not_shown(client: TestClient) -> None:
    sign_in(client, "hq")
    client.cookies.set("forecourt-language", "en", domain="testserver.local")
    text = client.get(f"{GROUP}?kpi=S03_SERVICE").text
    line = text[text.index("HX06</code>") :].split("</tr>")[0]
    assert "fewer than 10 customers" in line
    assert "%" not in line


def test_a_running_close_shows_how_far_it_is_and_asks_again(client: TestClient, desk: FakeDesk) -> None:
    desk.close_state = "RUNNING"
    sign_in(client, "hq")
    text = client.get(GROUP).text
    assert 'value="6"' in text and 'max="9"' in text
    assert f'hx-get="{GROUP}/progress"' in text and f'data-live="{GROUP}/live"' in text
    assert "htmx.min.js" in text and "live.js" in text
    desk.close_state = "DONE"
    assert "hx-get" not in client.get(f"{GROUP}/progress").text
    assert "htmx.min.js" not in client.get(GROUP).text


def test_a_close_is_followed_until_it_ends(client: TestClient, desk: FakeDesk) -> None:
    assert client.get(f"{GROUP}/live").status_code == 303
    desk.close_state = "DONE"
    sign_in(client, "hq")
    answer = client.get(f"{GROUP}/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store" and "content-security-policy" in answer.headers
    kinds = [line for line in answer.text.split("\n") if line.startswith("event: ")]
    assert kinds == ["event: part", "event: end"] and "data: <section" in answer.text
    assert client.get("/months/2019-01/live").text == "event: end\ndata: \n\n"
    assert client.get("/months/x/live").status_code == 404


def test_provisional_figures_say_so_and_cannot_be_approved(client: TestClient, desk: FakeDesk) -> None:
    desk.provisional = True
    sign_in(client, "gm")
    text = client.get(STORE).text
    assert "暂定" in text
    assert re.search(r'<button class="primary" disabled>', text)


def test_a_provisional_comparison_says_so(client: TestClient, desk: FakeDesk) -> None:
    desk.provisional = True
    sign_in(client, "hq")
    assert client.get(GROUP).text.count("暂定") == 2


def test_a_manager_approves_and_publishes(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "gm")
    desk.asked.clear()
    answer = client.post(f"{STORE}/approve", data={"csrf": token(desk), "id": "run-1", "version": "3"})
    assert answer.headers["location"] == f"{STORE}?done=approved"
    assert desk.asked[-1][:2] == ("approve_run", {"input": {"id": "run-1", "expectedVersion": 3}})
    desk.run_state = "APPROVED"
    assert f'action="{STORE}/publish"' in client.get(STORE).text
    client.post(f"{STORE}/publish", data={"csrf": token(desk), "id": "run-1", "version": "4"})
    assert desk.asked[-1][0] == "publish_run"


def test_a_refusal_is_shown_in_words(client: TestClient, desk: FakeDesk) -> None:
    desk.refuse = "STALE_VERSION"
    sign_in(client, "gm")
    answer = client.post(f"{STORE}/approve", data={"csrf": token(desk), "id": "run-1", "version": "x"})
    assert answer.headers["location"] == f"{STORE}?refused=STALE_VERSION"
    assert "数据已被他人更改" in client.get(answer.headers["location"]).text


def test_an_appeal_is_decided_with_a_reason(client: TestClient, desk: FakeDesk) -> None:
    desk.run_state = "PUBLISHED"
    sign_in(client, "gm")
    text = client.get(STORE).text
    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text
    data = {"csrf": token(desk), "id": "appeal-1", "version": "1", "verdict": "uphold", "reason": "通话有据"}
    assert client.post(f"{STORE}/appeals", data=data).headers["location"] == f"{STORE}?done=decided"
    given = {"id": "appeal-1", "expectedVersion": 1, "uphold": True, "reason": "通话有据"}
    assert desk.asked[-1][1] == {"input": given}


def test_hq_gets_no_buttons_of_the_store(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "hq")
    assert "/approve" not in client.get(STORE).text


def test_a_consultant_sees_every_number_with_its_records_and_can_appeal(client: TestClient, desk: FakeDesk) -> None:
    desk.run_state = "PUBLISHED"
    sign_in(client, "seller")
    text = client.get(OWN).text
    for part in ("37.00", "SO-2609-00010", "CP00011", "S000031", "未按时交车回访"):
        assert part in text
    answer = client.post(
        f"{OWN}/appeals", data={"csrf": token(desk), "entry": "entry-SALES-2H-3", "text": "有通话记录"}
    )
    assert answer.headers["location"] == f"{OWN}?done=appealed"
    assert desk.asked[-1][:2] == ("file_appeal", {"input": {"entryId": "entry-SALES-2H-3", "text": "有通话记录"}})


def test_proposed_entries_cannot_be_appealed_yet(client: TestClient) -> None:
    sign_in(client, "seller")
    assert "/appeals" not in client.get(OWN).text


def test_the_own_place_names_no_other_store(client: TestClient) -> None:
    sign_in(client, "gm")
    text = client.get(STORE).text
    assert not re.search(r"HX0[2-9]|临川|望海", text)


@pytest.mark.parametrize(
    ("failure", "status"),
    [("FORBIDDEN", 403), ("NOT_FOUND", 404), ("UNAVAILABLE", 503), ("TIMEOUT", 503), ("crash", 500)],
)
def test_a_failure_is_a_friendly_page_with_the_requests_id(
    client: TestClient, desk: FakeDesk, failure: str, status: int
) -> None:
    sign_in(client, "gm")
    desk.fail_with = failure
    answer = client.get(STORE)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] in answer.text
    assert "planted" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["content-security-policy"] == POLICY


def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_shown(client: TestClient, desk: FakeDesk) -> None:
    desk.gaps = ["benchmarkShare", "appeals"]
    sign_in(client, "gm")
    client.cookies.set("forecourt-language", "en", domain="testserver.local")
    text = client.get(STORE).text
    assert "our place in the group: your role may not see this" in text
    assert "66.02" in text


@pytest.mark.parametrize(
    "path", ["/nope", "/months/2026-13", "/months/x", f"{GROUP}?kpi=XX", f"{STORE}/kpis/NOPE", "/me/0"]
)
def test_an_unknown_address_is_a_friendly_page(client: TestClient, path: str) -> None:
    sign_in(client, "gm")
    answer = client.get(path)
    assert answer.status_code == 404
    assert "页面不存在" in answer.text or "This page does not exist" in answer.text
    assert answer.headers["content-security-policy"] == POLICY


def test_another_store_looks_like_none(client: TestClient) -> None:
    sign_in(client, "gm")
    foreign, none = (client.get(f"/stores/{code}/months/{MONTH}") for code in ("ZZ01", "ZZ02"))
    assert foreign.status_code == none.status_code == 404


def test_programs_get_no_page_for_an_unknown_address(desk: FakeDesk) -> None:
    with TestClient(make_app(desk)) as client:
        assert client.get("/nope", headers={"accept": "application/json"}).text == "not found"


def test_static_files_are_kept_for_ever_under_an_address_that_follows_their_content(client: TestClient) -> None:
    text = client.get("/sign-in").text
    address = re.search(r'href="(/static/forecourt\.css\?v=[0-9a-f]{12})"', text)
    assert address is not None
    answer = client.get(address[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert client.get("/static/../routes.py").status_code == 404
