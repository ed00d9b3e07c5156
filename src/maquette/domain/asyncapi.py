"""The AsyncAPI 3.0 document of all events (asyncapi.com/docs/reference/specification/v3.0.0), made from the types there are.

Schemas say what is always there and of which type it is; they are open, because events gain members and lose none.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from maquette.domain.events import JOB_STREAM, SEQUENCE_DIGITS, EventType, stream_kind

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "integer"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_LIST: Schema = {"type": "array"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_OBJECT: Schema = {"type": "object"}
_ARTIFACTS: Schema = {
    "type": "array",
    "items": {"type": "object", "required": ["id"], "properties": {"id": _TEXT}},
}
_STEPS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "position", "revision", "status", "attempt", "pause_reason"],
        "properties": {
            "name": _TEXT,
            "position": _NUMBER,
            "revision": _NUMBER,
            "status": _TEXT,
            "attempt": _NUMBER,
            "pause_reason": _TEXT_OR_NULL,
        },
    },
}


class _Told(NamedTuple):
    """What a type means, what its data always has besides what all have, and what it may have."""

    summary: str
    always: Mapping[str, Schema] = {}
    perhaps: Mapping[str, Schema] = {}


_STEP = {"step_name": _TEXT}
_ERROR = {**_STEP, "error_code": _TEXT, "error_message": _TEXT}
_GATE = {**_STEP, "revision": _NUMBER, "waiting_since": _TIME}
_HOLD = {"before": _TEXT_OR_NULL, "limit": {}, **_STEP}
_SAFETY: Mapping[str, Schema] = {"safety": _OBJECT}

_TOLD: Mapping[EventType, _Told] = {
    EventType.JOB_CREATED: _Told("The job is durably recorded.", {"asset_type": _TEXT}, _SAFETY),
    EventType.STEP_STARTED: _Told("A worker was given an attempt.", {**_STEP, "service": _TEXT}),
    EventType.STEP_COMPLETED: _Told(
        "A step's work is recorded.",
        {**_STEP, "artifacts": _ARTIFACTS},
        {"metrics": _OBJECT, "provided": {}, "reused_from": _TEXT_OR_NULL, **_SAFETY},
    ),
    EventType.STEP_FAILED: _Told("Final: no attempt follows.", _ERROR, _SAFETY),
    EventType.ATTEMPT_FAILED: _Told(
        "An attempt failed or was lost, and another one follows.", _ERROR, {"retry_at": _TIME}
    ),
    EventType.USER_REVIEW_UPDATED: _Told(
        "A person decided at a gate, or its time-out did.",
        {**_STEP, "decision": _TEXT, "notes": _TEXT, "by": _TEXT},
        {"selection": _TEXTS, "replacements": _OBJECT, "artifacts": _ARTIFACTS, "revision": _NUMBER,
         "rewind_to": _TEXT_OR_NULL, **_SAFETY},
    ),
    EventType.GATE_REMINDED: _Told("A gate has waited long.", _GATE, {"then": _TEXT, "then_at": {}}),
    EventType.GATE_ESCALATED: _Told(
        "A gate has waited so long that others are to hear of it.",
        _GATE,
        {"then": _TEXT, "then_at": {}, "stage": _NUMBER, "stages": _NUMBER, "to": {}},
    ),
    EventType.PAUSE_REQUESTED: _Told("The job is to be held before a later step.", {"by": _TEXT, "before": _TEXT}),
    EventType.JOB_PAUSED: _Told("The job is held.", {"by": _TEXT}, _HOLD),
    EventType.JOB_RESUMED: _Told("The job goes on.", {"by": _TEXT}, _HOLD),
    EventType.STEP_REROUTED: _Told(
        "Another service of the route is to do the step.",
        {**_STEP, "requested_service": _TEXT, "served_by": _TEXT, "reason": _TEXT},
    ),
    EventType.SERVICE_UNAVAILABLE: _Told(
        "No service of the route can be asked: the job waits.",
        {**_STEP, "requested_service": _TEXT, "services": _LIST, "reason": _TEXT},
    ),
    EventType.SAFETY_DECIDED: _Told(
        "It is known whether what the job was held for may be.",
        {**_STEP, "decision_id": _TEXT, "stage": _TEXT, "verdict": _TEXT, "by": _TEXT},
    ),
    EventType.JOB_SUCCEEDED: _Told(
        "Every step is done or approved.", {}, {"asset_id": _TEXT_OR_NULL, "version": {}}
    ),
    EventType.JOB_FAILED: _Told(
        "The job has failed.", _ERROR, {"dead_letter_id": _TEXT_OR_NULL, "workers": _LIST}
    ),
    EventType.JOB_CANCELED: _Told("The job was given up.", {"by": _TEXT}),
    EventType.TASK_DEAD_LETTERED: _Told(
        "The task waits for a person.", _ERROR, {"dead_letter_id": _TEXT_OR_NULL, "workers": _LIST}
    ),
    EventType.JOB_REDRIVEN: _Told(
        "The failed step is tried again.", {**_STEP, "dead_letter_id": _TEXT, "by": _TEXT}, {"changes": _OBJECT}
    ),
    EventType.DEAD_LETTER_DISCARDED: _Told(
        "A dead letter was given up.", {**_STEP, "dead_letter_id": _TEXT, "by": _TEXT}, {"reason": _TEXT_OR_NULL}
    ),
    EventType.ASSET_INDEXED: _Told(
        "The export is filed in the library.",
        {"asset_id": _TEXT, "version": _NUMBER, "library_path": _TEXT, "files": _LIST, "metadata": _OBJECT},
    ),
    EventType.WEBHOOK_DISABLED: _Told(
        "A webhook gets nothing more.", {"reason": _TEXT}, {"failing_since": _TEXT_OR_NULL, "by": _TEXT_OR_NULL}
    ),
    EventType.WEBHOOK_TEST: _Told("Somebody tests a webhook.", {"by": _TEXT}),
    EventType.SAFETY_OVERRIDDEN: _Told(
        "What a safety decision means was changed.", {"verdict": _TEXT, "by": _TEXT}, {"artifacts": _LIST}
    ),
}  # fmt: skip


def schema(kind: EventType) -> Schema:
    """Return the JSON Schema (2020-12) of a type's events in structured form, and in reference form."""
    told, stream = _TOLD[kind], stream_kind(kind)
    always: dict[str, Schema] = {
        stream.id_name: _TEXT,
        "project_id": _TEXT,
        "correlation_id": _TEXT,
        "ts": _TIME,
    }
    if stream is JOB_STREAM:
        always |= {"job_status": _TEXT}
    perhaps: dict[str, Schema] = {"steps": _STEPS} if stream is JOB_STREAM else {}
    data: Schema = {
        "type": "object",
        "required": sorted({**always, **told.always}),
        "properties": {**always, **told.always, **perhaps, **told.perhaps},
    }
    left_out: Schema = {
        "type": "object",
        "required": ["left_out_bytes"],
        "properties": {"left_out_bytes": _NUMBER},
    }
    attributes: dict[str, Schema] = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": "^evt_"},
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"const": str(kind)},
        "subject": _TEXT,
        "time": _TIME,
        "datacontenttype": {"const": "application/json"},
        "sequence": {"type": "string", "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$"},
        "partitionkey": _TEXT,
        "correlationid": _TEXT,
    }
    return {
        "type": "object",
        "required": [*attributes, "data"],
        "properties": {
            **attributes,
            "dataref": {"type": "string", "format": "uri-reference"},
            "traceparent": _TEXT,
            "tracestate": _TEXT,
            "data": {"anyOf": [data, left_out]},
        },
    }


def document(version: str, topic: str = "maquette.events") -> dict[str, Any]:
    """Return the document: one channel, a message a type, which Maquette sends."""
    messages = {str(kind): _message(kind) for kind in EventType}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Maquette events",
            "version": version,
            "description": "CloudEvents, at least once, in order within a `source` after dropping what has a `sequence` "
            "already seen.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": {
                "address": topic,
                "description": "All events: a Kafka topic keyed by `partitionkey`, an EventBridge bus, webhooks.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in messages],
            }
        },
        "components": {
            "messages": messages,
            "schemas": {str(kind): schema(kind) for kind in EventType},
            "correlationIds": {
                "correlation": {
                    "location": "$message.payload#/correlationid",
                    "description": "The job's own.",
                }
            },
        },
    }


def _message(kind: EventType) -> dict[str, Any]:
    return {
        "name": str(kind),
        "title": str(kind),
        "summary": _TOLD[kind].summary,
        "contentType": "application/cloudevents+json",
        "correlationId": {"$ref": "#/components/correlationIds/correlation"},
        "payload": {"$ref": f"#/components/schemas/{kind}"},
        "bindings": {"kafka": {"key": {**_TEXT, "description": "The event's `partitionkey`."}}},
    }
