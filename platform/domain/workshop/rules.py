"""Arithmetic of the workshop 车间. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal

_HOUR = timedelta(hours=1) // timedelta(microseconds=1)
_CENT = Decimal("0.01")


def repair_hours(opened_at: datetime, handed_over_at: datetime | None) -> Decimal | None:
    """Hours from the opening of the order to the hand-over 维修周期, to 2 decimals: what KPI A01 is the mean of.

    None while the vehicle is in the workshop.
    """
    if handed_over_at is None:
        return None
    return (Decimal((handed_over_at - opened_at) // timedelta(microseconds=1)) / _HOUR).quantize(_CENT)
