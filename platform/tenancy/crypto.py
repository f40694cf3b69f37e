"""Contact data 联系方式 of customers: encrypted to keep, hashed to match, masked to show (PIPL 51, requirements 142 and 206).

A contact point is stored as three values. `value_enc` is AES-256-GCM; `value_hash` is HMAC-SHA-256 over the normal form,
so that the same number written in two ways meets itself; `value_masked` is what people see. Both keys belong to one dealer
group and are derived (HKDF-SHA-256, RFC 5869) from the installation's master secret. A plain hash would not do: all mobile
numbers can be tried in minutes.

The number of the encryption key stands in the row (`key_version`), so keys can be rotated while old rows stay readable. The
matching key has no version: rotating it would part old rows from new ones.
"""

import hmac
import os
import unicodedata
from hashlib import sha256
from typing import Final
from uuid import UUID

import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import Fault, Invalid, Misconfigured

#: Kinds of contact points, as `customers.model.ContactPoint` allows them.
KINDS: Final = frozenset({"EMAIL", "PHONE", "WECHAT"})

_NONCE = 12
_TAG = 16
_HOME = "CN"
_HIDDEN = "****"


class ContactCipher:
    """Encrypts and hashes the contact data of one dealer group.

    ``key_version`` is the version new values are encrypted with (`dealer_group.key_version`); `decrypt` takes the row's.

    Raises:
        Misconfigured: the master secret is shorter than 32 bytes.
    """

    def __init__(self, master_secret: bytes, group_id: UUID, key_version: int = 1) -> None:
        if len(master_secret) < 32:
            raise Misconfigured("FORECOURT_MASTER_SECRET needs at least 32 bytes")
        if key_version < 1:
            raise ValueError("key versions count from 1")
        self.group_id = group_id
        self.key_version = key_version
        self._master = master_secret
        self._ciphers: dict[int, AESGCM] = {}
        self._match_key = self._derive(b"match")

    def __repr__(self) -> str:
        return f"ContactCipher(group_id={self.group_id}, key_version={self.key_version})"

    def encrypt(self, kind: str, value: str) -> bytes:
        """The value as nonce + ciphertext + tag under the present key; twice the same value gives two results."""
        nonce = os.urandom(_NONCE)
        text = value.encode()
        return nonce + self._cipher(self.key_version).encrypt(nonce, text, self._bound_to(kind, self.key_version))

    def decrypt(self, kind: str, value_enc: bytes, key_version: int) -> str:
        """The value of a row.

        Raises:
            Fault: it was not encrypted for this group, this kind and this key, or was changed since.
        """
        if len(value_enc) < _NONCE + _TAG:
            raise Fault("a contact value is damaged")
        nonce, sealed = value_enc[:_NONCE], value_enc[_NONCE:]
        try:
            text = self._cipher(key_version).decrypt(nonce, sealed, self._bound_to(kind, key_version))
        except InvalidTag as error:
            raise Fault("a contact value cannot be decrypted with this group's key", key_version=key_version) from error
        return text.decode()

    def match_hash(self, kind: str, value: str) -> bytes:
        """32 bytes that are equal for the same contact however it was written, within one group only.

        Raises:
            Invalid: the value is empty once normalised; it would match everything else that is empty.
        """
        message = _known(kind).encode() + b"\0" + normalise(kind, value).encode()
        return hmac.digest(self._match_key, message, "sha256")

    def _cipher(self, key_version: int) -> AESGCM:
        if key_version not in self._ciphers:
            self._ciphers[key_version] = AESGCM(self._derive(b"encrypt %d" % key_version))
        return self._ciphers[key_version]

    def _derive(self, purpose: bytes) -> bytes:
        info = b"contact data\0" + purpose + b"\0" + self.group_id.bytes
        return HKDF(algorithm=SHA256(), length=32, salt=sha256(b"forecourt").digest(), info=info).derive(self._master)

    def _bound_to(self, kind: str, key_version: int) -> bytes:
        return b"\0".join((b"contact data", self.group_id.bytes, _known(kind).encode(), b"%d" % key_version))


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"not a kind of contact point: {kind!r}")
    return kind


# --- the normal form -------------------------------------------------------------------------------------------------


def normalise(kind: str, value: str) -> str:
    """The form in which two ways of writing one contact are equal.

    Raises:
        Invalid: nothing is left of the value.
    """
    normal = _normal_phone(value) if _known(kind) == "PHONE" else unicodedata.normalize("NFKC", value).strip().lower()
    if not normal:
        raise Invalid("a contact value is empty", kind=kind)
    return normal


def _normal_phone(value: str) -> str:
    """E.164 where the number is possible (mainland China when no country is written), else its digits."""
    number = _possible(value)
    if number is None:
        return _digits(value)
    normal = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Two people behind one switchboard are two contacts.
    return f"{normal};ext={number.extension}" if number.extension else normal


def _possible(value: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(value, _HOME)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _digits(value: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in value if character.isdecimal())


# --- what people see -------------------------------------------------------------------------------------------------


def mask(kind: str, value: str) -> str:
    """The value as people see it without the permission to reveal it."""
    if _known(kind) == "PHONE":
        return mask_phone(value)
    return mask_email(value) if kind == "EMAIL" else _mask_word(unicodedata.normalize("NFKC", value).strip())


def mask_phone(value: str) -> str:
    """138****8000; a foreign number keeps its country: +1 202****123. At least four digits are hidden, or all.

    The stars are always four, so they do not tell how long the number is.
    """
    number = _possible(value)
    if number is None:
        return _mask_digits(_digits(value))
    if number.country_code == phonenumbers.country_code_for_region(_HOME):
        # National form: a landline keeps the 0 of its area code, which is what people recognise.
        bare = phonenumbers.PhoneNumber(
            country_code=number.country_code,
            national_number=number.national_number,
            italian_leading_zero=number.italian_leading_zero,
            number_of_leading_zeros=number.number_of_leading_zeros,
        )
        return _mask_digits(_digits(phonenumbers.format_number(bare, phonenumbers.PhoneNumberFormat.NATIONAL)))
    return f"+{number.country_code} {_mask_digits(phonenumbers.national_significant_number(number))}"


def _mask_digits(digits: str) -> str:
    visible = max(0, min(len(digits) - 4, 7))  # 11 digits: three in front, four behind
    head = visible // 2
    return digits[:head] + _HIDDEN + (digits[-(visible - head) :] if visible else "")


def mask_email(value: str) -> str:
    """z***@example.com; one visible letter, none when the name has fewer than three."""
    local, at, domain = unicodedata.normalize("NFKC", value).strip().rpartition("@")
    if not at or not local:
        return "***"
    return f"{_mask_word(local)}@{domain.lower()}"


def _mask_word(word: str) -> str:
    return f"{word[0]}***" if len(word) >= 3 else "***"
