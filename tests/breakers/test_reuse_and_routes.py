"""What was done before needs no service, and what comes after it is not left with one that is away."""

from routed import Routed

from maquette.domain.job import Hold, JobStatus
from maquette.domain.typeid import decode
from maquette.services import context


async def test_equal_work_needs_no_service_and_leads_to_none_that_is_away(routed: Routed) -> None:
    """Submitted while its only services are away: the concept is taken over, and the job is held before refine at once."""
    house = routed.house
    body = {"routes": {"text_to_image": ["first"], "refine": ["second"]}}
    await context.put(house.deps, house.user, decode("prj", house.project), "routes", body)
    await house.gates()
    await routed.submit(seed=7)
    [task] = await routed.claim("first")
    await house.report(await house.succeeded(task))
    for service in ("first", "second"):
        await routed.change(service, forced="open", reason="an incident")
    view = await routed.submit(seed=7)
    assert [record.step for record in view.records if record.reused_from] == ["text_to_image"]
    assert (view.job.spec.name, view.job.status, view.job.holds) == (
        "refine",
        JobStatus.PAUSED,
        {Hold.SERVICE},
    )
