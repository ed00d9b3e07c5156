"""The relay in every order: two replicas that die, freeze and come back, a sink that refuses, consumers that drop repetitions."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import pytest
from explorer import Model, explore

EVENTS = (1, 2, 3)


@dataclass(frozen=True)
class Relay:
    """One process: whether others still count on it, and the page that it has read, with how much of it is sent."""

    alive: bool = True
    page: tuple[int, ...] = ()
    sent: int = 0
    refused: bool = False


@dataclass(frozen=True)
class World:
    """One stream of one shard. Rows are what the statements of ``outbox.sql`` leave, each of which is atomic."""

    begun: tuple[int, ...] = ()
    """Events whose transactions have drawn their number and are not committed."""
    owed: tuple[int, ...] = ()
    """Committed and not acknowledged: a row of ``outbox`` or ``undelivered``."""
    committed: tuple[int, ...] = ()
    cursor: int = 0
    owner: int | None = None
    relays: tuple[Relay, ...] = (Relay(), Relay())
    heard: tuple[int, ...] = ()
    """What the sink took, in order."""


@dataclass(frozen=True)
class Variant:
    """What is left out of the design."""

    commits_in_any_order: bool = False
    cursor: bool = False
    """Read what is beyond the last event that was seen, instead of rows that are owed."""
    acknowledges_first: bool = False
    goes_on_past_refusals: bool = False


def happenings(world: World, variant: Variant) -> Iterable[tuple[str, World]]:
    """Everything that can happen next."""
    yield from _writers(world, variant)
    if world.owner is None:
        for place, relay in enumerate(world.relays):
            if relay.alive:
                yield f"relay {place} takes the shard", replace(world, owner=place)
    for place, relay in enumerate(world.relays):
        yield from _of_relay(world, variant, place, relay)


def _writers(world: World, variant: Variant) -> Iterable[tuple[str, World]]:
    known = len(world.begun) + len(world.committed)
    if known < len(EVENTS):
        yield "a number is drawn", replace(world, begun=(*world.begun, EVENTS[known]))
    # A job's row is locked from the number to the commit, so within a stream they commit in order.
    for event in world.begun if variant.commits_in_any_order else world.begun[:1]:
        yield (
            f"{event} commits",
            replace(
                world,
                begun=tuple(other for other in world.begun if other != event),
                committed=tuple(sorted((*world.committed, event))),
                owed=tuple(sorted((*world.owed, event))),
            ),
        )


def _of_relay(world: World, variant: Variant, place: int, relay: Relay) -> Iterable[tuple[str, World]]:
    owns = relay.alive and world.owner == place
    if owns and not relay.page:
        page = (
            tuple(event for event in world.committed if event > world.cursor)
            if variant.cursor
            else world.owed
        )
        if page:
            read = replace(world, cursor=page[-1]) if variant.cursor else world
            if variant.acknowledges_first:
                read = replace(read, owed=tuple(event for event in read.owed if event not in page))
            yield f"relay {place} reads {page}", _with(read, place, replace(relay, page=page))
    if relay.page and relay.sent < len(relay.page):
        event = relay.page[relay.sent]
        if not relay.refused:
            yield (
                f"the sink takes {event} from relay {place}",
                _with(
                    replace(world, heard=(*world.heard, event)), place, replace(relay, sent=relay.sent + 1)
                ),
            )
            yield (
                f"the sink refuses {event} from relay {place}",
                _with(world, place, _refused(relay, variant)),
            )
    if relay.page and (relay.sent == len(relay.page) or relay.refused):
        done = relay.page[: relay.sent]
        kept = world.owed if not owns or variant.cursor else tuple(e for e in world.owed if e not in done)
        yield (
            f"relay {place} acknowledges {done}",
            _with(replace(world, owed=kept), place, Relay(relay.alive)),
        )
    if relay.alive and world.owner == place and relay.page:
        dead = _with(replace(world, owner=None), place, Relay(alive=False))
        yield f"relay {place} dies", dead
        yield (
            f"relay {place} is given up and does not know",
            _with(replace(world, owner=None), place, replace(relay, alive=False)),
        )


def _refused(relay: Relay, variant: Variant) -> Relay:
    if variant.goes_on_past_refusals:
        left = relay.page[: relay.sent] + relay.page[relay.sent + 1 :]
        return replace(relay, page=left or relay.page, refused=not left)
    return replace(relay, refused=True)


def _with(world: World, place: int, relay: Relay) -> World:
    return replace(world, relays=tuple(relay if at == place else r for at, r in enumerate(world.relays)))


def wrong(world: World, stuck: bool) -> str | None:
    """Name the law that a state breaks."""
    first = tuple(dict.fromkeys(world.heard))
    if first != tuple(sorted(first)) or (first and first != EVENTS[: len(first)]):
        return f"out of order or with a gap after dropping repetitions: {world.heard}"
    idle = all(not relay.page for relay in world.relays) and any(relay.alive for relay in world.relays)
    if stuck and idle and len(first) < len(EVENTS):
        return f"nothing can happen any more, and the sink heard {world.heard} only"
    return None


def bounded(world: World, variant: Variant) -> Iterable[tuple[str, World]]:
    """The same, with an end to how often an event is sent again."""
    for name, after in happenings(world, variant):
        if len(after.heard) <= 2 * len(EVENTS):
            yield name, after


def test_no_order_of_deaths_refusals_and_commits_breaks_a_law() -> None:
    """Every event is heard, in order after dropping repetitions, whatever becomes of the relays."""
    found = explore(Model(World(), partial(bounded, variant=Variant()), wrong))
    assert found.trace is None, found.trace
    assert found.states > 1000


@pytest.mark.parametrize(
    ("variant", "law"),
    [
        (Variant(commits_in_any_order=True, cursor=True), "heard|gap"),
        (Variant(acknowledges_first=True), "heard|gap"),
        (Variant(goes_on_past_refusals=True), "order"),
    ],
    ids=["a cursor", "acknowledged before it is sent", "past a refusal"],
)
def test_each_part_of_the_design_is_needed(variant: Variant, law: str) -> None:
    """The checker is worth something: with a part left out it finds the event that is lost or out of order."""
    found = explore(Model(World(), partial(bounded, variant=variant), wrong))
    assert found.trace is not None
    assert any(word in found.trace[-1] for word in law.split("|")), found.trace
