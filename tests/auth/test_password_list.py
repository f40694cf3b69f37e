"""A list of the operator's: listed passwords are refused, and the file is read once."""

import os
from pathlib import Path

import pytest

from forecourt.auth.password_list import LISTED, PasswordList
from forecourt.auth.passwords import check_new
from forecourt.errors import Misconfigured, Refused


def test_listed_passwords_are_refused_in_any_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.txt"
    path.write_text("tooshort\nthe sky was violet\r\nTrombone-Walnut-42\n\xff\n" + "x" * 300 + "\n", encoding="utf-8")
    check_new("The Sky Was Violet", name="li")
    monkeypatch.setattr(LISTED, "_known", frozenset())
    monkeypatch.setattr(LISTED, "_read", None)
    LISTED.read(path)
    assert len(LISTED) == 2
    for password in ("the sky was violet", "THE SKY WAS VIOLET", "trombone-walnut-42"):
        with pytest.raises(Refused, match="known to others"):
            check_new(password, name="li")
    check_new("the sky was violet today", name="li")


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path: Path) -> None:
    path, made = tmp_path / "list.txt", PasswordList()
    path.write_text("a password of somebody\n", encoding="utf-8")
    made.read(path)
    before = made._known
    made.read(path)
    assert made._known is before
    path.write_text("another password of theirs\n", encoding="utf-8")
    os.utime(path, (1, 1))
    made.read(path)
    assert "another password of theirs" in made and "a password of somebody" not in made


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        PasswordList().read(tmp_path / "no.txt")
