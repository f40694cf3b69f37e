"""Buckets fill with time, and memory stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import Throttled
from forecourt.web.ratelimit import Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    buckets = Buckets(burst=2, per_minute=60, now=clock)
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(Throttled) as error:
        buckets.take("a")
    assert error.value.retry_after == pytest.approx(1)
    buckets.take("b")
    clock.now = 1.0
    buckets.take("a")


def test_memory_is_bounded() -> None:
    buckets = Buckets(burst=1, per_minute=1, size=10, now=Clock())
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets) == 10


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_key_ever_gets_more_than_burst_and_rate(gaps: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(burst=3, per_minute=6, now=clock)
    taken = 0
    for gap in gaps:
        clock.now += gap
        try:
            buckets.take("a")
            taken += 1
        except Throttled:
            pass
        assert taken <= 3 + clock.now / 10 + 1e-6
