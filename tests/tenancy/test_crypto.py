"""Contact data can be read back by its own group only, meets itself however written, and is never shown whole."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import Fault, Invalid, Misconfigured
from forecourt.tenancy.crypto import KINDS, ContactCipher, mask, mask_email, mask_phone

MASTER = b"0123456789abcdef0123456789abcdef"
NORTH = UUID(int=1)
SOUTH = UUID(int=2)

kinds = st.sampled_from(sorted(KINDS))
mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@given(kinds, st.text(max_size=80), st.integers(1, 9))
def test_what_was_encrypted_can_be_read_back(kind: str, value: str, version: int) -> None:
    writer = ContactCipher(MASTER, NORTH, version)
    later = ContactCipher(MASTER, NORTH, version + 1)
    assert later.decrypt(kind, writer.encrypt(kind, value), version) == value


@given(kinds, st.text(max_size=80))
def test_another_group_cannot_read_it(kind: str, value: str) -> None:
    sealed = ContactCipher(MASTER, NORTH).encrypt(kind, value)
    with pytest.raises(Fault):
        ContactCipher(MASTER, SOUTH).decrypt(kind, sealed, 1)


@given(st.data())
def test_a_changed_value_another_kind_or_another_key_is_refused(data: st.DataObject) -> None:
    cipher = ContactCipher(MASTER, NORTH)
    sealed = cipher.encrypt("PHONE", "13800138000")
    position = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[position] ^= data.draw(st.integers(1, 255))
    for kind, value, version in (("PHONE", bytes(changed), 1), ("EMAIL", sealed, 1), ("PHONE", sealed, 2)):
        with pytest.raises(Fault):
            cipher.decrypt(kind, value, version)
    with pytest.raises(Fault):
        cipher.decrypt("PHONE", sealed[:20], 1)


def test_the_same_value_is_never_encrypted_to_the_same_bytes() -> None:
    cipher = ContactCipher(MASTER, NORTH)
    assert len({cipher.encrypt("PHONE", "13800138000") for _ in range(50)}) == 50


@given(mobiles)
def test_one_number_has_one_hash_however_it_is_written(mobile: str) -> None:
    cipher = ContactCipher(MASTER, NORTH)
    wide = mobile.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    grouped = f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}"
    ways = (
        mobile,
        f" {mobile} ",
        grouped,
        grouped.replace(" ", "-"),
        f"+86{mobile}",
        f"+86 {grouped}",
        f"0086{mobile}",
        wide,
    )
    assert len({cipher.match_hash("PHONE", way) for way in ways}) == 1
    assert len({mask_phone(way) for way in ways}) == 1


@given(mobiles, mobiles)
def test_different_numbers_and_groups_have_different_hashes(one: str, other: str) -> None:
    north, south = ContactCipher(MASTER, NORTH), ContactCipher(MASTER, SOUTH)
    assert (north.match_hash("PHONE", one) == north.match_hash("PHONE", other)) == (one == other)
    assert north.match_hash("PHONE", one) != south.match_hash("PHONE", one)
    assert north.match_hash("PHONE", one) != north.match_hash("WECHAT", one)


def test_matching_outlives_a_new_encryption_key() -> None:
    old, new = ContactCipher(MASTER, NORTH, 1), ContactCipher(MASTER, NORTH, 2)
    assert old.match_hash("PHONE", "13800138000") == new.match_hash("PHONE", "13800138000")
    assert new.decrypt("PHONE", old.encrypt("PHONE", "13800138000"), 1) == "13800138000"


def test_mail_is_matched_without_regard_to_case() -> None:
    cipher = ContactCipher(MASTER, NORTH)
    assert cipher.match_hash("EMAIL", " Zhang.Wei@Example.COM") == cipher.match_hash("EMAIL", "zhang.wei@example.com")


def test_an_extension_is_part_of_the_number() -> None:
    cipher = ContactCipher(MASTER, NORTH)
    assert cipher.match_hash("PHONE", "021-61234567 ext. 802") != cipher.match_hash("PHONE", "021-61234567")
    assert mask_phone("021-61234567 ext. 802") == mask_phone("021-61234567")


@pytest.mark.parametrize("value", ["", "   ", "none", "-"])
def test_a_phone_without_digits_matches_nothing(value: str) -> None:
    with pytest.raises(Invalid):
        ContactCipher(MASTER, NORTH).match_hash("PHONE", value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13800138000", "138****8000"),
        ("+86 138 0013 8000", "138****8000"),
        ("0086-138-0013-8000", "138****8000"),
        ("021-6123 4567", "021****4567"),
        ("+86 21 6123 4567", "021****4567"),
        ("+1 202 555 0123", "+1 202****123"),
        ("61234567", "61****67"),
        ("95588", "****8"),
        ("110", "****"),
        ("", "****"),
        ("unknown", "****"),
    ],
)
def test_masked_phones(value: str, shown: str) -> None:
    assert mask_phone(value) == shown


@given(st.from_regex(r"(\+|00)?[0-9]{1,18}", fullmatch=True))
def test_a_masked_phone_hides_at_least_four_digits_or_all(value: str) -> None:
    shown = mask_phone(value)
    head, stars, tail = shown.partition("****")
    assert stars
    assert len(tail) <= 4
    _country, _, front = head.rpartition(" ")
    assert len(front) <= 3
    written = sum(character.isdigit() for character in value)
    kept = len(front) + len(tail)
    assert kept == 0 or kept + 4 <= written + 1  # a landline's 0 may be added


@given(mobiles.filter(lambda number: number[3:7] not in number[:3] + number[7:]))
def test_the_middle_digits_never_come_out(mobile: str) -> None:
    assert mobile[3:7] not in mask_phone(mobile)
    assert mobile[3:7] not in mask_phone(f"+86{mobile}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("zhang.wei@example.com", "z***@example.com"),
        ("ab@Example.com", "***@example.com"),
        ("@example.com", "***"),
        ("no address", "***"),
    ],
)
def test_masked_mail(value: str, shown: str) -> None:
    assert mask_email(value) == shown
    assert mask("EMAIL", value) == shown


def test_masked_wechat_names_show_one_letter() -> None:
    assert mask("WECHAT", "zhangwei_88") == "z***"


def test_a_short_master_secret_is_refused_and_no_key_is_printed() -> None:
    with pytest.raises(Misconfigured):
        ContactCipher(b"short", NORTH)
    with pytest.raises(ValueError, match="versions"):
        ContactCipher(MASTER, NORTH, 0)
    assert MASTER.decode() not in repr(ContactCipher(MASTER, NORTH))


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="kind"):
        ContactCipher(MASTER, NORTH).encrypt("FAX", "1")
