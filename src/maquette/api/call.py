"""What every handler is given of its request: the parts, the caller, and how to answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response

from maquette.domain import typeid
from maquette.domain.errors import Invalid, NotFound
from maquette.domain.principal import Principal
from maquette.services.deps import Deps

LIMIT_MAX = 100

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request."""

    deps: Deps
    principal: Principal
    correlation_id: str
    root_path: str


async def authenticated(request: Request) -> Call:
    """Return the call that a request's bearer token stands for, bound to the permission rule of its operation.

    Errors: ``Unauthenticated`` when it stands for nobody; ``Forbidden`` when the operation is not for him, or has no rule.
    """
    deps: Deps = request.app.state.deps
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    known = await deps.identity.authenticate(token.strip() if scheme.lower() == "bearer" else None)
    scope = request.scope
    principal = known.under(scope["route"].operation_id)
    return Call(deps, principal, scope["state"]["correlation_id"], scope.get("root_path", ""))


Caller = Annotated[Call, Depends(authenticated)]
Cursor = Annotated[str | None, Query(max_length=60, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items in a page at most.")]


def answer(body: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response of plain values."""
    return Response(_encode(body), status, headers=headers, media_type="application/json")


def cursor_id(prefix: str, cursor: str | None) -> UUID | None:
    """Return the id that a page begins after; ``Invalid`` for what was never given out as a cursor."""
    if cursor is None:
        return None
    try:
        return typeid.decode(prefix, cursor)
    except NotFound:
        raise Invalid.field(("query", "cursor"), "must be the next_cursor of a page of this list") from None


def page(items: list[dict[str, Any]], limit: int) -> Response:
    """Return a page made of up to ``limit`` of the items; one more than that means that there is a next page."""
    shown = items[:limit]
    return answer({"items": shown, "next_cursor": shown[-1]["id"] if len(items) > limit else None})
