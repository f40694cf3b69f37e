"""Idempotency keys: a mutation that comes again under its key answers what it answered, and changes nothing.

Each root field of a request has a record of its own, written by the transaction of its effect (`tenancy/idempotency.py`). So
a repetition replays the fields that committed, and runs the others. What is remembered, and why: docs/decisions/0031.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.datastructures import UploadFile

from ..auth.actor import Actor
from ..domain.work import GroupWork, Work
from ..errors import Fault
from ..tenancy import idempotency as records
from ..tenancy.session import group_session, store_session
from . import malformed
from .encode import encoded
from .errors import KEY, KeyInUse, KeyRefused, KeyReused, RightsChanged
from .malformed import Malformed
from .measure import LIMITS, TooLarge
from .operation import Operation

HEADER: Final = b"idempotency-key"
#: How long a key counts.
KEPT: Final = timedelta(hours=24)
#: Letters of a key.
MOST_LETTERS: Final = 255
#: Bytes of the answer of one field.
MOST_ANSWER: Final = LIMITS["KEPT_ANSWER"].most
_PURPOSE: Final = "kept answer"
_KEY = re.compile(rf"[A-Za-z0-9._~:/+=@-]{{1,{MOST_LETTERS}}}")


@dataclass(frozen=True, slots=True)
class Told:
    """What one field answered: its value and its errors, as they stand in the response."""

    value: Any
    errors: Sequence[Mapping[str, Any]] = ()


class Replay(Exception):
    """The field was answered before."""

    def __init__(self, told: Told) -> None:
        super().__init__("answered before")
        self.told = told


@dataclass(eq=False)
class Repeat:
    """One request under a key, and what became of its fields."""

    key: str
    request: bytes
    #: answers that stand in place of graphql-core's, by response key
    told: dict[str, Told] = field(default_factory=dict)
    #: response keys of fields that were answered before
    replayed: list[str] = field(default_factory=list)
    ran: bool = False
    refusal: KeyRefused | None = None

    def merged(self, answer: dict[str, Any]) -> dict[str, Any]:
        """graphql-core's answer with the fields that were completed before their commit."""
        if not self.told or not answer.get("data"):
            return answer
        errors = [one for one in answer.get("errors", ()) if (one.get("path") or [None])[0] not in self.told]
        errors += [one for told in self.told.values() for one in told.errors]
        found = {**answer, "data": {**answer["data"], **{key: told.value for key, told in self.told.items()}}}
        found.pop("errors", None)
        return found | ({"errors": errors} if errors else {})

    def marked(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with the extension that says which fields were answered before; as it is where no mutation ran.

        Raises:
            KeyRefused: it kept the whole request from running.
        """
        if self.refusal is not None and not self.ran:
            raise self.refusal
        if not self.ran:
            return answer
        more = {**answer.get("extensions", {}), "idempotency": {"replayed": self.replayed}}
        return answer | {"extensions": more}


def key_of(given: str) -> str:
    """The key that was given, with or without the quotation marks of a structured field.

    Raises:
        Malformed: 400, it is none.
    """
    text = given.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not _KEY.fullmatch(text):
        raise Malformed(400, KEY, malformed.key(MOST_LETTERS))
    return text


async def repeat_of(operation: Operation) -> Repeat | None:
    """What a request under a key is recognised by: its document, variables (files by their content) and operation's name. None
    without a key, or where nothing may be written.

    Raises:
        Malformed: 400, the key is none.
    """
    if operation.key is None or not operation.writes:
        return None
    key = key_of(operation.key)
    variables = operation.variables
    written = _written(variables) if operation.form is None else await asyncio.to_thread(_written, variables)
    digest = sha256()
    for part in (operation.query.encode(), (operation.name or "").encode(), written):
        digest.update(len(part).to_bytes(8, "big") + part)
    return Repeat(key, digest.digest())


def _written(variables: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(variables, default=_file, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a whole number beyond 64 bits
        return json.dumps(variables, sort_keys=True, default=_file).encode()


def _file(value: Any) -> Any:
    if not isinstance(value, UploadFile):
        raise TypeError(f"{type(value).__name__} is no JSON")
    digest = sha256()
    value.file.seek(0)
    while piece := value.file.read(1 << 20):
        digest.update(piece)
    value.file.seek(0)
    return [value.filename, digest.hexdigest()]


class Claim:
    """The record of one field, claimed when its unit of work begins and written with its effect."""

    def __init__(self, repeat: Repeat, actor: Actor, place: str) -> None:
        self._repeat, self._actor = repeat, actor
        caller = f"{actor.group_id.hex}\0{actor.key}\0{repeat.key}".encode()
        self._key = _id(b"key\0" + caller)
        self._field = _id(b"field\0" + caller + b"\0" + place.encode())
        self._work: Work | GroupWork | None = None
        self._asked: records.Asked | None = None

    async def begin(self, work: Work | GroupWork) -> None:
        """To be called before anything else is done in a unit of work.

        Raises:
            Replay: the field was answered before. KeyInUse, KeyReused, RightsChanged: the key is refused.
        """
        if self._work is not None:
            raise Fault("a mutation under a key has one unit of work")
        await self._claim(work, work.session)
        self._work = work

    def keep(self, told: Told) -> None:
        """Keep what the field answers, in the transaction of its effect.

        Raises:
            TooLarge: the answer is too long to be kept.
        """
        if self._work is not None:
            self._keep(self._work, self._work.session, told)

    async def refuse(self, told: Told) -> None:
        """Keep a refusal, after what was done is taken back, in a transaction of its own; not one that no unit of work said.

        Raises: as `begin`, when somebody else used the key meanwhile.
        """
        work = self._work
        if work is None:
            return
        engines = work.platform.engines
        opened = store_session(engines, work.store) if isinstance(work, Work) else group_session(engines, work.group)
        async with opened as session:
            await self._claim(work, session)
            self._keep(work, session, told)

    async def _claim(self, work: Work | GroupWork, session: Any) -> None:
        until = work.now + KEPT
        asked = records.Asked(self._key, self._field, self._actor.group_id, self._repeat.request, work.now, until)
        found = await records.claim(session, asked, of_group=isinstance(work, GroupWork))
        if not found.held:
            raise KeyInUse("a request under this key is running")
        if not found.same:
            raise KeyReused("this key came with another request")
        if found.answer is not None:
            raise Replay(self._opened(work, found.answer))
        self._asked = replace(asked, expires_at=found.expires_at)

    def _keep(self, work: Work | GroupWork, session: Any, told: Told) -> None:
        assert self._asked is not None  # noqa: S101  (claimed before)
        records.keep(session, self._asked, self._sealed(work, told), of_group=isinstance(work, GroupWork))

    def _sealed(self, work: Work | GroupWork, told: Told) -> bytes:
        answer = encoded({"data": told.value, "errors": told.errors})
        if len(answer) > MOST_ANSWER:
            raise TooLarge("KEPT_ANSWER", len(answer))
        sealer = work.platform.sealer(self._actor.group_id, _PURPOSE)
        return sealer.seal(self._actor.rights_digest() + answer, bound_to=self._bound)

    def _opened(self, work: Work | GroupWork, sealed: bytes) -> Told:
        rights = self._actor.rights_digest()
        found = work.platform.sealer(self._actor.group_id, _PURPOSE).unseal(sealed, bound_to=self._bound)
        if found[: len(rights)] != rights:
            raise RightsChanged("the caller's rights changed since")
        answer = json.loads(found[len(rights) :])
        return Told(answer["data"], answer["errors"])

    @property
    def _bound(self) -> bytes:
        return self._field.bytes + self._repeat.request


def _id(text: bytes) -> UUID:
    return UUID(bytes=sha256(text).digest()[:16])


__all__ = ["HEADER", "KEPT", "Claim", "KeyRefused", "Repeat", "Replay", "Told", "key_of", "repeat_of"]
