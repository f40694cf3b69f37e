"""A sealed secret can be read back by its group, for its purpose and its row only."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import Fault, Misconfigured
from forecourt.tenancy.sealing import Sealer
from forecourt.tenancy.server import Secrets

SECRETS = Secrets({1: "first" * 10, 2: "second" * 10})
NORTH, SOUTH = UUID(int=1), UUID(int=2)


def sealer(group: UUID = NORTH, purpose: str = "totp", version: int = 2, secrets: Secrets = SECRETS) -> Sealer:
    return Sealer(lambda wanted: secrets.derive("sealed", version=wanted), version, group, purpose)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_what_was_sealed_can_be_read_back(value: bytes, row: bytes) -> None:
    assert sealer().unseal(sealer().seal(value, bound_to=row), bound_to=row) == value


def test_an_older_version_stays_readable_and_a_forgotten_one_says_so() -> None:
    sealed = sealer(version=1).seal(b"secret", bound_to=b"row")
    assert sealer(version=2).unseal(sealed, bound_to=b"row") == b"secret"
    with pytest.raises(Misconfigured):
        sealer(secrets=Secrets({2: "second" * 10})).unseal(sealed, bound_to=b"row")


@pytest.mark.parametrize("other", [sealer(SOUTH), sealer(purpose="provider")])
def test_another_group_or_purpose_cannot_read_it(other: Sealer) -> None:
    with pytest.raises(Fault):
        other.unseal(sealer().seal(b"secret", bound_to=b"row"), bound_to=b"row")


@given(st.data())
def test_a_changed_value_or_another_row_is_refused(data: st.DataObject) -> None:
    sealed = sealer().seal(b"secret", bound_to=b"row")
    position = data.draw(st.integers(2, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[position] ^= data.draw(st.integers(1, 255))
    for value, row in (
        (bytes(changed), b"row"),
        (sealed, b"other"),
        (sealed[:20], b"row"),
        (b"\0\0" + sealed[2:], b"row"),
    ):
        with pytest.raises(Fault):
            sealer().unseal(value, bound_to=row)


def test_nothing_of_the_key_is_shown() -> None:
    assert "first" not in repr(sealer())
    assert repr(NORTH)[6:-2] in repr(sealer())
