"""A breaker's states over two replicas that know of them late, in every order, judged by the product's own functions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from explorer import Model, explore
from test_lease_model import NOW

from maquette.domain.breaker import Breaker, Policy, State, Tally, judge
from maquette.domain.service import Service
from maquette.services.board import Board

POLICY = Policy(calls_min=1, failure_rate=0.5, open_seconds=1.0, probes=1, successes_to_close=2)
BEGUN_MAX = 5
GENERATIONS_MAX = 3
CLOSED = Breaker()


@dataclass(frozen=True)
class World:
    """The row, what replicas know of it and have not told, and attempts under way: when they began (s)."""

    breaker: Breaker = CLOSED
    second: int = 0
    known: tuple[Breaker, ...] = (CLOSED, CLOSED)
    untold: tuple[tuple[tuple[int, Tally], ...], ...] = ((), ())
    told: tuple[tuple[int, Tally], ...] = ()
    running: tuple[int, ...] = ()
    begun: int = 0
    good: int = 0
    """Attempts that did well of those that began since the breaker came to its state: what is true, counted by nobody."""
    closed_after: int | None = None
    """How many those were when it closed from half-open."""


def service(breaker: Breaker) -> Service:
    return Service("s", policy=POLICY, breaker=breaker)


def places(world: World, replica: int, *, looks: bool) -> int:
    """Return how many attempts a replica may begin: as `services/bounds.py` does it, under the row's lock."""
    if not service(world.known[replica]).bounded:
        return 1
    row = service(world.breaker if looks else world.known[replica])
    if row.away is not None:
        return 0
    return 1 if row.at_a_time is None else row.at_a_time - (len(world.running) if looks else 0)


@cache
def counted(known: Breaker, began: int, ended: int, *, failed: bool) -> tuple[tuple[int, Tally], ...]:
    """Return what a replica's board makes of an attempt that ended."""
    board = Board()
    board.learn({"s": service(known)})
    board._count("s", at(began), at(ended), "transient" if failed else None)
    return tuple((generation, tally) for (_, _, generation), tally in board._counts.items())


def at(second: int) -> datetime:
    return NOW + timedelta(seconds=second)


def _sum(tallies: Iterable[tuple[int, Tally]]) -> tuple[tuple[int, Tally], ...]:
    sums: dict[int, Tally] = {}
    for generation, tally in tallies:
        sums[generation] = sums.get(generation, Tally()) + tally
    return tuple(sorted(sums.items()))


def _put(values: tuple[object, ...], place: int, value: object) -> tuple[object, ...]:
    return (*values[:place], value, *values[place + 1 :])


def happenings(world: World, *, looks: bool = True, generations: bool = True) -> Iterable[tuple[str, World]]:
    """Claims, ends, exchanges and judgements; an open breaker's wait is over once both replicas know of it."""
    for replica in (0, 1):
        if world.begun < BEGUN_MAX and places(world, replica, looks=looks) > 0:
            yield (
                f"replica {replica} begins one",
                replace(world, running=tuple(sorted((*world.running, world.second))), begun=world.begun + 1),
            )
        for began in sorted(set(world.running)):
            left = list(world.running)
            left.remove(began)
            since = world.breaker.since
            own = since is None or at(began) >= since
            for failed in (False, True):
                known = world.known[replica]
                tallies = counted(known, began if generations else world.second, world.second, failed=failed)
                yield (
                    f"replica {replica} hears that the one of {began} s {'failed' if failed else 'did well'}",
                    replace(
                        world,
                        running=tuple(left),
                        good=world.good + (own and not failed),
                        untold=_put(world.untold, replica, _sum((*world.untold[replica], *tallies))),
                    ),
                )
        if world.untold[replica] or world.known[replica] != world.breaker:
            yield (
                f"replica {replica} tells and learns",
                replace(
                    world,
                    told=_sum((*world.told, *world.untold[replica])),
                    untold=_put(world.untold, replica, ()),
                    known=_put(world.known, replica, world.breaker),
                ),
            )
    yield from _judgement(world)


def _judgement(world: World) -> Iterable[tuple[str, World]]:
    before, second = world.breaker, world.second + 1
    if before.state is State.OPEN:
        if not all(known == before for known in world.known):
            return  # it stays open for a second at least, and every replica learns within half a second
        before = replace(before, probe_at=at(second))
    tally = dict(world.told).get(before.generation, Tally())
    after = judge(before, tally, POLICY, at(second))
    if after is before or after.generation > GENERATIONS_MAX:
        return
    closed = before.state is State.HALF_OPEN and after.state is State.CLOSED
    yield (
        f"the breaker is {after.state}",
        replace(
            world,
            breaker=after,
            second=second + 1,
            good=0,
            told=tuple(item for item in world.told if item[0] >= after.generation),
            closed_after=world.good if closed else None,
        ),
    )


def wrong(world: World, _stuck: bool) -> str | None:
    """No more probes at a time than allowed, and none but probes close it."""
    since = world.breaker.since
    if world.breaker.state is State.HALF_OPEN and since is not None:
        probes = sum(at(began) >= since for began in world.running)
        if probes > POLICY.probes:
            return f"{probes} probes at a time"
    if world.closed_after is not None and world.closed_after < POLICY.successes_to_close:
        return f"closed after {world.closed_after} good probes"
    return None


def test_probes_are_bounded_over_replicas_and_alone_close_the_breaker() -> None:
    """In every order of two replicas' claims, reports, exchanges and judgements."""
    found = explore(Model(World(), happenings, wrong))
    assert found.trace is None, found.trace
    assert found.states > 1000


def test_the_model_finds_probes_that_are_counted_by_each_for_itself() -> None:
    """With the look at the row and its leases left out, two replicas probe at once."""
    found = explore(Model(World(), lambda world: happenings(world, looks=False), wrong))
    assert found.trace is not None
    assert found.trace[-1] == "2 probes at a time"


def test_the_model_finds_a_breaker_that_old_attempts_close() -> None:
    """Were attempts counted for the state in which they end, those from before would close it."""
    found = explore(Model(World(), lambda world: happenings(world, generations=False), wrong))
    assert found.trace is not None
    assert "closed after" in found.trace[-1]
