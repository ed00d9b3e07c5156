"""The examples of retention."""

from typing import Any

Example = dict[str, Any]

_POLICY: Example = {
    "events_days": 90,
    "artifacts_days": 14,
    "jobs_days": 0,
    "uploads_days": 30,
    "request_keys_days": 7,
}
RETENTION: Example = {
    "version": 1,
    "chosen": {
        "events_days": None,
        "artifacts_days": 14,
        "jobs_days": 0,
        "uploads_days": None,
        "request_keys_days": None,
    },
    "effective": _POLICY,
}
RETENTION_RUN: Example = {
    "dry_run": True,
    "complete": True,
    "policy": _POLICY,
    "categories": [
        {
            "category": "artifacts",
            "rows": 12,
            "objects": 14,
            "bytes": 4092264,
            "examples": ["art_01kgh5s1d0f3c8m5y2w9x7v4tz"],
        }
    ],
}
EXAMPLES: Example = {"Retention": RETENTION, "RetentionRun": RETENTION_RUN}
