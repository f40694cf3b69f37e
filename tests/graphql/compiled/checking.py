"""What every run of the differential fuzz has to show: no difference, no fault of the engine, and everything covered.

Answers are the same when their data is, with the order of keys, and their errors are, in the order of their places.
Beside `data: null` the compiled answer may tell more than graphql-core's: all that fails at other roots, and nothing that
does not fail. `agreeing` says it in full.

What has to be covered is derived from the schema, so a new field is demanded by itself. Two sorts:

- what the promise names: types, fields, arguments, types behind interfaces, directives, roles: each `WELL` times in every run;
- what stands within arguments (fields of inputs, words of enums), and forms of documents: `within` times.

A thing is covered where a document that ran asks for it; how many fields also stood in an answer is printed.
"""

from collections.abc import Sequence

from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.documents import WELL
from tests.graphql.compiled.fuzz import Fuzz, Report, validated_once
from tests.graphql.compiled.inventory import FORMS, Inventory
from tests.graphql.compiled.people import LABELS
from tests.graphql.compiled.rolled_back import RolledBack, rolled_back, sampled


def read_queries(both: Both, seed: int, documents: int, *, within: int) -> Report:
    """So many comparisons of queries or some more until everything is covered; printed and checked."""
    fuzz = Fuzz(both, seed)
    inventory = fuzz.maker.inventory
    with validated_once():
        return _checked(fuzz, documents, [*inventory.required(), *LABELS], [*inventory.further(), *FORMS], within)


def run_mutations(both: Both, seed: int, documents: int, *, within: int) -> Report:
    """The same of mutations: what they have and queries have not."""
    fuzz = Fuzz(both, seed, run=RolledBack(both).run, root="Mutation")
    fuzz.maker.sample = lambda name: sampled(both, fuzz.chance, name)
    inventory, of_queries = fuzz.maker.inventory, Inventory(both.schema._schema)
    known = {*of_queries.required(), *of_queries.further()}
    required = [label for label in inventory.required() if label not in known]
    further = [label for label in inventory.further() if label not in known]
    fuzz.maker.required, fuzz.maker.further = required, further
    with validated_once(), rolled_back():
        return _checked(fuzz, documents, required, further, within)


def _checked(fuzz: Fuzz, documents: int, required: Sequence[str], further: Sequence[str], within: int) -> Report:
    """Run, print the report, and fail where it says that something is wrong."""
    wanted = dict.fromkeys(further, within) | dict.fromkeys(required, WELL)
    counts = fuzz.report.covers

    def rare() -> list[str]:
        return [label for label, least in wanted.items() if counts[label] < least]

    report = fuzz.until(documents, covered=lambda: not rare())
    _print(report, fuzz.maker.inventory.answered(), required, further)
    assert not report.different, f"{report}\n\n" + "\n\n".join(report.different)
    faults = [reason for reason in report.handed_over if reason.startswith("a fault") or "database" in reason]
    assert not faults, report
    assert "not a valid document" not in report.handed_over, report
    missing = ", ".join(f"{label} {counts[label]} of {wanted[label]}" for label in rare())
    assert not missing, f"covered too rarely: {missing}\n{report}"
    return report


def _print(report: Report, fields: Sequence[str], required: Sequence[str], further: Sequence[str]) -> None:
    counts = report.covers
    stood, well = (sum(report.answered[label] >= least for label in fields) for least in (1, WELL))
    print(f"\n{report}")
    for words, labels in (("named by the promise", required), ("within arguments, and forms", further)):
        numbers = [counts[label] for label in labels]
        print(
            f"{words}: {len(labels)}, {sum(n >= WELL for n in numbers)} of them {WELL} times, {sum(n > 0 for n in numbers)} once"
        )
    print(f"fields: {len(fields)}, in an answer {stood}, in {WELL} answers {well}")
