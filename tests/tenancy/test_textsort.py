"""Names sort by pinyin on a server that only knows bytes."""

from hypothesis import given
from hypothesis import strategies as st

from forecourt.tenancy.textsort import name_sort_key, sort_key


def by_bytes(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: name_sort_key(name).encode())


def test_chinese_and_latin_names_share_one_alphabet() -> None:
    assert by_bytes(["张伟", "Wang", "李娜", "Émile", "张", "安心", "Zoe"]) == [
        "安心",
        "Émile",
        "李娜",
        "Wang",
        "张",
        "张伟",
        "Zoe",
    ]


def test_a_surname_has_its_own_reading() -> None:
    assert name_sort_key("单雄信").startswith("shan4 xiong2")
    assert name_sort_key("尉迟恭").startswith("yu4 chi2 gong1")
    assert name_sort_key("曾国").startswith("zeng1 guo2")
    assert sort_key("单位").startswith("dan1 wei4")


def test_width_and_case_do_not_matter_for_the_order() -> None:
    assert sort_key("ＢＹＤ  店").split("\x01")[0] == sort_key("byd 店").split("\x01")[0]


@given(st.text(max_size=30), st.text(max_size=30))
def test_keys_can_be_stored_and_tell_different_texts_apart(one: str, other: str) -> None:
    for make in (name_sort_key, sort_key):
        assert "\0" not in make(one)
        if " ".join(one.split()) == " ".join(other.split()):
            assert make(one) == make(other)
        if make(one) == make(other):
            assert make(one).endswith(make(other).rpartition("\x01")[2])
