"""Which fields are hidden from whoever may see the row: one table, from which the entities and `docs/roles.md` are made.

A field that is not here is shown to everybody who sees its row. Contact data are masked at rest: the full value is not a
field at all, but a mutation that is audited (`revealContact`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: Fewer customers than this behind a figure could show a single one (requirement A10, domain section 2, rule d).
LEAST_CELL: Final = 10


@dataclass(frozen=True, slots=True)
class Mask:
    """A field for holders of `permission`. Others get null, or with `least` null where the column `of` is smaller."""

    permission: str
    reason: str
    of: str | None = None
    least: int = 0


_SMALL = "fewer than 10 customers are behind it 样本过少"

#: "Type.field" → who sees it, alphabetised.
MASKS: Final[Mapping[str, Mask]] = MappingProxyType(
    {
        "Employee.phoneMasked": Mask(
            "people:contact:read", "technicians and parts clerks see no phone number 不显示电话"
        ),
        "KpiValue.d": Mask("evaluation:kpi:read", _SMALL, "n", LEAST_CELL),
        "KpiValue.value": Mask("evaluation:kpi:read", _SMALL, "n", LEAST_CELL),
        "KpiValue.x": Mask("evaluation:kpi:read", _SMALL, "n", LEAST_CELL),
        "LabourLine.cost": Mask("evaluation:kpi:read", "direct cost shows the margin 成本涉及毛利"),
        "PartLine.cost": Mask("evaluation:kpi:read", "direct cost shows the margin 成本涉及毛利"),
    }
)
