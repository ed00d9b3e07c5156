"""What the OpenAPI document says besides the shapes: problems, examples, credentials."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from maquette import wire
from maquette.api import problems as documents
from maquette.api.shapes.examples import EXAMPLES
from maquette.domain import asyncapi
from maquette.domain.errors import (
    BudgetExhausted,
    Conflict,
    Detail,
    Expired,
    Forbidden,
    Invalid,
    MaquetteError,
    NotFound,
    QuotaExceeded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from maquette.domain.permissions import RULES

Responses = dict[int | str, dict[str, Any]]

TITLE = "Maquette"
DESCRIPTION = """\
Backend orchestrator for generative 2D and 3D asset pipelines: jobs made of steps, gates where people decide,
and a versioned library of assets.

Bodies are JSON in lower_snake_case, times RFC 3339 in UTC, ids TypeIDs (`job_…`, `ast_…`). Every error is an
RFC 9457 problem document with a stable `code`."""
TAGS = [
    {"name": "jobs", "description": "Submit a brief and follow it to the asset."},
    {"name": "dead letters", "description": "What failed for good, to be tried again or given up."},
    {"name": "assets", "description": "The versioned library."},
    {"name": "projects", "description": "The tenant and its context: style DNA, constraints, gates, routes."},
    {"name": "identity", "description": "Who may ask: keys, members, tokens of workers."},
    {
        "name": "safety",
        "description": "Content policies, what was decided by them, and what people say of it.",
    },
    {
        "name": "quotas",
        "description": "What projects and their users may have and spend, and what they spent.",
    },
    {"name": "audit", "description": "What was administered, by whom."},
    {"name": "uploads", "description": "Reference images."},
    {"name": "services", "description": "Who does the steps, and what waits for them."},
    {"name": "webhooks", "description": "Addresses that a project's events are sent to."},
    {"name": "sinks", "description": "Where all events are published to; for operators."},
    {"name": "worker", "description": "The protocol of workers; use the SDK."},
    {"name": "files", "description": "Stored files behind signed links."},
    {"name": "health", "description": "For those who operate Maquette."},
]
_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, as `Authorization: Bearer mq_…`; workers send their token the same way.",
    }
}
_SAMPLES: tuple[MaquetteError, ...] = (
    Unauthenticated("Send an API key as `Authorization: Bearer …`."),
    Forbidden("This key may not do that."),
    NotFound("There is no such job."),
    Expired("The file of this artifact was deleted, as the project's retention policy has it."),
    documents.MethodNotAllowed("This address does not know the method."),
    Conflict("The job has ended already."),
    TooLarge("The body may have 1048576 bytes at most."),
    documents.UnsupportedMediaType("The body must be JSON."),
    documents.RangeNotSatisfiable("The file has 10 bytes; the range lies outside of it."),
    Invalid("body.prompt: Field required", details=[Detail(("body", "prompt"), "Field required", "missing")]),
    BudgetExhausted("The project has not enough left of this month's budget."),
    QuotaExceeded("The project has as many open jobs as it may have."),
    documents.InternalError("Something went wrong on our side."),
    Unavailable("The database is away."),
)
#: Wire types have names of their own beside the shapes (both know a Progress).
_WIRE_TEMPLATE = "#/components/schemas/Worker{name}"
_WIRE_TYPES = (
    wire.Claim,
    wire.ClaimAnswer,
    wire.Heartbeat,
    wire.HeartbeatAnswer,
    wire.OutcomesRequest,
    wire.OutcomesAnswer,
    wire.UploadsRequest,
    wire.UploadsAnswer,
)
_EXAMPLES = {
    int(documents.status_of(type(sample))): documents.document(
        sample, path="/jobs", request_id="4f0c2d9ab3f14e0d8f6f6a4f0c2d9ab3"
    )
    for sample in _SAMPLES
}
_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem document.",
    "required": [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "retryable",
        "request_id",
        "details",
    ],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string", "description": "What is wrong, for programs; see docs/errors.md."},
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later."},
        "request_id": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}


def problems(*statuses: int) -> Responses:
    """Return the ``responses`` entries of a route that can answer these statuses with a problem."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                documents.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": _EXAMPLES[status],
                }
            },
        }
        for status in statuses
    }


def success(model: type, description: str, *, status: int = 200, headers: tuple[str, ...] = ()) -> Responses:
    """Return the ``responses`` entry of a JSON success: a shape or a wire type, with its example."""
    entry: dict[str, Any] = {"description": description}
    if issubclass(model, msgspec.Struct):
        entry["content"] = {"application/json": wire_content(model)}
    else:
        entry["model"] = model
        entry["content"] = {"application/json": {"examples": _example(model.__name__)}}
    if headers:
        entry["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return {status: entry}


def redirect(description: str) -> Responses:
    """Return the ``responses`` entry of a 302."""
    location = {"schema": {"type": "string", "format": "uri-reference"}}
    return {302: {"description": description, "headers": {"Location": location}}}


def nothing(description: str) -> Responses:
    """Return the ``responses`` entry of a 204."""
    return {204: {"description": description}}


def text(media_type: str, example: str, description: str, *, status: int = 200) -> Responses:
    """Return the ``responses`` entry of a success that is no JSON."""
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {status: {"description": description, "content": content}}


def wire_content(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return a body that is a wire type, with its example."""
    return {
        "schema": {"$ref": _WIRE_TEMPLATE.format(name=kind.__name__)},
        "examples": _example(f"Worker{kind.__name__}"),
    }


def _example(name: str) -> dict[str, Any]:
    # By reference, because the framework drops every null inside of an example.
    return {"example": {"$ref": f"#/components/examples/{name}"}}


def install(app: FastAPI, root_path: str) -> None:
    """Make the app describe itself: problems instead of the framework's own errors, and how to authenticate."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, root_path)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # the documented way to extend the document
    events = JSONResponse(asyncapi.document(app.version))

    async def describe_events(_request: Request) -> Response:
        return events

    app.add_route("/asyncapi.json", describe_events, include_in_schema=False)


def _document(app: FastAPI, root_path: str) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    if root_path:
        found["servers"] = [{"url": root_path}]
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    _, wired = msgspec.json.schema_components(_WIRE_TYPES, ref_template=_WIRE_TEMPLATE)
    schemas.update({f"Worker{name}": schema for name, schema in wired.items()})
    components["securitySchemes"] = _SCHEMES
    components["examples"] = {name: {"value": example} for name, example in EXAMPLES.items()}
    for item in found["paths"].values():
        for operation in item.values():
            rule = RULES.get(operation["operationId"])
            if rule is None or rule.kinds:
                operation["security"] = [{"key": []}]
            responses = operation["responses"]
            responses["500"] = problems(500)[500]
            if "422" in responses:  # ours, or the framework's where it found something to validate
                responses["422"] = problems(422)[422]
    return found
