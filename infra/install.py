"""Fill `.venv` from a lock file, with several pips at once. Needs nothing but python3 3.11, pip and this folder.

Run by the Makefile with the system's python: ``python3 infra/install.py VENV LOCK [EDITABLE]``.

Most of the time of ``pip install -r`` on a lock file goes into comparing tens of thousands of file names of the index
with the platform's tags, on one core. The lock file is complete (every dependency with its hashes), so its requirements
are independent of one another and can be dealt to as many pips as there are cores. pip and not a faster installer, because only pip
reads the mirror, proxy and certificates that an administrator has configured for pip.

Byte code is made for the modules that are really imported, a tenth of what is installed: by importing them once.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LEAST = (3, 11)
PARTS = max(1, min(4, os.cpu_count() or 1))


def requirements(text: str) -> list[str]:
    """The requirements of a lock file, each with its hashes: a line and those that its backslashes continue it on."""
    blocks: list[str] = []
    continued = False
    for line in text.splitlines():
        if not continued and (not line.strip() or line.startswith("#")):
            continue
        blocks[-1:] = [blocks[-1] + "\n" + line] if continued else [*blocks[-1:], line]
        continued = line.endswith("\\")
    return blocks


def parts(blocks: list[str], count: int) -> list[list[str]]:
    """The requirements dealt like cards; no part is empty."""
    return [part for part in (blocks[start::count] for start in range(count)) if part]


def pip(venv: Path, *arguments: str) -> list[str]:
    """The system's pip, working on the virtual environment: Debian's python3 cannot put a pip into it."""
    return [
        sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--quiet",
        "--disable-pip-version-check", "--root-user-action=ignore", "--no-input", "--no-deps", "--no-compile", *arguments,
    ]  # fmt: skip


def install(venv: Path, lock: Path) -> bool:
    """Install what the lock file names, exactly and by hash. False when one of the pips failed (it has said why)."""
    blocks = requirements(lock.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="forecourt-install-") as folder:
        running = []
        for number, part in enumerate(parts(blocks, PARTS)):
            file = Path(folder) / f"{number}.txt"
            file.write_text("\n".join(part) + "\n", encoding="utf-8")
            running.append(subprocess.Popen(pip(venv, "--require-hashes", "-r", str(file))))
        codes = [process.wait() for process in running]  # each of them, so that none outlives this folder
    return not any(codes)


def check_tools() -> None:
    """Say in one line what a machine lacks, instead of a trace."""
    if sys.version_info < LEAST:
        have = ".".join(map(str, sys.version_info[:3]))
        raise SystemExit(
            f"Forecourt needs Python 3.11 or newer, and {sys.executable} is {have}: make PYTHON=python3.11"
        )
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        raise SystemExit(f"{sys.executable} has no pip: apt install python3-pip")


def main(arguments: list[str]) -> int:
    """Make the environment when it is missing, fill it, and install this folder into it when asked to."""
    check_tools()
    venv, lock, *editable = (Path(argument) for argument in arguments)
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    if not install(venv, lock):
        print(f"could not install {lock}; what pip says is above", file=sys.stderr)
        return 1
    for folder in editable:
        done = subprocess.run(pip(venv, "--no-build-isolation", "-e", str(folder)), check=False)
        if done.returncode:
            return 1
        warm(venv)
    return 0


def warm(venv: Path) -> None:
    """Import the program once, so that its first command starts as fast as the others."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    modules = "import forecourt.app, forecourt.cli.main, scipy.special"
    subprocess.run([str(venv / "bin" / "python"), "-c", modules], env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
