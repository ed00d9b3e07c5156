"""Claim, complete and expire in every order, decided by the product's own function, with two workers and their ghosts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from explorer import Model, explore

from maquette.domain import commands as c
from maquette.domain.decision import Decision
from maquette.domain.errors import MaquetteError
from maquette.domain.job import TERMINAL, Job, JobStatus, Lease, Place, StepStatus
from maquette.domain.lifecycle import decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKERS = (UUID(int=1), UUID(int=2))
LATER = NOW + timedelta(days=1)
ATTEMPTS_MAX = 3


@dataclass(frozen=True)
class Key:
    """A job as a hashable value: its policies are a mapping, and none are used here."""

    job: Job

    def __hash__(self) -> int:
        return hash((self.job.status, self.job.position, self.job.attempt, self.job.sequence))


@dataclass(frozen=True)
class World:
    """The row, what each worker believes to hold, reports on their way, and what was recorded."""

    key: Key
    holding: tuple[int | None, ...] = (None, None)
    sent: frozenset[int] = frozenset()
    """Fences whose success is on its way: it may arrive any number of times, in any order, or never."""
    drawn: tuple[tuple[int, int], ...] = ()
    """Which (position, attempt) each fence was drawn for, by number."""
    recorded: tuple[tuple[int, int], ...] = ()
    """(position, fence) of each success that was written."""


def new_job() -> Job:
    return Job(
        id=UUID(int=9),
        project_id=UUID(int=8),
        asset_type="2D",
        pipeline_version=2,
        correlation_id="c",
        skipped=frozenset({1}),
        gates=frozenset(),
        status=JobStatus.QUEUED,
        position=0,
        step_status=StepStatus.PENDING,
        revisions=(0, 0, 0),
        created_at=NOW,
    )


def ask(world: World, command: c.Command, **more: object) -> World | None:
    """Return the world after a command, or None when it was refused and nothing changed."""
    try:
        # Whatever is waited for is over by then: a retry comes when the loop says so, not the clock.
        decision = decide(world.key.job, command, LATER if isinstance(command, c.RetryDue) else NOW)
    except MaquetteError:
        return None
    return replace(world, key=Key(decision.job), recorded=world.recorded + _successes(decision), **more)


def _successes(decision: Decision) -> tuple[tuple[int, int], ...]:
    return tuple(
        (record.position, record.fence or 0)
        for record in decision.records
        if record.status is StepStatus.DONE
    )


def happenings(world: World) -> Iterable[tuple[str, World]]:
    """Everything that can happen next: each is one transaction, or something that only a worker knows."""
    job = world.key.job
    for place, epoch in enumerate(WORKERS):
        yield from _of_worker(world, place, epoch)
    for fence in sorted(world.sent):
        told = c.Complete(fence, (), {}, {"duration": 0}, "m", "1")
        if after := ask(world, told):
            yield f"the report of fence {fence} arrives", after
    if job.lease is not None:
        for died in (True, False):
            lost = c.Expire(job.lease.fence, "lost_worker", 0.0, died)
            if after := ask(world, lost):
                how = "its worker being gone" if died else "let go of"
                yield f"the lease of fence {job.lease.fence} ends by itself, {how}", after
    if job.place is Place.DELAYED and (after := ask(world, c.RetryDue())):
        yield "the wait is over", after
    if job.status not in TERMINAL and (after := ask(world, c.Cancel("usr_a"))):
        yield "a person cancels", after


def _of_worker(world: World, place: int, epoch: UUID) -> Iterable[tuple[str, World]]:
    job, held = world.key.job, world.holding[place]
    if held is None and job.place is Place.READY and len(world.drawn) < ATTEMPTS_MAX:
        fence = len(world.drawn) + 1
        lease = Lease(fence, epoch, epoch, "w", "studio", NOW, NOW + timedelta(hours=1))
        drawn = (*world.drawn, (job.position, job.attempt + 1))
        if after := ask(world, c.Start(lease), drawn=drawn, holding=_put(world, place, fence)):
            yield f"worker {place} claims fence {fence}", after
    if held is not None:
        sent = world.sent | {held}
        yield (
            f"worker {place} reports fence {held}",
            replace(world, sent=sent, holding=_put(world, place, None)),
        )
        yield f"worker {place} dies with fence {held}", replace(world, holding=_put(world, place, None))


def _put(world: World, place: int, fence: int | None) -> tuple[int | None, ...]:
    return tuple(fence if at == place else other for at, other in enumerate(world.holding))


def wrong(world: World, stuck: bool) -> str | None:
    """Name the law that a state breaks."""
    positions = [position for position, _ in world.recorded]
    if len(set(positions)) < len(positions):
        return f"a step was recorded twice: {world.recorded}"
    for position, fence in world.recorded:
        if world.drawn[fence - 1][0] != position:
            return f"step {position} was recorded with the work of another: {world.recorded}"
        later = [at for at, _ in world.drawn[fence:] if at == position]
        if later:
            return f"a ghost's work won over the live attempt's: {world.recorded}"
    job = world.key.job
    if job.place is Place.LEASED and job.lease is None:
        return "a task is leased to nobody"
    if stuck and job.status not in TERMINAL and len(world.drawn) < ATTEMPTS_MAX:
        return f"nothing can happen any more, and the job is {job.status}"
    return None


def without_fences(world: World) -> Iterable[tuple[str, World]]:
    """The same, where whatever arrives counts for the lease that is there."""
    yield from happenings(world)
    lease = world.key.job.lease
    for fence in sorted(world.sent):
        if lease is not None and lease.fence != fence:
            told = c.Complete(lease.fence, (), {}, {"duration": 0}, "m", "1")
            if after := ask(world, told):
                recorded = (*world.recorded, (world.key.job.position, fence))
                yield (
                    f"the report of fence {fence} is taken for {lease.fence}",
                    replace(after, recorded=recorded),
                )


BEGINNING = World(Key(new_job()))


def test_no_order_of_claims_reports_and_expiries_breaks_a_law() -> None:
    """Each step has one winner, which held the live lease; reports may be late, twice, or never come."""
    found = explore(Model(BEGINNING, happenings, wrong))
    assert found.trace is None
    assert found.states > 500


def test_without_fences_a_ghost_wins() -> None:
    """The checker is worth something: without the comparison it finds how a dead worker's report is taken."""
    found = explore(Model(BEGINNING, without_fences, wrong))
    assert found.trace is not None
    assert "ghost" in found.trace[-1] or "another" in found.trace[-1], found.trace
