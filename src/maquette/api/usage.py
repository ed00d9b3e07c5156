"""Usage: what was spent."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from maquette.api.call import Caller, Limit, answer
from maquette.api.openapi import problems, success
from maquette.api.present import Fields
from maquette.api.shapes import quotas as shapes
from maquette.domain import typeid
from maquette.domain.ledger import CURRENCY, dollars
from maquette.services import usage
from maquette.store.usage import Spent

router = APIRouter(prefix="/usage", tags=["quotas"])


def _shown(item: Spent) -> Fields:
    return {
        "project_id": typeid.encode("prj", item.project_id),
        "day": None if item.day is None else item.day.isoformat(),
        "user": item.subject,
        "service": item.service,
        "cost": dollars(item.amount.micros),
        "gpu_seconds": item.amount.gpu_ms / 1000,
        "steps": item.steps,
    }


@router.get(
    "",
    operation_id="get_usage",
    summary="Read what was spent",
    response_class=Response,
    responses=success(shapes.UsagePage, "Sums of the ledger") | problems(401, 403, 404, 422, 503),
)
async def get_usage(
    call: Caller,
    project_id: Annotated[str | None, Query(max_length=60)] = None,
    since: Annotated[
        date | None, Query(alias="from", description="First day (UTC); by default of this month.")
    ] = None,
    to: Annotated[date | None, Query(description="Last day (UTC); by default today.")] = None,
    by: Annotated[list[Literal["day", "user", "service"]] | None, Query(max_length=3)] = None,
    cursor: Annotated[str | None, Query(max_length=600)] = None,
    limit: Limit = 50,
) -> Response:
    """Of one project or of all that the caller sees; by day unless `by` says otherwise, which may come several times."""
    found, (first, last) = await usage.spent(
        call.deps,
        call.principal,
        project=None if project_id is None else typeid.decode("prj", project_id),
        since=since,
        until=to,
        by=by or ["day"],
        cursor=cursor,
        limit=limit + 1,
    )
    shown = found[:limit]
    return answer(
        {
            "currency": CURRENCY,
            "since": first.isoformat(),
            "until": last.isoformat(),
            "items": [_shown(item) for item in shown],
            "next_cursor": usage.cursor_of(shown[-1]) if len(found) > limit else None,
        }
    )
