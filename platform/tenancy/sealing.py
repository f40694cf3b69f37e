"""Secrets that must be read back, such as a provider's client secret or the seed of one-time codes: AES-256-GCM, one key a
group and purpose, derived (HKDF-SHA-256, RFC 5869) from the installation's master secret.

What only has to be recognised (passwords, tokens, cookies) is hashed instead. Contact data of customers has a cipher of its
own, `crypto.ContactCipher`, because it is matched as well.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import Fault

_NONCE: Final = 12
_TAG: Final = 16
_VERSION: Final = 2


class Sealer:
    """Seals values of one group for one purpose.

    ``derive`` gives the master key of a version (`server.Secrets.derive` with its purpose bound), ``version`` is the one
    new values are sealed with. The version stands in front of each sealed value, so older ones stay readable while their
    master secret is still configured.
    """

    def __init__(self, derive: Callable[[int], bytes], version: int, group_id: UUID, purpose: str) -> None:
        if not 1 <= version < 1 << (8 * _VERSION):
            raise ValueError("versions count from 1")
        self._derive = derive
        self._version = version
        self._group_id = group_id
        self._purpose = purpose
        self._ciphers: dict[int, AESGCM] = {}

    def __repr__(self) -> str:
        return f"Sealer(group_id={self._group_id}, purpose={self._purpose!r})"

    def seal(self, value: bytes, *, bound_to: bytes) -> bytes:
        """The value as version + nonce + ciphertext + tag. ``bound_to`` is what it belongs to, such as its row's id."""
        nonce = os.urandom(_NONCE)
        head = self._version.to_bytes(_VERSION, "big")
        return head + nonce + self._cipher(self._version).encrypt(nonce, value, head + bound_to)

    def unseal(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The value again.

        Raises:
            Fault: it was not sealed for this group, purpose and row, or was changed since.
            Misconfigured: the master secret of its version is missing.
        """
        if len(sealed) < _VERSION + _NONCE + _TAG:
            raise Fault("a sealed value is damaged")
        head, nonce, rest = sealed[:_VERSION], sealed[_VERSION : _VERSION + _NONCE], sealed[_VERSION + _NONCE :]
        version = int.from_bytes(head, "big")
        if version < 1:
            raise Fault("a sealed value is damaged")
        try:
            return self._cipher(version).decrypt(nonce, rest, head + bound_to)
        except InvalidTag as error:
            raise Fault("a sealed value cannot be read with this group's key", purpose=self._purpose) from error

    def _cipher(self, version: int) -> AESGCM:
        if version not in self._ciphers:
            info = b"\0".join((b"sealed", self._purpose.encode(), self._group_id.bytes))
            kdf = HKDF(algorithm=SHA256(), length=32, salt=sha256(b"forecourt").digest(), info=info)
            self._ciphers[version] = AESGCM(kdf.derive(self._derive(version)))
        return self._ciphers[version]
