"""Figures as tables: medians over rounds, and the ratios that the targets name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.reads.load import Figures
from bench.reads.queries import GROUPS, Case
from bench.reads.servers import Way

#: query → way → one figure per round
Measured = Mapping[str, Mapping[str, Sequence[Figures]]]

OURS = "forecourt"
#: what is compared, with whom, and the least for each query; None: reported only
CPU_TARGETS = {"Q1": 8.0, "Q2": 20.0, "Q3": 25.0, "Q4": 20.0, "Q5": 2.0}
SPEED_TARGETS: dict[str, dict[str, float | None]] = {
    "e": {"Q1": 4.0, "Q2": 4.0, "Q3": 4.0, "Q4": 4.0, "Q5": None},
    "f": {"Q1": 0.5, "Q2": 1.0, "Q3": 0.8, "Q4": 0.8, "Q5": None},
    "fl": {"Q1": None, "Q2": None, "Q3": None, "Q4": None, "Q5": None},
}
#: milliseconds of server CPU that a store's part of Q6 may cost; and how far 100 stores may be from ten times 10
PART_TARGET, LINEAR = 1.0, 1.25


@dataclass(frozen=True)
class Ratio:
    """One target: what was measured against what is asked."""

    what: str
    case: str
    value: float
    target: float | None
    #: at least the target, or at most
    least: bool = True

    @property
    def verdict(self) -> str:
        if self.target is None:
            return "reported"
        return "met" if (self.value >= self.target if self.least else self.value <= self.target) else "MISSED"


def middle(rounds: Sequence[Figures], name: str) -> float:
    """The median of a figure over the rounds."""
    return median(getattr(one, name) for one in rounds)


def ratios(measured: Measured) -> list[Ratio]:
    """Every target that the measured ways allow to judge."""
    found = []
    for case, target in CPU_TARGETS.items():
        ours, theirs = (measured.get(case, {}).get(way) for way in (OURS, "a"))
        if ours and theirs:
            value = middle(theirs, "server_cpu") / middle(ours, "server_cpu")
            found.append(Ratio("server CPU, times less than a", case, value, target))
    for way, targets in SPEED_TARGETS.items():
        for case, least in targets.items():
            ours, theirs = (measured.get(case, {}).get(one) for one in (OURS, way))
            if ours and theirs:
                value = middle(ours, "per_second") / middle(theirs, "per_second")
                found.append(Ratio(f"requests per second against {way}", case, value, least))
    return found + _of_groups(measured)


def _of_groups(measured: Measured) -> list[Ratio]:
    parts = {
        count: middle(measured[f"Q6/{count}"][OURS], "server_cpu") / count
        for count in GROUPS
        if OURS in measured.get(f"Q6/{count}", {})
    }
    found = [
        Ratio("ms of server CPU per store's part", f"Q6/{count}", part, PART_TARGET, least=False)
        for count, part in parts.items()
    ]
    if len(parts) > 1:
        few, many = min(parts), max(parts)
        found.append(
            Ratio(
                f"a part among {many} stores against one among {few}",
                "Q6",
                parts[many] / parts[few],
                LINEAR,
                least=False,
            )
        )
    return found


def markdown(measured: Measured, cases: Sequence[Case], ways: Sequence[Way], about: Mapping[str, str]) -> str:
    """Both tables, and what they were measured with."""
    lines = ["# Reads against other ways", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += [f"- {way.name}: {way.title}" for way in ways]
    lines += ["", "CPU in ms per request; medians over the rounds.", ""]
    head = ["query", "way", "req/s", "p50 ms", "p99 ms", "server CPU", "PostgreSQL CPU", "requests"]
    lines += _table(head, _rows(measured, cases))
    lines += ["", "## Against the targets", ""]
    judged = [[one.what, one.case, f"{one.value:.2f}", _asked(one), one.verdict] for one in ratios(measured)]
    lines += _table(["what", "query", "measured", "target", ""], judged)
    return "\n".join(lines) + "\n"


def _rows(measured: Measured, cases: Sequence[Case]) -> list[list[str]]:
    rows = []
    for case in cases:
        for way, rounds in measured.get(case.name, {}).items():
            figures = [middle(rounds, name) for name in ("per_second", "p50", "p99", "server_cpu", "postgres_cpu")]
            speed, p50, p99, server, postgres = figures
            total = sum(one.requests for one in rounds)
            rows.append(
                [
                    case.name,
                    way,
                    f"{speed:.0f}",
                    f"{p50:.2f}",
                    f"{p99:.2f}",
                    f"{server:.3f}",
                    f"{postgres:.3f}",
                    str(total),
                ]
            )
    return rows


def _asked(ratio: Ratio) -> str:
    if ratio.target is None:
        return "–"
    return f"{'≥' if ratio.least else '≤'} {ratio.target:g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return [line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *(line(row) for row in rows)]
