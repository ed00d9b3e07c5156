"""Requests per minute: over processes, and within one."""

from typing import Any

import pytest
from house import House
from hypothesis import given
from hypothesis import strategies as st
from quota_books import OPERATOR

from maquette.domain import typeid
from maquette.domain.window import Window
from maquette.services import quotas
from maquette.services.limiter import Limiter

NOON = 28_000_000 * 60.0


class Clock:
    """Time that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


async def limit(house: House, **body: Any) -> None:
    await quotas.put(house.deps, OPERATOR, typeid.decode("prj", house.project), body)


def passes(limiter: Limiter, house: House) -> bool:
    return limiter.admit(house.user, None)[1] is None


async def test_processes_together_keep_to_the_limit(house: House) -> None:
    """Each counts in memory; once they have told each other, they refuse together, and pass what time frees again."""
    clock = Clock()
    one, two = Limiter(house.deps.database, clock), Limiter(house.deps.database, clock)
    await limit(house, limits={"requests_per_minute": 10})
    for each in (one, two):
        await each.exchange()
    assert [passes(one, house) for _ in range(6)] == [True] * 6
    assert [passes(two, house) for _ in range(4)] == [True] * 4
    for each in (one, two, one):
        await each.exchange()
    left, refusal = two.admit(house.user, None)
    assert left is not None
    assert refusal is not None
    assert (refusal.code, refusal.extra["quota"]["limit"]) == ("rate_limited", "requests_per_minute")
    assert dict(left.headers())[b"ratelimit-remaining"] == b"0"
    clock.now += refusal.retry_after_seconds or 0
    assert passes(two, house)
    assert not passes(two, house)
    await two.exchange()
    view = await quotas.get(house.deps, house.user, typeid.decode("prj", house.project))
    assert view.refused == {"requests_per_minute": 2}


async def test_a_changed_limit_holds_with_the_next_exchange(house: House) -> None:
    """No restart: without a limit nothing is counted, one that was set holds, for one user more closely than for all."""
    limiter = Limiter(house.deps.database, Clock())
    await limiter.exchange()
    assert limiter.idle
    await limit(house, limits={"requests_per_minute": 100}, users={"usr_test": {"requests_per_minute": 2}})
    await limiter.exchange()
    assert [passes(limiter, house) for _ in range(3)] == [True, True, False]
    await limit(house, limits={}, users={})
    await limiter.exchange()
    assert limiter.idle


@given(st.integers(1, 50), st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=120))
def test_no_minute_has_twice_the_limit_and_waiting_helps(limit: int, pauses: list[float]) -> None:
    """Whatever the rhythm, a minute of the clock holds no more than the limit, and who waits as told gets in."""
    window, now, minutes = Window(), NOON, dict[int, int]()
    for pause in pauses:
        now += pause
        if window.used(now) + 1 > limit:
            now += window.wait_seconds(now, limit) + 1e-6
        assert window.used(now) + 1 <= limit + 1e-4
        window.own += 1
        minutes[int(now // 60)] = minutes.get(int(now // 60), 0) + 1
    assert max(minutes.values()) <= limit


@pytest.mark.parametrize("limit", [0])
def test_a_limit_of_nothing_lets_nothing_in(limit: int) -> None:
    """With a limit of zero one is told to come back in a minute, for ever."""
    assert Window().wait_seconds(NOON, limit) == 60.0
