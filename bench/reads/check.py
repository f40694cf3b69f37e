"""The same answers from all, before anything is timed.

Answers are compared as bytes after their keys were sorted. Of Q5 the new complaint's id and number are left out, which
differ for each request. PostGraphile cannot give some names and forms, so its answers, and ours beside them, are first brought to
what both can say: no `store` around the lists, the row's id instead of the global id, no cursors, moments of whole seconds with `Z`.
"""

import json
from collections.abc import Mapping
from typing import Any

from bench.reads.global_ids import parsed
from bench.reads.queries import Case
from bench.reads.requests import Answer, answers, ask, request_of
from bench.reads.servers import Running, Way
from bench.reads.world import World

#: calls of a query that are compared: two rounds through a few stores would show what sticks to a connection
COMPARED = 12
_NEW = {"id", "complaintNo"}


class Different(Exception):
    """Two ways do not say the same."""


def compare(
    world: World, cases: list[Case], ways: list[Way], servers: Mapping[str, Running]
) -> dict[str, dict[str, float]]:
    """Compare every way with the first one; returns the mean size of an answer in bytes by query and way.

    Raises:
        Different: an answer differs, or is an error.
    """
    sizes: dict[str, dict[str, float]] = {}
    for case in cases:
        calls = case.calls(world)
        chosen = calls[:: max(1, len(calls) // COMPARED)][:COMPARED] * 2
        sizes[case.name] = {}
        for way in (way for way in ways if answers(way.name, case)):
            found = [ask(servers[way.process].port, request_of(way.name, case, call, world)) for call in chosen]
            sizes[case.name][way.name] = sum(answer.size for answer in found) / len(found)
            texts = [_canonical(case, way, answer, plain=way.name == "e") for answer in found]
            if way is ways[0]:
                first = {plain: [_canonical(case, way, one, plain=plain) for one in found] for plain in (False, True)}
            expected = first[way.name == "e"]
            for ours, theirs in zip(expected, texts, strict=True):
                if ours != theirs:
                    raise Different(_difference(case, ways[0], way, ours, theirs))
    return sizes


def _canonical(case: Case, way: Way, answer: Answer, *, plain: bool) -> bytes:
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if answer.status != 200 or not isinstance(found, dict) or "errors" in found or not found.get("data"):
        raise Different(f"{case.name}, {way.name}: status {answer.status}, {answer.body[:600]!r}")
    found.pop("extensions", None)  # what it cost is said by Forecourt alone
    if case.name == "Q5":
        data = found["data"]["fileComplaint"]["complaint"]
        found["data"] = {name: value for name, value in data.items() if name not in _NEW}
    if plain:
        found = _plain(found)
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """What PostGraphile and the others can both say."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value.replace(".000000+00:00", "Z") if isinstance(value, str) else value
    kept = {name: _plain(item) for name, item in value.items() if name not in ("cursor", "endCursor")}
    if isinstance(kept.get("id"), str):
        kept["id"] = _row_id(kept["id"])
    return kept.pop("store") | kept if isinstance(kept.get("store"), dict) else kept


def _row_id(text: str) -> str:
    try:
        return str(parsed(text)[1])
    except ValueError:
        return text


def _difference(case: Case, first: Way, second: Way, ours: bytes, theirs: bytes) -> str:
    place = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), 0)
    start = max(place - 150, 0)
    return (
        f"{case.name}: {first.name} and {second.name} differ at byte {place} of {len(ours)} and {len(theirs)}\n"
        f"  {first.name}: …{ours[start : place + 150].decode(errors='replace')}\n"
        f"  {second.name}: …{theirs[start : place + 150].decode(errors='replace')}"
    )
