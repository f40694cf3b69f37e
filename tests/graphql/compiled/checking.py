"""What every run of the differential fuzz has to show: no difference, no fault of the engine, and everything covered.

Answers are the same when their data is, with the order of keys, and their errors are, in the order of their places.
Beside `data: null` the compiled answer may tell more than graphql-core's: all that fails at other roots, and nothing that
does not fail. `agreeing` says it in full.

What has to be covered is derived from the schema, so a new field is demanded by itself, `WELL` times in every run. Two sorts:

- what the promise names: types, fields, arguments, types behind interfaces, directives, roles;
- what stands within arguments (fields of inputs and filters, words of enums and orders), and forms of documents.

A thing is covered where a document that ran asks for it; how many fields also stood in an answer is printed.
"""

from collections.abc import Sequence

from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.documents import WELL
from tests.graphql.compiled.fuzz import Fuzz, Report, validated_once
from tests.graphql.compiled.inventory import FORMS, Inventory
from tests.graphql.compiled.people import LABELS
from tests.graphql.compiled.rolled_back import RolledBack, rolled_back, sampled


def read_queries(both: Both, seed: int, documents: int) -> Report:
    """So many comparisons of queries or some more until everything is covered; printed and checked."""
    fuzz = Fuzz(both, seed)
    inventory = fuzz.maker.inventory
    with validated_once():
        return _checked(fuzz, documents, [*inventory.required(), *LABELS], [*inventory.further(), *FORMS])


def run_mutations(both: Both, seed: int, documents: int) -> Report:
    """The same of mutations: what they have and queries have not."""
    fuzz = Fuzz(both, seed, run=RolledBack(both).run, root="Mutation")
    fuzz.maker.sample = lambda name: sampled(both, fuzz.chance, name)
    inventory, of_queries = fuzz.maker.inventory, Inventory(both.schema._schema)
    known = {*of_queries.required(), *of_queries.further()}
    required = [label for label in inventory.required() if label not in known]
    further = [label for label in inventory.further() if label not in known]
    fuzz.maker.required, fuzz.maker.further = required, further
    with validated_once(), rolled_back():
        return _checked(fuzz, documents, required, further)


def _checked(fuzz: Fuzz, documents: int, required: Sequence[str], further: Sequence[str]) -> Report:
    """Run, print the report, and fail where it says that something is wrong."""
    counts = fuzz.report.covers

    def rare() -> list[str]:
        return [label for label in (*required, *further) if counts[label] < WELL]

    report = fuzz.until(documents, covered=lambda: not rare())
    _print(report, fuzz.maker.inventory.answered(), required, further)
    assert not report.different, f"{report}\n\n" + "\n\n".join(report.different)
    faults = [reason for reason in report.handed_over if reason.startswith("a fault") or "database" in reason]
    assert not faults, report
    assert "not a valid document" not in report.handed_over, report
    missing = ", ".join(f"{label} {counts[label]}" for label in rare())
    assert not missing, f"covered less than {WELL} times: {missing}\n{report}"
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
