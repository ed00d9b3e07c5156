"""Reuse across jobs: equal work is done once, disclosed, and taken from nobody that it should not be taken from."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from house import House, furnish

from maquette.domain import typeid
from maquette.domain.errors import NotFound
from maquette.domain.job import JobStatus, StepStatus, step_id
from maquette.services.cleaning import Cleaning, drain
from maquette.services.jobs import JobView
from maquette.store import safety

SEED = 7
_DOCS = (Path(__file__).parents[2] / "docs" / "reuse.md").read_text()
EXAMPLE: dict[str, Any] = json.loads(_DOCS.split("```json")[1].split("```")[0])


async def finished(house: House, **more: Any) -> JobView:
    """Do a job's steps, each with the result that it always has, and approve what waits for it."""
    view = await house.submit(**{"asset_type": "2D", **more})
    while (view := await house.view(view.job.id)).job.finished_at is None:
        if view.job.gate_open:
            await house.review(view, "approved")
        else:
            [task] = await house.claim()
            await house.report(await house.succeeded(task, content=f"{task.step} as ever".encode()))
    await house.deps.transactor.board.exchange(house.deps.database)  # else: within half a second
    return view


def reused(view: JobView) -> list[str]:
    return [record.step for record in view.records if record.reused_from]


async def test_an_equal_job_runs_through_without_a_worker(house: House) -> None:
    """It ends in the transaction that records it: every step is the first job's, and says so."""
    first = await finished(house, seed=SEED)
    view = await house.submit("2D", seed=SEED)
    assert (view.job.status, reused(view)) == (JobStatus.SUCCEEDED, ["text_to_image", "refine", "export"])
    assert [record.reused_from for record in view.records] == [
        step_id(first.job.id, position, 0) for position in range(3)
    ]
    assert {record.metrics["cost_estimate"] for record in view.records} == {0}
    assert {(item.sha256, item.key) for item in view.artifacts} == {
        (item.sha256, item.key) for item in first.artifacts
    }
    assert not {item.id for item in view.artifacts} & {item.id for item in first.artifacts}
    assert view.job.asset_id == first.job.asset_id  # the same path: another version
    assert await house.claim() == []


async def test_the_example_of_the_docs(house: House) -> None:
    """Sent twice, the second job succeeds at once; without its seed it has to be done."""
    await finished(house, **EXAMPLE)
    assert (await house.submit(**EXAMPLE)).job.status is JobStatus.SUCCEEDED
    del EXAMPLE["seed"]
    assert (await house.submit(**EXAMPLE)).job.status is JobStatus.QUEUED


async def test_a_seed_that_was_drawn_is_found_by_who_copies_it(house: House) -> None:
    """The first job named none; the second names the one that was drawn."""
    first = await finished(house)
    drawn = first.row.inputs["seed"]
    assert reused(await house.submit("2D", seed=drawn)) == ["text_to_image", "refine", "export"]
    assert reused(await house.submit("2D", seed=drawn + 1)) == []


async def test_it_goes_on_where_it_differs(house: House) -> None:
    """A step with another parameter is done anew, and those before it are not."""
    await finished(house, seed=SEED)
    view = await house.submit("2D", seed=SEED, params={"export": {"formats": ["webp"]}})
    assert (view.job.spec.name, view.job.status, reused(view)) == (
        "export", JobStatus.RUNNING, ["text_to_image", "refine"],
    )  # fmt: skip


async def test_what_is_done_while_a_task_waits_is_found_by_its_claim(house: House) -> None:
    """Two equal jobs stand in line; the second is not given to a worker once the first is done."""
    await house.submit("2D", seed=SEED)
    second = await house.submit("2D", seed=SEED)
    await house.work()
    await house.deps.transactor.board.exchange(house.deps.database)
    assert await house.claim(steps=["text_to_image"]) == []
    view = await house.view(second.job.id)
    assert (view.job.spec.name, view.job.status, reused(view)) == (
        "refine", JobStatus.RUNNING, ["text_to_image"],
    )  # fmt: skip


@pytest.mark.parametrize("wish", [{"seed": SEED, "reuse": "never"}, {}], ids=["never", "drawn"])
async def test_who_does_not_want_to_does_it_anew(house: House, wish: dict[str, Any]) -> None:
    """By saying so, or by leaving the seed to chance; others may take from it all the same."""
    await finished(house, seed=SEED)
    view = await house.submit("2D", **wish)
    assert (view.job.status, reused(view)) == (JobStatus.QUEUED, [])


async def test_who_does_not_take_still_gives(house: House) -> None:
    """What a job did that was to do it all anew is good for others."""
    await finished(house, seed=SEED, reuse="never")
    assert len(reused(await house.submit("2D", seed=SEED))) == 3


async def test_nothing_is_taken_from_another_project(house: House) -> None:
    """Not even by the same person with the same brief."""
    await finished(house, seed=SEED)
    other = await furnish(house.deps)
    view = await other.submit("2D", seed=SEED)
    assert (view.job.status, reused(view)) == (JobStatus.QUEUED, [])


async def test_a_taker_meets_its_own_gate(house: House) -> None:
    """Another job's approval and choice are not this one's reviewer's."""
    await house.gates("text_to_image")
    await finished(house, seed=SEED)
    view = await house.submit("2D", seed=SEED)
    assert (view.job.status, reused(view)) == (JobStatus.AWAITING_REVIEW, ["text_to_image"])
    assert [(record.status, record.reused_from is not None) for record in view.records] == [
        (StepStatus.PAUSED, True)
    ]
    assert {item.selected for item in view.artifacts} == {None}
    view = await house.review(view, "approved")
    assert (view.job.status, len(reused(view))) == (JobStatus.SUCCEEDED, 3)


async def test_what_was_rejected_is_done_anew(house: House) -> None:
    """Neither what a reviewer rejected nor what nobody has decided about yet."""
    await house.gates("text_to_image")
    first = await house.submit("2D", seed=SEED)
    await house.work()
    await house.deps.transactor.board.exchange(house.deps.database)
    assert reused(await house.submit("2D", seed=SEED)) == []
    await house.review(await house.view(first.job.id), "rejected")
    assert reused(await house.submit("2D", seed=SEED)) == []


async def test_another_model_makes_it_unequal(house: House) -> None:
    """What the service did with an older version is not taken once it was seen to use a newer one."""
    await finished(house, seed=SEED)
    await house.submit("2D")
    [task] = await house.claim()
    await house.report(msgspec.structs.replace(await house.succeeded(task), model_version="2"))
    await house.deps.transactor.board.exchange(house.deps.database)
    assert reused(await house.submit("2D", seed=SEED)) == []


async def test_what_other_policies_allowed_is_done_anew(house: House) -> None:
    """And judged by those that hold now."""
    view = await finished(house, seed=SEED)
    async with house.deps.database.transaction() as connection:
        await connection.execute("update steps set safety = '0.0.0' where job_id = $1", view.job.id)
        assert await safety.versions(connection, [view.job.project_id])
    assert reused(await house.submit("2D", seed=SEED)) == []


async def clean(house: House, *categories: str, due: datetime) -> None:
    """Let go what ended before a moment."""
    project = typeid.decode("prj", house.project)
    run = Cleaning(
        house.deps.database,
        house.deps.objects,
        project,
        dict.fromkeys(categories, due),
        dry_run=False,
        seconds_max=30.0,
    )
    assert await run.run()


async def test_what_retention_took_is_done_anew(house: House) -> None:
    """A deleted job leaves the files that the library shows, which are not all that a step made."""
    view = await finished(house, seed=SEED)
    await clean(house, "jobs", due=datetime.now(UTC) + timedelta(seconds=1))
    assert reused(await house.submit("2D", seed=SEED)) == []
    async with house.deps.database.connection() as connection:
        left = await connection.fetchval("select count(*) from reuse_keys where job_id = $1", view.job.id)
    assert left == 0


async def test_what_is_doomed_is_not_taken(house: House) -> None:
    """A file on its way out is no work to begin from."""
    view = await finished(house, seed=SEED)
    async with house.deps.database.transaction() as connection:
        await connection.execute(
            "insert into doomed_objects (key, project_id, doomed_at) values ($1, $2, now())",
            view.artifacts[0].key,
            view.job.project_id,
        )
    assert reused(await house.submit("2D", seed=SEED)) == []


async def test_files_that_were_taken_over_outlive_their_maker(house: House) -> None:
    """The maker's job goes, with the keys of its files; what somebody took over is referred to and stays."""
    first = await finished(house, seed=SEED)
    taker = await house.submit("2D", seed=SEED)
    assert taker.job.finished_at is not None
    await clean(house, "jobs", due=taker.job.finished_at)
    with pytest.raises(NotFound):
        await house.view(first.job.id)
    while await drain(house.deps.database, house.deps.objects, grace_seconds=0.0):
        pass
    stored = {item.key async for item in house.deps.objects.list()}
    assert {item.key for item in first.artifacts} <= stored


async def test_a_hand_fixed_step_is_its_own_jobs(house: House) -> None:
    """What a reviewer put in a file's place is no service's work: another job does the step anew."""
    view = await finished(house, seed=SEED)
    [made, *_] = [item for item in view.artifacts if item.position == 0]
    async with house.deps.database.transaction() as connection:
        await connection.execute(
            "update artifacts set replaced_by = gen_random_uuid() where id = $1", made.id
        )
    assert reused(await house.submit("2D", seed=SEED)) == []
