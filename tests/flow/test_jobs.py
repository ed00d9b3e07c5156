"""A job from brief to library, through the real transactor, store and objects."""

from house import House

from maquette.domain.job import JobStatus
from maquette.services import assets
from maquette.store import events as event_rows


async def test_a_3d_job_runs_to_an_indexed_asset(house: House) -> None:
    """Seven steps, two gates, one asset version with the files of every step."""
    view = await house.submit(library_path="characters/courier")
    assert view.job.status is JobStatus.QUEUED
    task = await house.work()
    assert task.step == "text_to_image"
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.AWAITING_REVIEW
    view = await house.review(view, "approved")
    for _ in range(5):
        await house.work()
    view = await house.view(view.job.id)
    assert (view.job.spec.name, view.job.status) == ("anim", JobStatus.AWAITING_REVIEW)
    view = await house.review(view, "approved")
    await house.work()
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.SUCCEEDED
    asset = await assets.get(house.deps, house.user, view.job.asset_id)
    assert (asset.library_path, asset.version) == ("characters/courier", 1)
    assert {file.role for file in asset.files} == {"image", "mesh", "clip", "model"}
    async with house.deps.database.connection() as connection:
        events = await event_rows.of_job(connection, view.job.id, 0, 1000)
    assert [event.sequence for event in events] == list(range(1, view.job.sequence + 1))
