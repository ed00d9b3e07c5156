"""Equal steps in flight: two processes that lease, workers that fail, people who cancel, in every order.

Jobs are decided by the product's own function. A lease is given out as `services/reuse.py` does it, look by look, so that
all else may happen in between.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from explorer import Model, explore
from msgspec.structs import replace as with_

from maquette.domain import commands as c
from maquette.domain.errors import MaquetteError
from maquette.domain.job import TERMINAL, Hold, Job, JobStatus, Lease, Place, StepRecord, StepStatus
from maquette.domain.lifecycle import decide
from maquette.domain.reuse import may_share

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
JOBS, LANES, FAULTS_MAX = 3, 2, 2


@dataclass(frozen=True)
class Key:
    """A job as a hashable value, at its first step: what it did before is of no account."""

    job: Job

    def __hash__(self) -> int:
        return hash((self.job.status, self.job.position, self.job.attempt, self.job.holds, self.job.lease))


@dataclass(frozen=True)
class Lane:
    """A batch that is leasing a job: it has the job's lock, and what its looks told it."""

    job: int
    looks: tuple[str, ...]
    """What it has yet to look at."""
    leader: int | None = None
    done: bool = False


@dataclass(frozen=True)
class World:
    """What is committed, and what batches are about to commit."""

    jobs: tuple[Key, ...]
    lanes: tuple[Lane | None, ...] = (None,) * LANES
    leaders: tuple[int | None, ...] = (None,) * JOBS
    """The table of followers: whom each waits for."""
    done: int = 0
    """The attempt that made the result, which is there for all then."""
    faults: int = 0
    twice: bool = False
    """Whether a job began for the first time with what another one's first attempt had done, or was doing."""


@dataclass(frozen=True)
class Ways:
    """The mechanism, and what it is without one of its parts."""

    lock: bool = True
    looks: tuple[str, ...] = ("running", "done")
    loop: bool = True
    leads: Callable[[Job], bool] = lambda job: job.lease is not None and not job.lease.canceling


def new_job(number: int) -> Job:
    return Job(
        id=UUID(int=number + 1),
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
        reuse="allow",
    )


BEGINNING = World(tuple(Key(new_job(number)) for number in range(JOBS)))


def ask(world: World, number: int, command: c.Command) -> World | None:
    """Return the world after a command, or None when it was refused or changed nothing."""
    before = world.jobs[number].job
    try:
        after = decide(before, command, LATER if isinstance(command, c.RetryDue) else NOW).job
    except MaquetteError:
        return None
    if after is before:
        return None
    key = Key(with_(after, sequence=0))
    leaders = world.leaders if Hold.REUSE in after.holds else _put(world.leaders, number, None)
    return replace(world, jobs=_put(world.jobs, number, key), leaders=leaders)


def _put(row: tuple, place: int, value: object) -> tuple:
    return (*row[:place], value, *row[place + 1 :])


def happenings(ways: Ways) -> Callable[[World], Iterable[tuple[str, World]]]:
    """Everything that can happen next."""

    def following(world: World) -> Iterable[tuple[str, World]]:
        locked = {lane.job for lane in world.lanes if lane is not None}
        for place in range(LANES):
            yield from _of_lane(world, place, locked, ways)
        for number, key in enumerate(world.jobs):
            if number not in locked and key.job.position == 0:
                yield from _of_job(world, number, key.job, ways)

    return following


def _of_lane(world: World, place: int, locked: set[int], ways: Ways) -> Iterable[tuple[str, World]]:
    lane = world.lanes[place]
    if lane is None:
        for number, key in enumerate(world.jobs):
            if key.job.place is not Place.READY or key.job.position or number in locked:
                continue
            # Who was tried looks for nothing; of who shares, one batch at a time goes on.
            shares = may_share(key.job)
            others = [other for other in world.lanes if other is not None]
            if shares and ways.lock and any(may_share(world.jobs[other.job].job) for other in others):
                continue
            begun = Lane(number, ways.looks if shares else ())
            yield f"batch {place} takes job {number}", replace(world, lanes=_put(world.lanes, place, begun))
        return
    if lane.looks:
        look, *left = lane.looks
        leader = next(
            (at for at, key in enumerate(world.jobs) if ways.leads(key.job) and not key.job.position), None
        )
        seen = {"leader": leader} if look == "running" else {"done": bool(world.done)}
        after = replace(lane, looks=tuple(left), **seen)
        yield (
            f"batch {place} looks who is at it: {look}",
            replace(world, lanes=_put(world.lanes, place, after)),
        )
        return
    if committed := _commit(world, lane):
        yield f"batch {place} commits", replace(committed, lanes=_put(world.lanes, place, None))


def _commit(world: World, lane: Lane) -> World | None:
    job = world.jobs[lane.job].job
    if lane.done:
        record = StepRecord(
            UUID(int=99), 0, 0, "text_to_image", StepStatus.DONE, 1, 1, "studio", "w", NOW, NOW, "k", {}, {}
        )
        return ask(world, lane.job, c.ReuseResolved(record, ()))
    if lane.leader is not None:
        after = ask(world, lane.job, c.EqualInFlight(world.jobs[lane.leader].job.id))
        return after and replace(after, leaders=_put(after.leaders, lane.job, lane.leader))
    first = may_share(job)
    others = [key.job for key in world.jobs if key.job.position == 0 and key.job.attempt == 1]
    at_it = any(other.lease is not None and not other.lease.canceling for other in others)
    lease = Lease(lane.job, UUID(int=1), UUID(int=1), "w", "studio", NOW, LATER)
    after = ask(world, lane.job, c.Start(lease))
    return after and replace(after, twice=world.twice or (first and (at_it or world.done == 1)))


def _of_job(world: World, number: int, job: Job, ways: Ways) -> Iterable[tuple[str, World]]:
    if job.lease is not None:
        if after := ask(world, number, c.Complete(number, (), {}, {"duration": 0}, "m", "1")):
            made = job.attempt if after.jobs[number].job.position else 0
            yield f"the result of job {number} arrives", replace(after, done=world.done or made)
        for kind in ("transient", "invalid") if world.faults < FAULTS_MAX else ():
            if after := ask(world, number, c.Fail(number, kind, "code", "message", 0.0)):
                yield f"job {number} fails: {kind}", replace(after, faults=world.faults + 1)
        over = world.faults < FAULTS_MAX or job.status is JobStatus.CANCELED
        if over and (after := ask(world, number, c.Expire(number, "lost_worker", 0.0))):
            yield f"job {number} loses its worker", replace(after, faults=min(world.faults + 1, FAULTS_MAX))
    if job.place is Place.DELAYED and (after := ask(world, number, c.RetryDue())):
        yield f"job {number} has waited", after
    if (
        job.status not in TERMINAL
        and world.faults < FAULTS_MAX
        and (after := ask(world, number, c.Cancel("usr_a")))
    ):
        yield f"a person cancels job {number}", replace(after, faults=world.faults + 1)
    leader = world.leaders[number]
    if leader is not None and ways.loop:
        ahead = world.jobs[leader].job
        if (ahead.position or not ways.leads(ahead)) and (after := ask(world, number, c.EqualEnded())):
            yield f"the loop lets job {number} look again", after


def wrong(world: World, stuck: bool) -> str | None:
    """Name the law that a state breaks."""
    if world.twice:
        return "two jobs did equal work, and neither had been tried"
    for leader, key in zip(world.leaders, world.jobs, strict=True):
        if (leader is not None) != (Hold.REUSE in key.job.holds):
            return "who waits is not in the table, or who is there does not wait"
    if stuck and (
        left := [
            key.job.status for key in world.jobs if key.job.status not in TERMINAL and not key.job.position
        ]
    ):
        return f"nothing can happen any more, and jobs are left: {left}"
    return None


def test_no_order_of_looks_and_ends_does_equal_work_twice_or_leaves_a_job_behind() -> None:
    """Leaders may fail, be canceled or lost at any moment: one job at a time does the step, and all of them end."""
    found = explore(Model(BEGINNING, happenings(Ways()), wrong))
    assert found.trace is None
    assert found.states > 5_000


def test_without_the_lock_two_batches_find_nobody() -> None:
    """The checker is worth something: each looks before the other has committed."""
    found = explore(Model(BEGINNING, happenings(Ways(lock=False)), wrong))
    assert found.trace is not None
    assert "equal work" in found.trace[-1]


def test_asked_the_other_way_round_who_ends_in_between_is_missed() -> None:
    """Not done yet, says the first look; nobody is at it, says the second."""
    found = explore(Model(BEGINNING, happenings(Ways(looks=("done", "running"))), wrong))
    assert found.trace is not None
    assert "equal work" in found.trace[-1]


def test_without_the_loop_who_waits_is_left_behind() -> None:
    """His leader has ended, and nobody tells him."""
    found = explore(Model(BEGINNING, happenings(Ways(loop=False)), wrong))
    assert found.trace is not None
    assert "left" in found.trace[-1]
