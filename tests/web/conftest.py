"""Staff pages on a fake desk: with starlette's test client, and served to a real browser."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from forecourt.telemetry import Telemetry
from forecourt.web.routes import error_handlers, routes
from tests.web.fake import PASSWORD, FakeDesk


def make_app(desk: FakeDesk) -> Starlette:
    """The staff pages as the composition serves them."""
    app = Starlette(routes=routes(desk), exception_handlers=dict(error_handlers(desk)))
    app.add_middleware(Telemetry)
    return app


@pytest.fixture
def desk() -> FakeDesk:
    """A fresh desk."""
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> Iterator[TestClient]:
    """A browser that sends what browsers send, not signed in."""
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}
    with TestClient(make_app(desk), base_url="https://testserver", headers=headers, follow_redirects=False) as made:
        yield made


def sign_in(client: TestClient, name: str) -> None:
    """Sign in as one of the fake accounts."""
    answer = client.post("/sign-in", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text


class Served:
    """A running server and its desk."""

    def __init__(self, desk: FakeDesk, url: str) -> None:
        self.desk = desk
        self.url = url


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The pages on a loopback port, over plain http as in development."""
    desk = FakeDesk()
    server = uvicorn.Server(uvicorn.Config(make_app(desk), host="127.0.0.1", port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(desk, f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(10)
