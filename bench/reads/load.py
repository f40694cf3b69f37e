"""One slice of load by wrk, and what it cost: CPU of the server's whole process tree and of PostgreSQL's, by schedstat.

When wrk stops, each of its connections still waits for an answer. The servers finish those too, so CPU is read when they have
come to rest, and divided by the answered requests plus one for each connection.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.reads.requests import Request
from bench.reads.servers import Missing
from forecourt.tenancy.server import Server

CONNECTIONS = 16
#: Share of the compared answers' mean size below which a slice is taken for errors.
SMALLEST = 0.9
REST_SECONDS = 5.0

_SCRIPT = """
local start, made, count = {start}, {{}}, 0
function init(args)
  math.randomseed(os.time())
  for line in io.lines("{requests}") do
    local path, headers, body = line:match("^(.-)\\t(.-)\\t(.*)$")
    local named = {{}}
    for name, value in headers:gmatch("(.-)=(.-);") do named[name] = value end
    count = count + 1
    made[count] = body:find("@@", 1, true) and {{path, named, body}} or wrk.format("POST", path, named, body)
  end
end
local function new_id()
  return string.format("%08x-%04x-4%03x-8%03x-%06x%06x", math.random(0, 0x7fffffff), math.random(0, 0xffff), math.random(0, 0xfff),
    math.random(0, 0xfff), math.random(0, 0xffffff), math.random(0, 0xffffff))
end
function request()
  start = start % count + 1
  local found = made[start]
  if type(found) == "string" then return found end
  local body = found[3]
  for _, mark in ipairs({{"@@ID1@@", "@@ID2@@", "@@ID3@@"}}) do body = body:gsub(mark, new_id()) end
  body = body:gsub("@@NUMBER@@", string.format("%d%09d", math.random(1, 0x7fffffff), math.random(0, 999999999)))
  return wrk.format("POST", found[1], found[2], body)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nDONE {{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %f, "p99": %f, "failed": %d}}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Figures:
    """What one slice showed; times in milliseconds, CPU per request."""

    per_second: float
    p50: float
    p99: float
    server_cpu: float
    postgres_cpu: float
    requests: int

    def plain(self) -> dict[str, float]:
        return asdict(self)


class Failed(Exception):
    """Requests of a slice were not answered as they should."""


def require_wrk() -> None:
    """Raises Missing."""
    if shutil.which("wrk") is None:
        raise Missing("wrk is missing: `apt-get install wrk`")


def postmaster(server: Server) -> int:
    """The process whose descendants are PostgreSQL."""
    assert server.own is not None
    return int((server.own.place.data / "postmaster.pid").read_text().splitlines()[0])


@dataclass(frozen=True)
class Load:
    """Drives requests at one server."""

    folder: Path
    postmaster: int

    def run(
        self, port: int, pid: int, requests: Sequence[Request], *, seconds: float, start: int, size: float
    ) -> Figures:
        """A slice of load, beginning with the request `start`; `size` is the mean answer in bytes, head included, 0 while warming.

        Raises:
            Failed: errors, or answers that are too small.
        """
        script = self.script(requests, start % len(requests))
        at_rest(pid, self.postmaster)
        before = cpu(pid), cpu(self.postmaster)
        found = wrk(port, script, seconds)
        at_rest(pid, self.postmaster)
        server, postgres = (spent(was, root) for was, root in zip(before, (pid, self.postmaster), strict=True))
        answered = int(found["requests"])
        if found["failed"] or found["bytes"] < SMALLEST * size * max(answered, 1):
            raise Failed(f"port {port}: {found}; an answer has {size:.0f} bytes")
        served = answered + CONNECTIONS
        return Figures(
            per_second=answered / found["microseconds"] * 1e6,
            p50=found["p50"] / 1e3,
            p99=found["p99"] / 1e3,
            server_cpu=server / served * 1e3,
            postgres_cpu=postgres / served * 1e3,
            requests=answered,
        )

    def script(self, requests: Sequence[Request], start: int) -> Path:
        """The program for wrk that sends these requests in turn."""
        lines = []
        for one in requests:
            headers = "".join(f"{name}={value};" for name, value in one.headers.items())
            lines.append(f"{one.path}\t{headers}\t{_one_line(one.body)}\n")
        listed, script = self.folder / "requests.txt", self.folder / "load.lua"
        listed.write_text("".join(lines))
        script.write_text(_SCRIPT.format(start=start, requests=listed))
        return script


def _one_line(body: str) -> str:
    assert "\n" not in body and "\t" not in body
    return body


def wrk(port: int, script: Path, seconds: float) -> dict[str, float]:
    """What wrk counted: requests, microseconds, bytes, p50 and p99 in microseconds, and how many failed."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(script)]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    line = next((line for line in output.stdout.splitlines() if line.startswith("DONE ")), None)
    if line is None:
        raise Failed(f"wrk said: {output.stdout[-1000:]}{output.stderr[-1000:]}")
    found: dict[str, float] = json.loads(line.removeprefix("DONE "))
    return found


# --- CPU of process trees --------------------------------------------------------------------------------------------


def cpu(root: int) -> dict[tuple[int, int], int]:
    """Nanoseconds that each thread of a process and its descendants has run."""
    found = {}
    for pid in _tree(root):
        for task in _listed(Path(f"/proc/{pid}/task")):
            try:
                found[pid, int(task)] = int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
            except (OSError, IndexError):
                continue  # it has just ended
    return found


def spent(before: dict[tuple[int, int], int], root: int) -> float:
    """Seconds that a process tree has run since; threads that ended in between are not counted."""
    return sum(now - before.get(key, 0) for key, now in cpu(root).items()) / 1e9


def at_rest(*roots: int) -> None:
    """Wait until these process trees have nothing to do (less than 3 % of a core), at most `REST_SECONDS`."""
    deadline = time.monotonic() + REST_SECONDS
    while time.monotonic() < deadline:
        before = [cpu(root) for root in roots]
        time.sleep(0.1)
        if sum(spent(was, root) for was, root in zip(before, roots, strict=True)) < 0.003:
            return


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
