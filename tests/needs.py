"""What some tests need that is not in this folder. A machine without it skips them loudly, and says what to install."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

#: marker → (the program that must be here, Debian's package)
NEEDS = {
    "browser": ("/usr/bin/chromium", "chromium"),
    "debian_pg": ("/usr/lib/postgresql/15/bin/postgres", "postgresql-15"),
}
_missing: Counter[str] = Counter()


@cache
def present(marker: str) -> bool:
    """Whether what tests with this marker need is on this machine."""
    return Path(NEEDS[marker][0]).exists()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture of such a test is made."""
    for marker, (_, package) in NEEDS.items():
        if item.get_closest_marker(marker) and not present(marker):
            _missing[package] += 1
            pytest.skip(f"needs Debian's {package}: apt install {package}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was left out, so that it is not overlooked among the dots."""
    for package, count in sorted(_missing.items()):
        terminalreporter.section(f"NOT TESTED: {count} tests need {package} (apt install {package})", sep="!", red=True)
    # Reports come from every process of the run; what a process counts for itself stays there.
    reports = [report for kind in ("passed", "failed", "skipped") for report in terminalreporter.stats.get(kind, ())]
    notes = {str(value) for report in reports for name, value in report.user_properties if name == NOTE}
    for note in sorted(notes):
        terminalreporter.write_line(note)


#: The name of a property whose value is told once at the end of a run: ``request.node.user_properties.append((NOTE, "…"))``.
NOTE = "note"
