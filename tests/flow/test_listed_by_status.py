"""Lists with filters show what the list without them shows, and are planned for what they filter."""

from collections.abc import Sequence
from uuid import UUID

from house import House

from maquette import wire
from maquette.domain.job import JobStatus
from maquette.domain.principal import Principal
from maquette.domain.typeid import decode
from maquette.services import jobs
from maquette.services.jobs import JobView
from maquette.store import assets, reading

_ENDS = ("succeeded", "failed", "canceled", "paused", "running", "queued")


async def test_each_status_lists_the_jobs_that_have_it(house: House) -> None:
    """Conditions that let indexes serve leave nobody out: for members and for operators, jobs of every status."""
    await house.gates()
    for end in _ENDS:
        view = await house.submit("2D")
        if end in {"succeeded", "failed", "running"}:
            [task] = await house.claim()
        if end == "succeeded":
            await house.report(await house.succeeded(task))
            while (await house.view(view.job.id)).job.status is not JobStatus.SUCCEEDED:
                await house.work()
        elif end == "failed":
            await house.report(
                wire.Outcome(task_id=task.task_id, fence=task.fence, status="failed", error_class="invalid")
            )
        elif end == "canceled":
            await jobs.cancel(house.deps, house.user, view.job.id)
        elif end == "paused":
            await jobs.pause(house.deps, house.user, view.job.id)
    operator = Principal("operator", "usr_op")
    for reader, project in ((house.user, None), (house.user, decode("prj", house.project)), (operator, None)):
        every = await _listed(house, reader, project, None)
        assert [view.job.status.value for view in reversed(every)] == list(_ENDS)
        for status in JobStatus:
            there = [view.job.id for view in every if view.job.status is status]
            assert [view.job.id for view in await _listed(house, reader, project, status)] == there


async def test_a_filtered_list_is_planned_for_its_filter_and_nothing_after_it(house: House) -> None:
    """A plan kept from lists without filters would read all rows; the next transaction has the server's own way again."""
    for read in (_failed_jobs, _assets_by_word):
        async with house.deps.database.tenant(house.user.memberships) as connection:
            await read(connection, list(house.user.memberships or ()))
            assert await connection.fetchval("show plan_cache_mode") == "force_custom_plan"
        async with house.deps.database.tenant(house.user.memberships) as connection:
            assert await connection.fetchval("show plan_cache_mode") == "auto"


async def _listed(
    house: House, reader: Principal, project: UUID | None, status: JobStatus | None
) -> Sequence[JobView]:
    return await jobs.list_jobs(
        house.deps, reader, project=project, before=None, status=status, asset_type=None, limit=50
    )


async def _failed_jobs(connection: reading.Connection, projects: list[UUID]) -> None:
    await reading.jobs(
        connection, projects, before=None, status="failed", asset_type=None, batch=None, limit=1
    )


async def _assets_by_word(connection: reading.Connection, projects: list[UUID]) -> None:
    await assets.page(
        connection,
        projects[0],
        before=None,
        asset_type=None,
        path=None,
        text="word",
        style_version=None,
        limit=1,
    )
