"""The lock files follow the requirements, and every way of not doing so is noticed without a network."""

import shutil
from pathlib import Path

import pytest

from infra import locks


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The lock files and requirements of the project, to be spoilt."""
    for lock in locks.SOURCES:
        shutil.copy(locks.ROOT / lock, tmp_path)
    shutil.copytree(locks.ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_project_is_locked(copy: Path) -> None:
    assert list(locks.problems(copy)) == []


def test_forgotten_lock_is_noticed(copy: Path) -> None:
    edit(copy / "requirements" / "runtime.in", "uvloop\n", "uvloop>=0.1\n")
    assert [line for line in locks.problems(copy) if "run make lock" in line]


def test_comment_is_no_requirement(copy: Path) -> None:
    edit(copy / "requirements" / "runtime.in", "uvloop\n", "# fast\nuvloop  # the loop\n")
    assert list(locks.problems(copy)) == []


def test_requirement_that_is_not_locked_is_noticed_even_with_a_stamp(copy: Path) -> None:
    edit(copy / "requirements" / "dev.in", "uv\n", "uv\nno-such-thing\n")
    locks.write(copy)
    assert list(locks.problems(copy)) == ["requirements-dev.lock: no-such-thing of dev.in is missing: run make lock"]


def test_requirement_without_hash_is_noticed(copy: Path) -> None:
    edit(copy / "requirements.lock", "anyio==", "anyio>=")
    assert [
        line for line in locks.problems(copy) if line.startswith("requirements.lock: not pinned with hashes: anyio")
    ]


def test_two_versions_of_one_thing_are_noticed(copy: Path) -> None:
    edit(copy / "requirements-dev.lock", "\nanyio==", "\nanyio==0.")
    assert [line for line in locks.problems(copy) if "of anyio, requirements.lock" in line]
