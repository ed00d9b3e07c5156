"""Jobs: submit, list, read, decide, hold, give up."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from maquette.api import present
from maquette.api.call import Call, Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.shapes import jobs as shapes
from maquette.domain import typeid
from maquette.domain.job import JobStatus
from maquette.services import jobs, reviews

router = APIRouter(prefix="/jobs", tags=["jobs"])


def shown(call: Call, view: jobs.JobView, *, history: bool = False) -> present.Fields:
    """Return a job as every endpoint shows it."""
    deps = call.deps
    return present.job(
        view,
        deps.objects,
        ttl_seconds=deps.limits.url_ttl_seconds,
        root_path=call.root_path,
        history=history,
    )


@router.get(
    "",
    operation_id="list_jobs",
    summary="List jobs, newest first",
    response_class=Response,
    responses=success(shapes.JobPage, "A page of jobs") | problems(401, 403, 404, 422, 503),
)
async def list_jobs(
    call: Caller,
    project_id: Annotated[str | None, Query(max_length=60)] = None,
    status: JobStatus | None = None,
    asset_type: Annotated[Literal["2D", "3D"] | None, Query()] = None,
    batch_id: Annotated[str | None, Query(max_length=60)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Jobs of one project, or of all that the caller sees."""
    views = await jobs.list_jobs(
        call.deps,
        call.principal,
        project=None if project_id is None else typeid.decode("prj", project_id),
        before=cursor_id("job", cursor),
        status=status,
        asset_type=asset_type,
        batch=None if batch_id is None else typeid.decode("bat", batch_id),
        limit=limit + 1,
    )
    return page([shown(call, view) for view in views], limit)


@router.get(
    "/{job_id}",
    operation_id="get_job",
    summary="Read a job",
    response_class=Response,
    responses=success(shapes.Job, "The job as it is now") | problems(401, 403, 404, 422, 503),
)
async def get_job(
    job_id: str,
    call: Caller,
    *,
    history: Annotated[bool, Query(description="Add superseded revisions of steps.")] = False,
) -> Response:
    """Show steps with their artifacts, decisions, progress, and where the job waits."""
    view = await jobs.get(call.deps, call.principal, typeid.decode("job", job_id))
    return answer(shown(call, view, history=history))


@router.post(
    "/{job_id}/review",
    operation_id="review_job",
    summary="Decide at a gate",
    response_class=Response,
    responses=success(shapes.Job, "The job after the decision")
    | problems(401, 403, 404, 409, 413, 415, 422, 503),
)
async def review_job(job_id: str, body: shapes.Review, call: Caller) -> Response:
    """Approve with a selection and hand-fixed files, reject with changes and a step to go back to, or pause.

    A decision that came too late is 409 `stale_review`; its member `decision` is the one that won.
    """
    wish = body.model_dump()
    view = await reviews.decide(call.deps, call.principal, typeid.decode("job", job_id), wish)
    return answer(shown(call, view))


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    summary="Give a job up",
    response_class=Response,
    responses=success(shapes.Job, "The canceled job") | problems(401, 403, 404, 409, 503),
)
async def cancel_job(job_id: str, call: Caller) -> Response:
    """End the job; a running attempt is told to stop. A job that has ended already is 409."""
    return answer(shown(call, await jobs.cancel(call.deps, call.principal, typeid.decode("job", job_id))))


@router.post(
    "/{job_id}/pause",
    operation_id="pause_job",
    summary="Hold a job",
    response_class=Response,
    responses=success(shapes.Job, "The held job") | problems(401, 403, 404, 409, 413, 415, 422, 503),
)
async def pause_job(job_id: str, call: Caller, body: shapes.Pause | None = None) -> Response:
    """Let a running attempt finish and be recorded, and start nothing further.

    With `before`, the job goes on until that step would begin, and is held then.
    """
    before = None if body is None else body.before
    view = await jobs.pause(call.deps, call.principal, typeid.decode("job", job_id), before)
    return answer(shown(call, view))


@router.post(
    "/{job_id}/resume",
    operation_id="resume_job",
    summary="Let a held job go on",
    response_class=Response,
    responses=success(shapes.Job, "The job, going on") | problems(401, 403, 404, 409, 413, 415, 422, 503),
)
async def resume_job(job_id: str, call: Caller, body: shapes.Resume | None = None) -> Response:
    """Go on where the job stood; on a job that runs, take back the hold before a later step.

    A job that is paused for `quota` because of its `max_cost` goes on with a higher one.
    """
    max_cost = None if body is None else body.max_cost
    return answer(
        shown(call, await jobs.resume(call.deps, call.principal, typeid.decode("job", job_id), max_cost))
    )
