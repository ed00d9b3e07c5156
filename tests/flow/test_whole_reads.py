"""A job is shown as of one moment, whatever happens between the statements that read it."""

from typing import Any

import pytest
from house import House

from maquette.domain.job import JobStatus
from maquette.services import jobs
from maquette.store import reading


async def test_a_read_is_of_one_moment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that ends after the job's row was read has no files yet in that answer; the next one has them all."""
    job = (await house.submit("2D")).job
    [task] = await house.claim()
    attached = reading.attached
    done: list[Any] = []

    async def after_the_step_ended(*given: Any) -> Any:
        if not done:
            done.append(await house.report(await house.succeeded(task)))
        return await attached(*given)

    monkeypatch.setattr(reading, "attached", after_the_step_ended)
    for read in (house.view(job.id), _listed(house)):
        torn = await read
        assert (torn.job.status is JobStatus.RUNNING) == (not torn.artifacts), "row and files of two moments"
        assert len(torn.records) == len(torn.artifacts)
    whole = await house.view(job.id)
    assert (whole.job.status, len(whole.artifacts)) == (JobStatus.AWAITING_REVIEW, 1)


async def _listed(house: House) -> jobs.JobView:
    [view] = await jobs.list_jobs(
        house.deps, house.user, project=None, before=None, status=None, asset_type=None, limit=10
    )
    return view
