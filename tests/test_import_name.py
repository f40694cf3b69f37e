"""The folder `platform/` imports as `forecourt` and never hides the standard library (docs/decisions/0001-import-name.md)."""

import importlib
import platform
import subprocess
import sys
import sysconfig
from importlib.resources import files
from pathlib import Path

import pytest

import forecourt

ROOT = Path(__file__).resolve().parents[1]


def test_platform_is_the_standard_librarys() -> None:
    assert Path(platform.__file__).parent == Path(sysconfig.get_path("stdlib"))
    assert not (ROOT / "platform" / "__init__.py").exists()


@pytest.mark.parametrize("module", ["platform", "json.tool", "pip", "uuid", "asyncio"])
def test_python_m_works_from_the_root(module: str) -> None:
    code = f"import sys; sys.path.insert(0, ''); import {module.split('.')[0]} as m; print(m.__file__)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert str(ROOT / "platform") not in found.stdout
    if module in ("platform", "json.tool"):
        run = [sys.executable, "-m", module]
        assert subprocess.run(run, cwd=ROOT, input="{}", capture_output=True, text=True, check=True).stdout.strip()


def test_forecourt_is_a_namespace_over_the_folder() -> None:
    assert getattr(forecourt, "__file__", None) is None
    assert (ROOT / "platform").resolve() in {Path(entry).resolve() for entry in forecourt.__path__}


def test_every_module_imports() -> None:
    for path in sorted((ROOT / "platform").rglob("*.py")):
        parts = path.relative_to(ROOT / "platform").with_suffix("").parts
        if parts[-1] != "__main__":
            importlib.import_module(".".join(("forecourt", *(part for part in parts if part != "__init__"))))


def test_resources_of_a_package_are_found() -> None:
    assert files("forecourt.tenancy").joinpath("names.py").is_file()


def test_link_leads_tools_to_the_folder() -> None:
    link = ROOT / ".links" / "forecourt"
    assert link.is_symlink() and link.resolve() == (ROOT / "platform").resolve()


def test_command_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "forecourt", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Forecourt" in done.stdout
