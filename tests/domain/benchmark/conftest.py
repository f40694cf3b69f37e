"""The published figures and the expected month that the benchmark must give."""

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def oracles() -> dict[str, Any]:
    """Published statistical figures with their inputs."""
    loaded: dict[str, Any] = json.loads((DATA / "oracles.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="session")
def expected() -> dict[str, dict[str, Any]]:
    """The benchmarks of 2026-09 of the invented group, by KPI."""
    loaded = json.loads((DATA / "harmony" / "expected-2026-09.json").read_text("utf-8"))
    return {entry["kpi"]: entry for entry in loaded["benchmark"]}
