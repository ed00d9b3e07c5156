"""Sinks in the examples of the OpenAPI document."""

from typing import Any

Example = dict[str, Any]

TIME = "2026-02-03T10:00:00.000000Z"
PROJECT = "prj_01h45ytscbebyvny4gc8cr8ma2"

SINK: Example = {
    "name": "kafka",
    "served_by": 2,
    "published": 120_431,
    "failures": 1,
    "error": "NotPublished: There was no acknowledgement. 2/2 brokers are down",
    "error_at": TIME,
    "pending": 12,
    "oldest_seconds": 0.4,
    "parked": 0,
}
REPLAY: Example = {
    "id": "rpl_01h45ytscbebyvny4gc8cr8ma2",
    "sink": "kafka",
    "project_id": PROJECT,
    "since": TIME,
    "until": TIME,
    "per_second": 500,
    "status": "running",
    "reached": TIME,
    "told": 4200,
    "matching": {},
    "created_at": TIME,
    "created_by": "usr_01h45ytscbebyvny4gc8cr8ma2",
    "finished_at": None,
}
PARKED: Example = {
    "id": "evt_01h45ytscbebyvny4gc8cr8ma2",
    "type": "StepCompleted",
    "source": f"/projects/{PROJECT}/jobs/job_01h45ytscbebyvny4gc8cr8ma2",
    "sequence": 7,
    "project_id": PROJECT,
    "time": TIME,
    "reason": "Broker: Broker failed to validate record",
    "parked_at": TIME,
}
EXAMPLES: Example = {
    "Sink": SINK,
    "SinkPage": {"items": [SINK], "next_cursor": None},
    "ParkedPage": {"items": [PARKED], "next_cursor": None},
    "Replay": REPLAY,
    "ReplayPage": {"items": [REPLAY], "next_cursor": None},
}
