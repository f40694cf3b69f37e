"""`forecourt audit …`: check the chains of the audit, print their anchors, write the events out."""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ..auth.actor import Actor
from ..composition import open_platform, prepare, running_server
from ..domain.audit import actions, reads
from ..domain.audit.verify import heads, verify_group, verify_store
from ..domain.audit_chain import FIELDS, Anchor, Entry, Verified
from ..domain.feed import AuditEvent, GroupAuditEvent
from ..domain.work import Platform, open_group_work
from ..errors import Invalid, NotFound
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import (
    READABLE,
    ResolvedGroup,
    ResolvedStore,
    all_groups,
    control_session,
    find_group,
    group_session,
    store_session,
    stores_of,
)
from .common import answer, command, console, run

app = typer.Typer(help="Check the audit, anchor it, write it out. See docs/audit.md.", no_args_is_help=True)

Group = Annotated[str | None, typer.Option(help="Code of the group. Default: every group.")]
OneGroup = Annotated[str, typer.Option(help="Code of the group.")]
StoreCode = Annotated[
    str | None, typer.Option(help="Code of one store. Default: the group's own chain and every store's.")
]


@app.command("verify")
@command
def verify(
    group: Group = None,
    store: StoreCode = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="Only events from then on (UTC)."),
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="Anchors that were kept elsewhere: what `audit anchors` printed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON per chain.")] = False,
) -> None:
    """Check every event against its signature, the one before it, and the anchors. Exits with 1 when anything is wrong."""
    if store is not None and group is None:
        raise typer.BadParameter("--store needs --group")
    moment = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    kept = _kept(anchors)
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        broken = run(_verify(server, chosen, group, store, moment, kept, as_json=as_json))
    if broken:
        raise typer.Exit(1)


async def _verify(
    server: Server,
    chosen: Settings,
    group: str | None,
    store: str | None,
    since: datetime | None,
    kept: dict[str, list[Anchor]],
    *,
    as_json: bool,
) -> int:
    broken = 0
    async with open_platform(server, chosen, application="forecourt audit") as platform:
        for one in await _groups(platform, group):
            places = await _stores(platform, one, store)
            for place in places if store else (None, *places):
                name = f"{one.code}/{place.code}" if place else one.code
                outside = kept.get(str(place.id if place else one.id), ())
                if place is None:
                    found = await verify_group(platform, one, since=since, outside=outside)
                else:
                    found = await verify_store(platform, one, place, since=since, outside=outside)
                broken += not found.ok
                answer(json.dumps(_as_json(name, found)) if as_json else _as_line(name, found))
    return broken


def _as_json(name: str, found: Verified) -> dict[str, Any]:
    return {
        "chain": str(found.chain.id),
        "name": name,
        "ok": found.ok,
        "rows": found.rows,
        "first": found.first,
        "last": found.last,
        "head": found.head.hex(),
        "anchors": found.anchors,
        "first_bad": found.first_bad,
        "fault_count": found.fault_count,
        "faults": [{"kind": one.kind, "seq": one.seq, "detail": one.detail} for one in found.faults],
    }


def _as_line(name: str, found: Verified) -> str:
    if found.ok:
        return f"{name}: {found.rows:,} events whole, {found.anchors} anchors met"
    said = "".join(f"\n  {fault}" for fault in found.faults[:20])
    more = f"\n  and {found.fault_count - 20:,} more" if found.fault_count > 20 else ""
    return (
        f"{name}: BROKEN at number {found.first_bad}, {found.fault_count:,} faults in {found.rows:,} events{said}{more}"
    )


def _kept(path: Path | None) -> dict[str, list[Anchor]]:
    """Anchors of a file by the id of their chain."""
    found: dict[str, list[Anchor]] = {}
    try:
        for line in path.read_text("utf-8").splitlines() if path else ():
            row = json.loads(line)
            anchor = Anchor(int(row["seq"]), bytes.fromhex(row["hash"]), datetime.fromisoformat(row["at"]))
            found.setdefault(str(row["chain"]), []).append(anchor)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{path} does not hold what `forecourt audit anchors` prints: {error}") from error
    return found


@app.command("anchors")
@command
def anchors(
    group: Group = None,
    now: Annotated[bool, typer.Option("--now", help="Anchor every chain first.")] = False,
) -> None:
    """Print the newest anchor of every chain, a line of JSON each. Keep them where nobody who runs the database can write."""
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        run(_anchors(server, chosen, group, now=now))


async def _anchors(server: Server, chosen: Settings, group: str | None, *, now: bool) -> None:
    async with open_platform(server, chosen, application="forecourt audit") as platform:
        for one in await _groups(platform, group):
            if now:
                found, silent = await heads(platform, one)
                async with open_group_work(platform, one, Actor.for_system("audit anchors", one.id)) as work:
                    await actions.anchor(work, found)
                for store in silent:
                    console.print(f"[yellow]{one.code}/{store.code}[/yellow] could not be anchored now")
            names = {place.id: f"{one.code}/{place.code}" for place in await _stores(platform, one, None)}
            async with group_session(platform.engines, one, read_only=True) as session:
                rows = await reads.newest_anchors(session, one.id)
            for row in rows:
                line = {
                    "name": names.get(row.store_id, str(row.store_id)) if row.store_id else one.code,
                    "chain": str(row.store_id or one.id),
                    "seq": row.seq,
                    "hash": row.hash.hex(),
                    "at": row.at.astimezone(UTC).isoformat(),
                }
                answer(json.dumps(line))


@app.command("export")
@command
def export(
    group: OneGroup,
    target: Annotated[Path, typer.Option("--to", help="File to make: a line of JSON per event.")],
    store: Annotated[str | None, typer.Option(help="Code of a store. Default: the group's own events.")] = None,
) -> None:
    """Write the events of one chain with their hashes. That it was done is an event itself."""
    if target.exists():
        raise Invalid(f"{target} exists already")
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        private = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(private, "w", encoding="utf-8") as file:
            count = run(_export(server, chosen, group, store, file))
    console.print(f"{count:,} events written to {target}")


async def _export(server: Server, chosen: Settings, group: str, store: str | None, file: TextIO) -> int:
    async with open_platform(server, chosen, application="forecourt audit") as platform:
        [one] = await _groups(platform, group)
        place = (await _stores(platform, one, store))[0] if store else None
        # Before the file: whoever stops the command half-way has part of the events all the same.
        async with open_group_work(platform, one, Actor.for_system("audit export", one.id)) as work:
            kind, row_id = ("Store", place.id) if place else ("Group", one.id)
            work.audit("audit.export", kind, row_id)
        count = 0
        async with _entries(platform, one, place) as entries:
            async for entry in entries:
                file.write(json.dumps(_event(entry), ensure_ascii=False) + "\n")
                count += 1
        return count


@asynccontextmanager
async def _entries(
    platform: Platform, group: ResolvedGroup, store: ResolvedStore | None
) -> AsyncIterator[AsyncIterator[Entry]]:
    if store is None:
        async with group_session(platform.engines, group, read_only=True) as session:
            yield reads.entries(session, GroupAuditEvent)
    else:
        async with store_session(platform.engines, store, read_only=True) as session:
            yield reads.entries(session, AuditEvent)


def _event(entry: Entry) -> dict[str, Any]:
    """An event with everything its signature covers; `at` in microseconds since 1970, as signed."""
    fields: dict[str, Any] = dict(zip(FIELDS, entry.fields, strict=True))
    for name in ("before", "after"):
        fields[name] = None if fields[name] is None else json.loads(fields[name])
    return {
        "chain": str(entry.chain),
        "seq": entry.seq,
        "format": entry.format,
        "key_version": entry.key_version,
        **fields,
        "prev_hash": (entry.prev_hash or b"").hex(),
        "hash": (entry.hash or b"").hex(),
    }


async def _groups(platform: Platform, code: str | None) -> Sequence[ResolvedGroup]:
    async with control_session(platform.engines) as session:
        if code is None:
            return await all_groups(session)
        found = await find_group(session, code)
    if found is None:
        raise NotFound(f"no group {code!r}")
    return [found]


async def _stores(platform: Platform, group: ResolvedGroup, code: str | None) -> list[ResolvedStore]:
    async with group_session(platform.engines, group, read_only=True) as session:
        stores = [one for one in await stores_of(session, group.id) if one.state in READABLE]
    found = [one for one in stores if code in (None, one.code)]
    if code is not None and not found:
        raise NotFound(f"group {group.code} has no store {code!r} with data")
    return found
