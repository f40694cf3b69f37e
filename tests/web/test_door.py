"""Signing in and out: cookie flags, a new session every time, forged requests, throttling, where one may be sent."""

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from forecourt.auth.web_sessions import COOKIE
from forecourt.web.visit import safe_next
from tests.web.conftest import make_app, sign_in
from tests.web.fake import PASSWORD, FakeDesk
from tests.web.fake_rows import MONTH

PAGE = f"/stores/HX01/months/{MONTH}"


def test_the_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"name": "hq", "password": PASSWORD})
    header = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("__Host-"))
    flags = {part.strip().lower() for part in header.split(";")[1:]}
    assert header.startswith(f"{COOKIE}=")
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


def test_signing_in_gives_a_new_session_and_ends_the_old_one(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "hq")
    first = client.cookies[COOKIE]
    sign_in(client, "hq")
    second = client.cookies[COOKIE]
    assert first != second
    assert list(desk.sessions) == [second]


def test_a_planted_cookie_does_not_become_a_session(client: TestClient, desk: FakeDesk) -> None:
    client.cookies.set(COOKIE, "chosen-by-an-attacker", domain="testserver.local")
    sign_in(client, "hq")
    assert "chosen-by-an-attacker" not in desk.sessions


def test_signing_out_revokes_the_session_on_the_server(client: TestClient, desk: FakeDesk) -> None:
    sign_in(client, "hq")
    token = next(iter(desk.sessions.values()))[1].csrf_token
    answer = client.post("/sign-out", data={"csrf": token})
    assert answer.status_code == 303
    assert desk.sessions == {}
    assert COOKIE not in client.cookies
    assert client.get("/").headers["location"].startswith("/sign-in")


def test_who_is_not_signed_in_comes_back_after_signing_in(client: TestClient) -> None:
    answer = client.get(f"{PAGE}?kpi=S02")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next=%2Fstores%2FHX01%2Fmonths%2F{MONTH}%3Fkpi%3DS02"
    form = client.get(answer.headers["location"]).text
    assert f'name="next" value="{PAGE}?kpi=S02"' in form
    answer = client.post("/sign-in", data={"name": "gm", "password": PASSWORD, "next": f"{PAGE}?kpi=S02"})
    assert answer.headers["location"] == f"{PAGE}?kpi=S02"


@pytest.mark.parametrize(
    "wish",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "/a\r\nSet-Cookie: x=1",
        "/" + "a" * 600,
        "",
        None,
    ],
)
def test_nobody_is_sent_to_another_site(wish: str | None) -> None:
    assert safe_next(wish) == "/"


def test_a_wrong_password_does_not_say_what_was_wrong(client: TestClient) -> None:
    texts = {
        client.post("/sign-in", data={"name": name, "password": "wrong"}).text.replace(name, "NAME")
        for name in ("gm", "no-such-person")
    }
    assert len(texts) == 1
    assert "Name or password is wrong." in texts.pop()


def test_too_many_tries_are_told_how_long_to_wait(client: TestClient, desk: FakeDesk) -> None:
    desk.failures = 5
    answer = client.post("/sign-in", data={"name": "gm", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "240"
    assert "Please wait 4 minutes" in answer.text


def test_a_password_is_never_sent_back(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"name": "gm", "password": "s3cret-in-the-page"})
    assert "s3cret-in-the-page" not in answer.text


POSTS = [
    "/sign-in",
    "/sign-out",
    "/standing",
    "/standing/end",
    "/view-as",
    "/view-as/end",
    "/language",
    f"{PAGE}/approve",
    f"{PAGE}/publish",
    f"{PAGE}/appeals",
    f"/me/{MONTH}/appeals",
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "https://testserver"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://testserver.evil.example"},
        {},
    ],
)
def test_a_request_from_elsewhere_changes_nothing(desk: FakeDesk, path: str, headers: dict[str, str]) -> None:
    with TestClient(make_app(desk), base_url="https://testserver", follow_redirects=False) as client:
        client.post("/sign-in", data={"name": "gm", "password": PASSWORD}, headers={"sec-fetch-site": "same-origin"})
        before = dict(desk.sessions)
        token = next(iter(before.values()))[1].csrf_token
        answer = client.post(path, data={"csrf": token, "name": "hq", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert desk.sessions == before
    assert desk.asked == []


def test_a_browser_without_fetch_metadata_is_known_by_its_origin(desk: FakeDesk) -> None:
    with TestClient(make_app(desk), base_url="https://testserver", follow_redirects=False) as client:
        data = {"name": "gm", "password": PASSWORD}
        answer = client.post("/sign-in", data=data, headers={"origin": "https://testserver"})
    assert answer.status_code == 303


@pytest.mark.parametrize("path", [path for path in POSTS if path not in ("/sign-in", "/language")])
@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_needs_the_token_of_its_session(client: TestClient, desk: FakeDesk, path: str, token: str) -> None:
    sign_in(client, "gm")
    answer = client.post(path, data={"csrf": token})
    assert answer.status_code == 403
    assert desk.asked == []
    assert len(desk.sessions) == 1


def test_every_path_that_changes_something_is_in_the_list_above(desk: FakeDesk) -> None:
    routes = [route for route in make_app(desk).routes if isinstance(route, Route)]
    posts = {route.path for route in routes if "POST" in (route.methods or ())}
    known = {path.replace("HX01", "{code}").replace(MONTH, "{month}") for path in POSTS}
    assert posts == known


def test_the_language_is_remembered(client: TestClient) -> None:
    answer = client.post("/language", data={"language": "zh-CN", "next": "/sign-in"})
    assert answer.headers["location"] == "/sign-in"
    assert '<html lang="zh-CN">' in client.get("/sign-in").text
    assert client.post("/language", data={"language": "xx"}).status_code == 404
