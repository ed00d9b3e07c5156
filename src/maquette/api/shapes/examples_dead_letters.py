"""The examples of dead letters."""

from typing import Any

Example = dict[str, Any]

_ERROR: Example = {
    "code": "lost_worker",
    "message": "The worker stopped sending heartbeats.",
    "class": "lost_worker",
    "step": "retopo",
    "dead_letter_id": "dlq_01kgh5s1d0f3c8m5y2w9x7v4ta",
}
LETTER: Example = {
    "id": _ERROR["dead_letter_id"],
    "project_id": "prj_01kgh5s1d0f3c8m5y2w9x7v4tb",
    "job_id": "job_01kgh5s1d0f3c8m5y2w9x7v4tc",
    "job_status": "failed",
    "asset_type": "3D",
    "step": "retopo",
    "revision": 0,
    "attempt": 4,
    "status": "open",
    "error": _ERROR,
    "created_at": "2026-01-01T12:00:00.000000Z",
    "closed_at": None,
    "closed_by": None,
    "reason": None,
    "correlation_id": "4f0c2d9ab3f14e0d8f6f6a4f0c2d9ab3",
}
_ATTEMPT: Example = {
    "attempt": 4,
    "service": "studio",
    "worker": "processing-1",
    "started_at": "2026-01-01T11:59:30.000000Z",
    "finished_at": "2026-01-01T12:00:00.000000Z",
    "error": {name: _ERROR[name] for name in ("code", "message", "class")},
}
REDRIVE: Example = {
    "id": "rdv_01kgh5s1d0f3c8m5y2w9x7v4td",
    "project_id": LETTER["project_id"],
    "filter": {"error_code": "lost_worker"},
    "per_minute": 60,
    "max": 1000,
    "status": "running",
    "redriven": 12,
    "refused": 0,
    "matching": [],
    "created_at": "2026-01-01T12:30:00.000000Z",
    "created_by": "usr_01kgh5s1d0f3c8m5y2w9x7v4te",
    "finished_at": None,
}
EXAMPLES: Example = {
    "DeadLetterPage": {"items": [LETTER], "next_cursor": None},
    "DeadLetterWithAttempts": {**LETTER, "attempts": [_ATTEMPT]},
    "Redrive": REDRIVE,
}
