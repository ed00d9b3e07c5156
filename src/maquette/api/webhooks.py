"""Webhooks: endpoints of a project, their secrets, and the log of what was sent."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from maquette.api.call import Caller, Cursor, Limit, answer, cursor_id, page
from maquette.api.openapi import nothing, problems, success
from maquette.api.present import Fields, moment
from maquette.api.shapes import webhooks as shapes
from maquette.domain import typeid
from maquette.services import webhooks
from maquette.services.webhooks import WithSecret
from maquette.store.deliveries import Delivery
from maquette.store.webhooks import Webhook

router = APIRouter(tags=["webhooks"])

_READ = problems(401, 403, 404, 422, 503)
_ACT = problems(401, 403, 404, 409, 503)
_WRITE = problems(401, 403, 404, 409, 413, 415, 422, 503)


def _shown(item: Webhook) -> Fields:
    return {
        "id": typeid.encode("whk", item.id),
        "project_id": typeid.encode("prj", item.project_id),
        "job_id": None if item.job_id is None else typeid.encode("job", item.job_id),
        "url": item.url,
        "name": item.name,
        "events": list(item.events),
        "status": "enabled" if item.disabled_at is None else "disabled",
        "disabled_at": moment(item.disabled_at),
        "disabled_reason": item.disabled_reason,
        "failing_since": moment(item.failing_since),
        "throttled_until": moment(item.throttled_until),
        "secrets_overlap_until": moment(item.signing.overlap_until),
        "created_at": moment(item.created_at),
        "created_by": item.created_by,
    }


def _shown_with_secret(item: WithSecret) -> Fields:
    return {**_shown(item.webhook), "secret": item.secret}


def _shown_delivery(item: Delivery) -> Fields:
    return {
        "id": typeid.encode("whd", item.id),
        "webhook_id": typeid.encode("whk", item.webhook_id),
        "event_id": typeid.encode("evt", item.event_id),
        "event_type": item.event_type,
        "sequence": item.sequence,
        "status": item.status,
        "created_at": moment(item.created_at),
        "finished_at": moment(item.finished_at),
        "next_attempt_at": moment(item.due_at) if item.status == "pending" else None,
        "attempts": [
            {
                "attempt": attempt.number,
                "at": moment(attempt.at),
                "duration_ms": attempt.duration_ms,
                "status_code": attempt.status_code,
                "error": attempt.error,
                "next_attempt_at": moment(attempt.next_at),
            }
            for attempt in item.attempts
        ],
    }


@router.post(
    "/webhooks",
    operation_id="create_webhook",
    summary="Make a webhook",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=success(
        shapes.NewWebhook,
        "The webhook with its secret, which is shown this once",
        status=201,
        headers=("Location",),
    )
    | problems(401, 403, 404, 413, 415, 422, 429, 503),
)
async def create_webhook(body: shapes.WebhookCreation, call: Caller) -> Response:
    """Send the project's events to an address from now on."""
    made = await webhooks.create(
        call.deps,
        call.principal,
        typeid.decode("prj", body.project_id),
        url=body.url,
        name=body.name,
        events=body.events,
    )
    shown = _shown_with_secret(made)
    return answer(shown, HTTPStatus.CREATED, {"location": f"{call.root_path}/webhooks/{shown['id']}"})


@router.get(
    "/webhooks",
    operation_id="list_webhooks",
    summary="List webhooks, newest first",
    response_class=Response,
    responses=success(shapes.WebhookPage, "A page of webhooks") | _READ,
)
async def list_webhooks(
    call: Caller,
    project_id: Annotated[str | None, Query(max_length=60)] = None,
    job_id: Annotated[str | None, Query(max_length=60, description="The one of this job instead.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Those of one project, or of all that the caller sees."""
    found = await webhooks.list_webhooks(
        call.deps,
        call.principal,
        project=None if project_id is None else typeid.decode("prj", project_id),
        job=None if job_id is None else typeid.decode("job", job_id),
        before=cursor_id("whk", cursor),
        limit=limit + 1,
    )
    return page([_shown(item) for item in found], limit)


@router.get(
    "/webhooks/{webhook_id}",
    operation_id="get_webhook",
    summary="Read a webhook",
    response_class=Response,
    responses=success(shapes.Webhook, "The webhook as it is now") | problems(401, 403, 404, 503),
)
async def get_webhook(webhook_id: str, call: Caller) -> Response:
    """Without its secret."""
    return answer(_shown(await webhooks.get(call.deps, call.principal, typeid.decode("whk", webhook_id))))


@router.patch(
    "/webhooks/{webhook_id}",
    operation_id="change_webhook",
    summary="Change a webhook",
    response_class=Response,
    responses=success(shapes.Webhook, "The changed webhook") | _WRITE,
)
async def change_webhook(webhook_id: str, body: shapes.WebhookChange, call: Caller) -> Response:
    """Send what is pending to the new URL; the filter holds for events from now on."""
    changed = await webhooks.change(
        call.deps,
        call.principal,
        typeid.decode("whk", webhook_id),
        url=body.url,
        name=body.name,
        events=body.events,
    )
    return answer(_shown(changed))


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=nothing("Nothing more is sent there") | problems(401, 403, 404, 503),
)
async def delete_webhook(webhook_id: str, call: Caller) -> Response:
    """For good, with what is pending and with its log."""
    await webhooks.delete(call.deps, call.principal, typeid.decode("whk", webhook_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/webhooks/{webhook_id}/rotate",
    operation_id="rotate_webhook_secret",
    summary="Change the secret",
    response_class=Response,
    responses=success(shapes.NewWebhook, "The webhook with its new secret, which is shown this once")
    | _WRITE,
)
async def rotate_webhook_secret(
    webhook_id: str, call: Caller, body: shapes.Rotation | None = None
) -> Response:
    """Until the overlap ends, every message carries a signature of the old and of the new secret."""
    overlap = (body or shapes.Rotation()).overlap_seconds
    key = typeid.decode("whk", webhook_id)
    return answer(_shown_with_secret(await webhooks.rotate(call.deps, call.principal, key, overlap)))


@router.post(
    "/webhooks/{webhook_id}/enable",
    operation_id="enable_webhook",
    summary="Send again",
    response_class=Response,
    responses=success(shapes.Webhook, "The webhook, enabled") | _ACT,
)
async def enable_webhook(webhook_id: str, call: Caller) -> Response:
    """Send what happens from now on; what was dropped can be redelivered one by one."""
    key = typeid.decode("whk", webhook_id)
    return answer(_shown(await webhooks.set_enabled(call.deps, call.principal, key, enabled=True)))


@router.post(
    "/webhooks/{webhook_id}/disable",
    operation_id="disable_webhook",
    summary="Send nothing more",
    response_class=Response,
    responses=success(shapes.Webhook, "The webhook, disabled") | _ACT,
)
async def disable_webhook(webhook_id: str, call: Caller) -> Response:
    """Until it is enabled again. What is pending is dropped."""
    key = typeid.decode("whk", webhook_id)
    return answer(_shown(await webhooks.set_enabled(call.deps, call.principal, key, enabled=False)))


@router.post(
    "/webhooks/{webhook_id}/test",
    operation_id="test_webhook",
    summary="Send a test",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=success(shapes.WebhookTest, "On its way like any other event", status=202) | _ACT,
)
async def test_webhook(webhook_id: str, call: Caller) -> Response:
    """A `WebhookTest` for this endpoint alone, whatever its filter; the log tells what became of it."""
    key = typeid.decode("whk", webhook_id)
    event = await webhooks.test(call.deps, call.principal, key)
    return answer({"webhook_id": webhook_id, "event_id": typeid.encode("evt", event)}, HTTPStatus.ACCEPTED)


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="List what was sent, newest first",
    response_class=Response,
    responses=success(shapes.DeliveryPage, "A page of deliveries with each try") | _READ,
)
async def list_webhook_deliveries(
    webhook_id: str,
    call: Caller,
    status: Literal["pending", "succeeded", "failed", "dropped"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Entries are kept for 7 days after success, for 30 otherwise."""
    found = await webhooks.list_deliveries(
        call.deps,
        call.principal,
        typeid.decode("whk", webhook_id),
        status=status,
        before=cursor_id("whd", cursor),
        limit=limit + 1,
    )
    return page([_shown_delivery(item) for item in found], limit)


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    operation_id="redeliver_webhook",
    summary="Send an event once more",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=success(shapes.Delivery, "The delivery, pending again", status=202) | _ACT,
)
async def redeliver_webhook(webhook_id: str, delivery_id: str, call: Caller) -> Response:
    """At once, whatever became of it; when it fails, a schedule of its own begins."""
    key, delivery = typeid.decode("whk", webhook_id), typeid.decode("whd", delivery_id)
    found = await webhooks.redeliver(call.deps, call.principal, key, delivery)
    return answer(_shown_delivery(found), HTTPStatus.ACCEPTED)


@router.post(
    "/projects/{project_id}/webhook-secret",
    operation_id="rotate_project_webhook_secret",
    summary="Get a secret for the webhooks of jobs",
    response_class=Response,
    responses=success(shapes.ProjectSecret, "The new secret, which is shown this once") | _WRITE,
)
async def rotate_project_webhook_secret(
    project_id: str, call: Caller, body: shapes.Rotation | None = None
) -> Response:
    """Make the secret that signs what goes to the `webhook_url` of the project's jobs; the one before signs, too, for a while."""
    overlap = (body or shapes.Rotation()).overlap_seconds
    project = typeid.decode("prj", project_id)
    made = await webhooks.rotate_project(call.deps, call.principal, project, overlap)
    return answer(
        {
            "project_id": project_id,
            "secret": made.secret,
            "secrets_overlap_until": moment(made.signing.overlap_until),
        }
    )
