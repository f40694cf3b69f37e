"""The endpoint passes the conformance suite of scim2-tester, over the real application and database."""

from collections import Counter

from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from starlette.testclient import TestClient

from tests.web.scim.conftest import Directory


def test_conformance_suite_finds_no_error(client: TestClient, directory: Directory) -> None:
    client.headers["Authorization"] = f"Bearer {directory.token}"
    client.base_url = client.base_url.join("/scim/v2/")
    results = check_server(SyncSCIMClient(client))
    wrong = [f"{one.title}: {one.reason}" for one in results if one.status not in (Status.SUCCESS, Status.SKIPPED)]
    assert wrong == []
    counted = Counter(one.status for one in results)
    assert counted[Status.SUCCESS] > 60
