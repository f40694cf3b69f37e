"""Dealing a lock file to several pips."""

from hypothesis import given
from hypothesis import strategies as st

from infra import locks
from infra.install import parts, requirements


def test_every_pin_of_the_lock_is_dealt_once_with_its_hashes() -> None:
    text = (locks.ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = requirements(text)
    pins, wrong = locks.pins(text)
    assert (len(blocks), wrong) == (len(pins), [])
    assert all("--hash=sha256:" in block for block in blocks)
    assert "\n".join(blocks) + "\n" == "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))


@given(st.lists(st.text(min_size=1)), st.integers(1, 8))
def test_parts_keep_everything_and_none_is_empty(blocks: list[str], count: int) -> None:
    dealt = parts(blocks, count)
    assert sorted(block for part in dealt for block in part) == sorted(blocks)
    assert all(dealt) and len(dealt) <= count
