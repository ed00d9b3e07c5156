"""A breaker's laws: when it opens, how long it stays open, and what it takes to close."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maquette.domain.breaker import Breaker, Policy, State, Tally, judge, policy_from
from maquette.domain.errors import Invalid
from maquette.domain.service import Bucket, Choice, Reason, Service, burst, choose

NOW = datetime(2026, 2, 3, tzinfo=UTC)
POLICY = Policy(
    calls_min=10, failure_rate=0.5, slow_seconds=5, slow_rate=0.8, open_seconds=30, successes_to_close=3
)
TALLIES = st.builds(
    lambda calls, failed, slow: Tally(calls, min(failed, calls), min(slow, calls - min(failed, calls))),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
)


@given(TALLIES)
def test_it_opens_by_rate_and_only_with_enough_attempts(tally: Tally) -> None:
    """A closed breaker opens exactly when enough attempts ended and too many of them failed or were slow."""
    after = judge(Breaker(), tally, POLICY, NOW)
    bad = tally.calls >= 10 and (tally.failed >= 0.5 * tally.calls or tally.slow >= 0.8 * tally.calls)
    assert (after.state is State.OPEN) == bad
    assert (after is not None and after.state is State.CLOSED) == (after == Breaker())


@given(st.lists(st.tuples(TALLIES, st.integers(0, 4000)), max_size=40))
def test_it_never_goes_from_open_to_closed_and_waits_longer_each_time(story: list[tuple[Tally, int]]) -> None:
    """Whatever happens, it is tried half-open before it closes, no sooner than it said, and generations count up."""
    breaker, now = Breaker(), NOW
    for tally, seconds in story:
        now += timedelta(seconds=seconds)
        after = judge(breaker, tally, POLICY, now)
        if after is breaker:
            continue
        assert after.generation == breaker.generation + 1
        assert (breaker.state, after.state) in {
            (State.CLOSED, State.OPEN),
            (State.OPEN, State.HALF_OPEN),
            (State.HALF_OPEN, State.OPEN),
            (State.HALF_OPEN, State.CLOSED),
        }
        if after.state is State.HALF_OPEN:
            assert breaker.probe_at is not None
            assert now >= breaker.probe_at
        if after.state is State.OPEN:
            assert after.probe_at == now + timedelta(
                seconds=min(POLICY.open_seconds_max, 30 * 2 ** (after.trips - 1))
            )
            assert after.trips in {1, breaker.trips + 1}
        if after.state is State.CLOSED:
            assert tally.good == tally.calls >= 3
        breaker = after


def test_one_bad_probe_opens_it_again_and_a_long_peace_is_forgiven() -> None:
    """Half-open, one failure is enough; after it has been closed for long, it waits as long as the first time."""
    half = Breaker(State.HALF_OPEN, NOW, 2, trips=3)
    again = judge(half, Tally(3, 1), POLICY, NOW)
    assert (again.state, again.trips) == (State.OPEN, 4)
    closed = judge(half, Tally(3), POLICY, NOW)
    assert (closed.state, closed.trips) == (State.CLOSED, 3)
    soon, late = NOW + timedelta(seconds=60), NOW + timedelta(seconds=POLICY.open_seconds_max + 1)
    assert judge(closed, Tally(10, 10), POLICY, soon).trips == 4
    assert judge(closed, Tally(10, 10), POLICY, late).trips == 1


def test_policies_have_bounds() -> None:
    """What cannot be meant is refused by name; what is null is as by default."""
    assert policy_from({"slow_seconds": None, "probes": 4}) == replace(Policy(), probes=4)
    with pytest.raises(Invalid, match="failure_rate"):
        policy_from({"failure_rate": 0})


@given(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    st.sets(st.sampled_from("abcd")),
    st.sets(st.sampled_from("abcd")),
)
def test_the_first_of_a_route_that_can_be_asked_serves(
    route: list[str], away: set[str], unfit: set[str]
) -> None:
    """Fallbacks have to be up to the step, the one that was asked for is taken as it is; the reason is the latter's."""
    known = {name: Service(name, forced="open") for name in away}
    choice = choose(route, known, dict.fromkeys(unfit, Reason.NO_WORKER))
    free = [
        name for place, name in enumerate(route) if name not in away and (place == 0 or name not in unfit)
    ]
    assert choice.service == (free[0] if free else None)
    assert choice.reason == (None if choice.service == route[0] else Reason.FORCED_OPEN)


def test_a_half_open_service_with_enough_probes_is_passed_over() -> None:
    """What is being tried already is no route for more."""
    half = Service("a", breaker=Breaker(State.HALF_OPEN, NOW, 2))
    assert choose(["a", "b"], {"a": half}, {}) == Choice("a")
    assert choose(["a", "b"], {"a": half}, {}, frozenset("a")) == Choice("b", Reason.PROBING)


def test_an_operators_word_comes_before_the_breakers_own() -> None:
    """Forced, it is what it was forced to be; drained, it is not asked; half-open, only so much at a time."""
    opened = Breaker(State.OPEN, NOW, 1)
    assert Service("a", breaker=opened).away is Reason.BREAKER_OPEN
    assert Service("a", breaker=opened, forced="closed").away is None
    assert Service("a", forced="open").away is Reason.FORCED_OPEN
    assert Service("a", forced="closed", draining=True).away is Reason.DRAINING
    half = Service("a", breaker=Breaker(State.HALF_OPEN, NOW, 2), concurrency_max=5)
    assert half.at_a_time == 1
    assert replace(half, breaker=Breaker()).at_a_time == 5


@given(st.integers(1, 10_000), st.lists(st.tuples(st.floats(0, 60), st.integers(0, 50)), max_size=50))
def test_starts_a_minute_are_kept(per_minute: int, story: list[tuple[float, int]]) -> None:
    """Whatever is asked for and when, no more begins than the burst and what came since."""
    bucket, begun, now = Bucket(burst(per_minute), NOW), 0, NOW
    for seconds, wanted in story:
        now += timedelta(seconds=seconds)
        bucket = bucket.filled(per_minute, now)
        given_out = min(wanted, int(bucket.tokens))
        bucket, begun = Bucket(bucket.tokens - given_out, now), begun + given_out
        assert begun <= burst(per_minute) + (now - NOW).total_seconds() * per_minute / 60 + 1e-6
