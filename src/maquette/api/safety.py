"""Safety: policies by version, decisions, appeals, overrides."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import safety as shapes
from maquette.domain import typeid
from maquette.domain.ruling import Stage
from maquette.services import safety
from maquette.store.safety import Filter, PolicyRow, RulingRow

router = APIRouter(tags=["safety"])

_READ = problems(401, 403, 404, 422, 503)
_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)
_POLICY = Body(
    description="A policy: docs/safety.md says what it may hold.",
    openapi_examples={
        "asked": {
            "summary": "When a moderator outside is asked",
            "value": {"moderator": {"stages": ["output"]}},
        }
    },
)


def _shown_policy(row: PolicyRow | None) -> Fields:
    return {
        "version": row.version if row else 0,
        "policy": row.body if row else {},
        "created_at": moment(row.created_at) if row else None,
        "created_by": row.created_by if row else None,
    }


def _id(prefix: str, found: Any) -> str | None:
    return None if found is None else typeid.encode(prefix, found)


def _shown(row: RulingRow) -> Fields:
    item = row.ruling
    return {
        "id": typeid.encode("sdc", item.id),
        "project_id": typeid.encode("prj", item.project_id),
        "at": moment(item.at),
        "stage": item.stage,
        "verdict": item.verdict,
        "in_force": row.in_force,
        "categories": list(item.categories),
        "policy": item.policy or None,
        "moderators": list(item.moderators),
        "evidence": list(item.evidence),
        "subject": item.subject,
        "decided_by": item.by,
        "decidable_by": safety.decidable_by(row),
        "correlation_id": item.correlation_id,
        "job_id": _id("job", item.job_id),
        "position": item.position,
        "revision": item.revision,
        "upload_id": _id("upl", item.upload_id),
        "artifact_id": _id("art", item.artifact_id),
        "appeal": row.appeal
        and {"reason": row.appeal.reason, "by": row.appeal.by, "at": moment(row.appeal.at)},
        "overrides": [
            {"verdict": said.verdict, "reason": said.reason, "by": said.by, "at": moment(said.at)}
            for said in row.overrides
        ],
    }


@router.get(
    "/projects/{project_id}/safety",
    operation_id="get_project_safety",
    summary="Read the safety policy",
    response_class=Response,
    responses=success(shapes.Policy, "A version of it") | _READ,
)
async def get_project_safety(
    project_id: str, call: Caller, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> Response:
    """Version 0 is none of its own: the floor and the platform's policy hold."""
    project = typeid.decode("prj", project_id)
    return answer(_shown_policy(await safety.project_policy(call.deps, call.principal, project, version)))


@router.put(
    "/projects/{project_id}/safety",
    operation_id="put_project_safety",
    summary="Set the safety policy",
    response_class=Response,
    responses=success(shapes.Policy, "The new version") | problems(401, 403, 404, 413, 415, 422, 503),
)
async def put_project_safety(
    project_id: str, body: Annotated[dict[str, Any], _POLICY], call: Caller
) -> Response:
    """Make the next version. It holds at once, for jobs under way, too, and never lowers the platform's."""
    project = typeid.decode("prj", project_id)
    return answer(_shown_policy(await safety.put_project_policy(call.deps, call.principal, project, body)))


@router.get(
    "/safety/policy",
    operation_id="get_safety_policy",
    summary="Read the platform's safety policy",
    response_class=Response,
    responses=success(shapes.Policy, "A version of it") | _READ,
)
async def get_safety_policy(
    call: Caller, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> Response:
    """Version 0 is none: of the platform, the shipped floor alone holds."""
    return answer(_shown_policy(await safety.platform_policy(call.deps, version)))


@router.put(
    "/safety/policy",
    operation_id="put_safety_policy",
    summary="Set the platform's safety policy",
    response_class=Response,
    responses=success(shapes.Policy, "The new version") | problems(401, 403, 413, 415, 422, 503),
)
async def put_safety_policy(body: Annotated[dict[str, Any], _POLICY], call: Caller) -> Response:
    """Make the next version: over the shipped floor, below every project's."""
    return answer(_shown_policy(await safety.put_platform_policy(call.deps, call.principal, body)))


@router.get(
    "/safety/decisions",
    operation_id="list_safety_decisions",
    summary="List safety decisions, newest first",
    response_class=Response,
    responses=success(shapes.DecisionPage, "A page of decisions") | _READ,
)
async def list_safety_decisions(
    call: Caller,
    project_id: Annotated[str | None, Query(max_length=60)] = None,
    job_id: Annotated[str | None, Query(max_length=60)] = None,
    stage: shapes.Stage | None = None,
    in_force: Annotated[shapes.Answer | None, Query(description="`hold`: what waits for a person.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    *,
    appealed: bool | None = None,
) -> Response:
    """All but plain allows, which jobs show as the policies' versions."""
    rows = await safety.list_rulings(
        call.deps,
        call.principal,
        None if project_id is None else typeid.decode("prj", project_id),
        Filter(
            stage=None if stage is None else Stage(stage),
            in_force=in_force,
            job_id=None if job_id is None else typeid.decode("job", job_id),
            appealed=appealed,
        ),
        before=cursor_id("sdc", cursor),
        limit=limit + 1,
    )
    return page([_shown(row) for row in rows], limit)


@router.post(
    "/safety/decisions",
    operation_id="block_artifact",
    summary="Take a file away",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(shapes.Decision, "The decision, with your word on it", status=201) | _WRITE,
)
async def block_artifact(body: shapes.BlockBody, call: Caller) -> Response:
    """Block a file that was allowed: nobody reads it from now on, in the job, in the library, in steps to come.

    Links that were given out before work until they end.
    """
    artifact = typeid.decode("art", body.artifact_id)
    made = await safety.block_artifact(
        call.deps, call.principal, artifact, body.reason, tuple(body.categories)
    )
    return answer(_shown(made), HTTPStatus.CREATED)


@router.get(
    "/safety/decisions/{decision_id}",
    operation_id="get_safety_decision",
    summary="Read a safety decision",
    response_class=Response,
    responses=success(shapes.Decision, "The decision as it stands") | _READ,
)
async def get_safety_decision(decision_id: str, call: Caller) -> Response:
    """Show what was found where, by which policies, and what people said of it."""
    ruling = typeid.decode("sdc", decision_id)
    return answer(_shown(await safety.get_ruling(call.deps, call.principal, ruling)))


@router.post(
    "/safety/decisions/{decision_id}/appeal",
    operation_id="appeal_safety_decision",
    summary="Appeal against a safety decision",
    response_class=Response,
    responses=success(shapes.Decision, "The decision with the appeal") | _WRITE,
)
async def appeal_safety_decision(decision_id: str, body: shapes.AppealBody, call: Caller) -> Response:
    """Say why it should be another, once. Whoever may override it finds it by `?appealed=true`."""
    ruling = typeid.decode("sdc", decision_id)
    return answer(_shown(await safety.appeal(call.deps, call.principal, ruling, body.reason)))


@router.post(
    "/safety/decisions/{decision_id}/override",
    operation_id="override_safety_decision",
    summary="Override a safety decision",
    response_class=Response,
    responses=success(shapes.Decision, "The decision as it stands now") | _WRITE,
)
async def override_safety_decision(decision_id: str, body: shapes.OverrideBody, call: Caller) -> Response:
    """Let your word hold: a held job goes on or fails, a blocked prompt passes from now on, files are shown or not.

    What the platform's own rules found is for its operators. When somebody else was first, it is 409
    `stale_safety_decision`.
    """
    ruling = typeid.decode("sdc", decision_id)
    word = safety.Word(body.verdict, body.reason, body.in_force)
    return answer(_shown(await safety.override(call.deps, call.principal, ruling, word)))
