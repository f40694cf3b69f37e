"""Passwords that are known to be leaked or common, from a file of the operator's: the product ships no such list.

One password a line, UTF-8; what is shorter than a password may be is skipped. Kept as the first eight bytes of a hash each, so that
a million take some tens of megabytes and the memory of the process is no list of passwords.
"""

import unicodedata
from hashlib import blake2b
from pathlib import Path
from typing import Final

from ..errors import Misconfigured
from .password_rules import LONGEST, SHORTEST

#: More lines would take more memory than a process should have for this.
MOST: Final = 5_000_000


class PasswordList:
    """Which passwords are on the list. One instance per process is enough: `LISTED`; empty until a file is read."""

    def __init__(self) -> None:
        self._known: frozenset[bytes] = frozenset()
        self._read: tuple[Path, float] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, password: str) -> bool:
        return _mark(password) in self._known

    def read(self, path: Path) -> None:
        """Read a file, unless it was read already and did not change since.

        Raises:
            Misconfigured: it cannot be read, or has more than `MOST` lines that count.
        """
        try:
            stamp = (path, path.stat().st_mtime)
            if stamp == self._read:
                return
            known: set[bytes] = set()
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    password = line.rstrip("\r\n")
                    if SHORTEST <= len(password) <= LONGEST:
                        known.add(_mark(password))
                    if len(known) > MOST:
                        raise Misconfigured(f"at most {MOST} passwords", setting="FORECOURT_PASSWORD_LIST")
        except OSError as error:
            raise Misconfigured(f"{path}: {error.strerror}", setting="FORECOURT_PASSWORD_LIST") from error
        self._known, self._read = frozenset(known), stamp


def _mark(password: str) -> bytes:
    # Cases are tried by every attacker: a listed password in capitals is a listed password.
    plain = unicodedata.normalize("NFKC", password).casefold()
    return blake2b(plain.encode("utf-8", "replace"), digest_size=8).digest()


#: The list of this process.
LISTED: Final = PasswordList()
