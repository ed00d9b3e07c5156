"""For each command a short story that leads up to it: what is there before, and the act that brings it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from house import WORKER, House

from maquette import wire
from maquette.domain import commands as c
from maquette.domain.job import Hold, Job, JobStatus, Place
from maquette.domain.principal import Principal
from maquette.domain.review import GatePolicy, Then
from maquette.domain.typeid import decode
from maquette.services import context, dead_letters, execution, jobs, safety
from maquette.services.safety import Word
from maquette.store import dead_letters as letters

Act = Callable[[], Awaitable[Any]]
OPERATOR = Principal("operator", "usr_operator")
SEED = 7
NOBODY = UUID(int=0)


@dataclass
class Stage:
    """One telling: a project of its own, its jobs, and what the worker holds. An act may be asked for again."""

    house: House
    job_id: UUID = NOBODY
    tasks: list[wire.Task] = field(default_factory=list)
    """What the act leased."""

    async def submit(self, asset_type: str = "2D", **more: Any) -> Job:
        """Submit the shortest job there is."""
        wish = {"seed": SEED, "skip": ["refine"], **more}
        job = (await self.house.submit(asset_type, **wish)).job
        self.job_id = job.id
        return job

    async def claim(self) -> wire.Task:
        [task] = await self.house.claim(services=["studio", "other"])
        return task

    async def work(self) -> None:
        """Do the next step with the result that it always has."""
        await self.report(await self.done(await self.claim()))

    async def done(self, task: wire.Task) -> wire.Outcome:
        return await self.house.succeeded(task, content=f"{task.step} as ever".encode())

    async def report(self, outcome: wire.Outcome) -> None:
        answer = await self.house.report(outcome)
        assert [item.verdict for item in answer.verdicts] == ["applied"], answer

    async def job(self) -> Job:
        return (await self.house.view(self.job_id)).job

    def apply(self, command: c.Command) -> Act:
        return lambda: self.house.deps.transactor.apply(self.job_id, command)

    async def fence(self) -> int | None:
        async with self.house.deps.database.connection() as connection:
            found: int | None = await connection.fetchval(
                "select fence from leases where job_id = $1", self.job_id
            )
        return found

    async def run_sql(self, statement: str) -> None:
        async with self.house.deps.database.transaction() as connection:
            await connection.execute(statement, self.job_id)


def failure(task: wire.Task, error_class: str) -> wire.Outcome:
    return wire.Outcome(
        task_id=task.task_id, fence=task.fence, status="failed", error_class=error_class, error_code="boom"
    )


async def create(stage: Stage) -> Act:
    return stage.submit


async def start(stage: Stage) -> Act:
    await stage.submit()
    wish = stage.house.wish(1)

    async def act() -> None:
        nonlocal wish
        asked, wish = wish, msgspec.structs.replace(wish, retried=True)
        stage.tasks = (await execution.claim(stage.house.deps, WORKER, asked)).tasks

    return act


async def reuse_resolved(stage: Stage) -> Act:
    await stage.house.gates("retopo")
    await stage.submit("3D", skip=["refine", "rig", "anim"])
    for _ in range(3):
        await stage.work()
    await stage.house.review(await stage.house.view(stage.job_id), "rejected", rewind_to="text_to_image")
    await stage.work()
    wish = stage.house.wish(1)

    async def act() -> None:
        nonlocal wish
        asked, wish = wish, msgspec.structs.replace(wish, retried=True)
        stage.tasks = (await execution.claim(stage.house.deps, WORKER, asked)).tasks
        assert [task.step for task in stage.tasks] == ["retopo"]

    return act


async def complete(stage: Stage) -> Act:
    await stage.submit()
    task = await stage.claim()
    outcome = await stage.done(task)
    return lambda: stage.report(outcome)


async def fail(stage: Stage) -> Act:
    await stage.submit()
    task = await stage.claim()
    return lambda: stage.report(failure(task, "transient"))


async def acknowledge(stage: Stage) -> Act:
    await stage.submit()
    task = await stage.claim()
    await jobs.cancel(stage.house.deps, stage.house.user, stage.job_id)
    outcome = wire.Outcome(task_id=task.task_id, fence=task.fence, status="canceled")
    return lambda: stage.house.report(outcome)


async def expire(stage: Stage) -> Act:
    await stage.submit()
    task = await stage.claim()
    return stage.apply(c.Expire(task.fence, "lost_worker", 0.5))


async def retry_due(stage: Stage) -> Act:
    await (await fail(stage))()
    await stage.run_sql("update delayed set due_at = now() where job_id = $1")
    await stage.run_sql("update jobs set retry_at = now() where id = $1")
    return stage.apply(c.RetryDue())


async def at_gate(stage: Stage, policy: GatePolicy | None = None) -> None:
    await stage.house.gates("text_to_image", policies={"text_to_image": policy} if policy else None)
    await stage.submit()
    await stage.work()


async def review(stage: Stage) -> Act:
    await at_gate(stage)
    view = await stage.house.view(stage.job_id)
    return lambda: stage.house.review(view, "rejected", notes="again")


async def gate_timeout(stage: Stage) -> Act:
    await at_gate(stage, GatePolicy(60, Then.APPROVE))
    job = await stage.job()
    await stage.run_sql("update jobs set gate_since = gate_since - interval '1 hour' where id = $1")
    return stage.apply(c.GateTimeout(job.spec.name, job.revision))


async def pause(stage: Stage) -> Act:
    await stage.submit()
    return lambda: jobs.pause(stage.house.deps, stage.house.user, stage.job_id)


async def resume(stage: Stage) -> Act:
    await (await pause(stage))()
    return lambda: jobs.resume(stage.house.deps, stage.house.user, stage.job_id)


async def quota_exhausted(stage: Stage) -> Act:
    await stage.submit()
    return stage.apply(c.QuotaExhausted("cost_per_month"))


async def quota_available(stage: Stage) -> Act:
    await (await quota_exhausted(stage))()
    return stage.apply(c.QuotaAvailable())


async def routed(stage: Stage) -> None:
    body = {"routes": {"text_to_image": ["studio", "other"]}}
    await context.put(stage.house.deps, stage.house.user, decode("prj", stage.house.project), "routes", body)
    await stage.submit()


async def reroute(stage: Stage) -> Act:
    await routed(stage)
    return stage.apply(c.Reroute("other", "studio is away"))


async def no_route(stage: Stage) -> Act:
    await routed(stage)
    return stage.apply(c.NoRoute("all are away"))


async def route_available(stage: Stage) -> Act:
    await (await no_route(stage))()
    return stage.apply(c.RouteAvailable())


async def equal_in_flight(stage: Stage) -> Act:
    await stage.submit()
    await stage.claim()
    return stage.submit


async def equal_ended(stage: Stage) -> Act:
    await stage.submit()
    leader, _ = stage.job_id, await stage.claim()
    await stage.submit()
    await jobs.cancel(stage.house.deps, stage.house.user, leader)
    return stage.apply(c.EqualEnded())


async def cancel(stage: Stage) -> Act:
    await stage.submit()
    await stage.claim()
    return lambda: jobs.cancel(stage.house.deps, stage.house.user, stage.job_id)


async def safety_decided(stage: Stage) -> Act:
    await stage.submit(prompt="maybe a robot")
    found = await safety.list_rulings(
        stage.house.deps, OPERATOR, decode("prj", stage.house.project), safety.Filter(), before=None, limit=1
    )
    word = Word("allow", "it is a toy")
    return lambda: safety.override(stage.house.deps, OPERATOR, found[0].ruling.id, word)


async def failed(stage: Stage) -> UUID:
    await stage.submit()
    await stage.report(failure(await stage.claim(), "invalid"))
    async with stage.house.deps.database.connection() as connection:
        [letter] = await letters.page(
            connection, None, before=None, status="open", step=None, job=stage.job_id, limit=1
        )
    return letter.id


async def redrive(stage: Stage) -> Act:
    letter = await failed(stage)
    return lambda: dead_letters.redrive(stage.house.deps, stage.house.user, letter)


async def discard(stage: Stage) -> Act:
    letter = await failed(stage)
    return lambda: dead_letters.discard(stage.house.deps, stage.house.user, letter, "a mistake")


#: What leads up to each command. A test holds it to naming every one there is.
SCENARIOS: Mapping[type[c.Command], Callable[[Stage], Awaitable[Act]]] = {
    c.Create: create,
    c.Start: start,
    c.ReuseResolved: reuse_resolved,
    c.Complete: complete,
    c.Fail: fail,
    c.Acknowledge: acknowledge,
    c.Expire: expire,
    c.RetryDue: retry_due,
    c.Review: review,
    c.GateTimeout: gate_timeout,
    c.Pause: pause,
    c.Resume: resume,
    c.QuotaExhausted: quota_exhausted,
    c.QuotaAvailable: quota_available,
    c.Reroute: reroute,
    c.NoRoute: no_route,
    c.RouteAvailable: route_available,
    c.EqualInFlight: equal_in_flight,
    c.EqualEnded: equal_ended,
    c.Cancel: cancel,
    c.SafetyDecided: safety_decided,
    c.Redrive: redrive,
    c.Discard: discard,
}

#: What lets a job go on that is held for a reason.
_LETS_GO: Mapping[Hold, c.Command] = {
    Hold.DECISION: c.Resume("usr_test"),
    Hold.QUOTA: c.QuotaAvailable(),
    Hold.SERVICE: c.RouteAvailable(),
    Hold.REUSE: c.EqualEnded(),
}


async def converge(stage: Stage) -> Job:
    """Let everybody do what they would do now, until the job has ended and nobody holds anything of it."""
    for task in stage.tasks:
        await stage.report(await stage.done(task))
    for _ in range(20):
        job = await stage.job()
        if (fence := await stage.fence()) is not None:
            await stage.apply(c.Expire(fence, "lost_worker", 0.5))()
        elif job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}:
            return job
        elif job.status is JobStatus.AWAITING_REVIEW:
            await stage.house.review(await stage.house.view(stage.job_id), "approved")
        elif job.place is Place.DELAYED:
            await stage.run_sql("update jobs set retry_at = now() where id = $1")
            await stage.apply(c.RetryDue())()
        elif job.place is Place.READY:
            await stage.work()
        else:
            for hold in sorted(job.holds & set(_LETS_GO)):
                await stage.apply(_LETS_GO[hold])()
    raise AssertionError(f"it does not end: {await stage.job()}")
