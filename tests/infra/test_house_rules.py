"""Each house rule catches a planted fault, and the project itself has none."""

from pathlib import Path, PurePosixPath

import pytest

from infra.house_rules import content, names, problems


def test_project_keeps_its_rules() -> None:
    assert list(problems()) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.md", "see https://py" + "pi.org/simple", "registry"),
        ("requirements.lock", "--index" + "-url https://mirror.example/simple", "registry"),
        ("infra/Containerfile", "RUN sed -i s/deb.deb" + "ian.org/mirror/ x", "registry"),
        ("package-lock.json", '"resolved": "https://registry.np' + 'mjs.org/x"', "registry"),
        ("tests/x.py", 'DATA = "/wo' + 'rk/place/data"', "one machine"),
        ("x.md", "copied from ../sha" + "red/data", "one machine"),
        ("platform/x.py", "a = 1  # TO" + "DO: b", "unfinished"),
        ("tests/test_x.py", "@pytest.mark.xf" + "ail", "unfinished"),
        ("tests/test_x.py", "@pytest.mark.sk" + "ip", "unfinished"),
        ("platform/x.py", "a = 1\n" * 501, "501 lines"),
        ("bench/x.py", "a = 1\n" * 501, "501 lines"),
        ("platform/x/__init__.py", '"""Doc."""\nimport os\n', "only a docstring"),
        ("platform/x/__init__.py", "", "only a docstring"),
        ("platform/web/x.py", "import httpx2\n", "platform/outgoing.py alone"),
        ("platform/web/x.py", "def f() -> None:\n    from urllib import request\n", "platform/outgoing.py alone"),
        ("platform/auth/x.py", "import urllib.request as asking\n", "platform/outgoing.py alone"),
        ("platform/auth/x.py", "from httpx2 import HTTPError\n", "platform/outgoing.py alone"),
        ("x.lock", "a==1 # https://mirror.example", "no address"),
    ],
)
def test_planted_fault_is_found(name: str, text: str, said: str) -> None:
    assert any(said in line for line in content(PurePosixPath(name), text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("platform/x.py", "a = 1\n" * 500),
        ("platform/x/__init__.py", '"""A floor."""\n'),
        ("platform/outgoing.py", "import httpx2\n"),
        ("platform/x.py", "from urllib.parse import quote\nfrom starlette.requests import Request\n"),
        ("tests/x.py", "import httpx2\n"),
        ("migrations/tenant/versions/0001_base.py", "a = 1\n" * 900),
        ("tests/data/x.csv", "/wo" + "rk/shop floor"),
        ("platform/x.py", "# below /ro" + "ot, say"),
    ],
)
def test_what_is_allowed_is_not_reported(name: str, text: str) -> None:
    assert list(content(PurePosixPath(name), text)) == []


def test_package_of_platform_needs_a_docstring_and_platform_itself_is_none() -> None:
    good = [PurePosixPath("platform/app.py"), PurePosixPath("platform/a/__init__.py"), PurePosixPath("platform/a/b.py")]
    assert list(names(good)) == []
    assert any("shadows" in line for line in names([*good, PurePosixPath("platform/__init__.py")]))
    assert any("without __init__" in line for line in names([*good, PurePosixPath("platform/c/d.py")]))


def test_link_out_of_the_project_is_found(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/etc/hostname")
    assert [line for line in problems(tmp_path, [tmp_path / "x"]) if "symbolic link" in line]
