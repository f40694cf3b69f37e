"""What every run of the differential fuzz has to show: no difference, no fault of the engine, and how much was covered."""

from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.fuzz import Fuzz, Report, validated_once
from tests.graphql.compiled.inventory import Inventory
from tests.graphql.compiled.rolled_back import RolledBack, rolled_back, sampled

#: How often a thing must be covered to count as covered well.
WELL = 20


def read_queries(both: Both, seed: int, documents: int, *, covered: int, well: int) -> Report:
    """So many comparisons of queries, printed and checked; so many things must be covered at all, and so many well."""
    fuzz = Fuzz(both, seed)
    with validated_once():
        report = fuzz.until(documents)
    never = sum(not report.answered[label] for label in fuzz.maker.inventory.answered())
    print(f"\nfields that stood in no answer: {never} of {len(fuzz.maker.inventory.answered())}")
    check(report, fuzz.wanted(), covered, well)
    return report


def run_mutations(both: Both, seed: int, documents: int, *, covered: int, well: int) -> Report:
    """The same of mutations: what they have and queries have not."""
    fuzz = Fuzz(both, seed, run=RolledBack(both).run, root="Mutation")
    fuzz.maker.sample = lambda name: sampled(both, fuzz.chance, name)
    inventory = fuzz.maker.inventory
    known = set(Inventory(both.schema._schema).wanted())
    fuzz.only = fuzz.maker.only = [label for label in inventory.wanted() if label not in known]
    with validated_once(), rolled_back():
        report = fuzz.until(documents)
    check(report, fuzz.wanted(), covered, well)
    return report


def check(report: Report, wanted: list[str], covered: int, well: int) -> None:
    """Print the report, and fail where it says that something is wrong."""
    counts = {label: report.covers[label] for label in wanted}
    rare = ", ".join(f"{label} {counts[label]}" for label in sorted(wanted, key=counts.__getitem__)[:10])
    some, enough = sum(map(bool, counts.values())), sum(count >= WELL for count in counts.values())
    print(f"\n{report}\n{len(wanted)} things wanted, {some} covered, {enough} {WELL} times; the rarest: {rare}")
    assert not report.different, f"{report}\n\n" + "\n\n".join(report.different)
    faults = [reason for reason in report.handed_over if reason.startswith("a fault") or "database" in reason]
    assert not faults, report
    assert "not a valid document" not in report.handed_over, report
    assert some >= covered, report
    assert enough >= well, report
