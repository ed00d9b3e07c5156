"""Two reviewers and a gate's time-out in every order, decided by the product's own function."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import msgspec
from explorer import Model, explore
from test_lease_model import NOW, Key, new_job

from maquette.domain import commands as c
from maquette.domain.errors import MaquetteError
from maquette.domain.job import Job, Lease, Place
from maquette.domain.lifecycle import decide
from maquette.domain.review import GatePolicy, Then, Verdict

#: A gate that approves by itself after an hour: later on this clock, all that is due is due.
POLICY = GatePolicy(3600, Then.APPROVE, None)
LATER = NOW + timedelta(days=1)
REVISIONS_MAX = 2


@dataclass(frozen=True)
class World:
    """The row, and what each who may decide has seen and not decided about yet: a revision."""

    key: Key
    seen: tuple[int | None, ...] = (None, None, None)
    """Two reviewers and the gatekeeper."""
    decided: tuple[tuple[str, int, int | None, str], ...] = ()
    """Who decided, about which revision, which one he had seen, and what."""


def gated() -> Job:
    return msgspec.structs.replace(new_job(), gates=frozenset({0}), gate_policies={0: POLICY})


def ask(job: Job, command: c.Command) -> tuple[Job, tuple[int, ...]] | None:
    """Return the job after a command and the revisions that were decided about; None when it was refused."""
    try:
        decision = decide(job, command, LATER if isinstance(command, c.GateTimeout) else NOW)
    except MaquetteError:
        return None
    word = decision.user_decision
    return decision.job, () if word is None else (word.revision,)


def happenings(world: World, *, looks_again: bool = True) -> Iterable[tuple[str, World]]:
    """Work on the first step as long as it is the current one; looks and decisions at its gate."""
    job = world.key.job
    if job.place is Place.READY and job.position == 0:
        lease = Lease(job.sequence + 1, UUID(int=1), UUID(int=1), "w", "studio", NOW, LATER)
        started, _ = ask(job, c.Start(lease)) or (job, ())
        done, _ = ask(started, c.Complete(lease.fence, (), {}, {"duration": 0}, "m", "1")) or (job, ())
        yield f"revision {job.revision} is made", replace(world, key=Key(done))
    for place, who in enumerate(("ann", "bob", "the gatekeeper")):
        seen = world.seen[place]
        if seen is None and job.gate_open and len(world.decided) < REVISIONS_MAX + 1:
            yield (
                f"{who} looks at revision {job.revision}",
                replace(world, seen=_put(world, place, job.revision)),
            )
        if seen is None:
            continue
        aimed = seen if looks_again else job.revisions[0]
        for command in _words(who, aimed, job.revisions[0] < REVISIONS_MAX):
            after = ask(job, command)
            if after is None or (after[0] == job and not after[1]):
                yield f"{who} comes too late", replace(world, seen=_put(world, place, None))
                continue
            told = tuple((who, revision, seen, type(command).__name__) for revision in after[1])
            yield (
                f"{who} decides {getattr(command, 'verdict', 'by time-out')}",
                World(Key(after[0]), _put(world, place, None), world.decided + told),
            )


def _words(who: str, revision: int, may_reject: bool) -> list[c.Command]:
    if who == "the gatekeeper":
        return [c.GateTimeout("text_to_image", revision)]
    words = [Verdict.APPROVED, *([Verdict.REJECTED] if may_reject else [])]
    return [c.Review("text_to_image", revision, word, who) for word in words]


def _put(world: World, place: int, revision: int | None) -> tuple[int | None, ...]:
    return tuple(revision if at == place else other for at, other in enumerate(world.seen))


def wrong(world: World, _stuck: bool) -> str | None:
    """Name the law that a state breaks."""
    about = [revision for _, revision, _, _ in world.decided]
    if len(set(about)) < len(about):
        return f"two words about one revision: {world.decided}"
    for who, revision, seen, _ in world.decided:
        if seen != revision:
            return f"{who} decided about a revision that he never saw: {world.decided}"
    if world.key.job.gate_open != (world.key.job.gate_due_at is not None):
        return "an open gate has no clock, or a closed one has"
    return None


BEGINNING = World(Key(gated()))


def test_no_order_of_decisions_and_timeouts_breaks_a_law() -> None:
    """Of all who decide about a revision one wins, and it is the one that he saw."""
    found = explore(Model(BEGINNING, happenings, wrong))
    assert found.trace is None
    assert found.states > 100


def test_without_the_revision_somebody_approves_what_he_never_saw() -> None:
    """The checker is worth something: decisions about whatever is there now hit a revision that was made meanwhile."""
    found = explore(Model(BEGINNING, lambda world: happenings(world, looks_again=False), wrong))
    assert found.trace is not None
    assert "never saw" in found.trace[-1], found.trace
