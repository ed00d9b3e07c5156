"""Handlers that are called directly answer like those that the framework calls."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Query, Response
from live_api import Live

from maquette.api.call import Caller
from maquette.api.direct import DirectRoute
from maquette.api.submission import submit_job

BODIES = (
    b"",
    b"null",
    b"[]",
    b'"a brief"',
    b"{}",
    b'{"project_id": 5, "asset_type": "3D", "prompt": "a robot", "variants": "many", "provide": {"refine": []}}',
    b'{"project_id": "prj_x", "asset_type": "3D", "prompt": "a robot", "unheard": 1}',
    json.dumps({f"x{number}": number for number in range(40)}).encode(),
)


async def test_what_is_wrong_with_a_body_is_told_as_the_framework_tells_it(live: Live) -> None:
    """The same statuses, codes, places and words, for bodies that are missing, no object, or wrong in some fields."""
    live.app.add_api_route(
        "/framework", submit_job, methods=["POST"], operation_id="submit_job", response_class=Response
    )
    for body in BODIES:
        told = []
        for path in ("/jobs", "/framework"):
            answer = await live.user.post(path, content=body, headers={"content-type": "application/json"})
            told.append(answer.json() | {"instance": "", "request_id": ""})
        assert told[0]["status"] == 422, body
        assert told[0] == told[1], body


async def test_who_is_nobody_is_told_so_before_the_body_is_looked_at(live: Live) -> None:
    """Authentication comes first, as everywhere."""
    answer = await live.user.post("/jobs", json={"no": "brief"}, headers={"authorization": "Bearer mq_no"})
    assert answer.status_code == 401


def test_what_cannot_be_given_directly_is_refused_at_definition() -> None:
    """A query parameter would silently never be read."""
    router = APIRouter(route_class=DirectRoute)

    async def handler(call: Caller, limit: Annotated[int, Query()] = 5) -> Any:
        return call, limit

    with pytest.raises(TypeError, match="limit cannot be given directly"):
        router.post("/things")(handler)
