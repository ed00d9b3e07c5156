"""The example of the audit log."""

from typing import Any

_ID = "01kgh5s1d0f3c8m5y2w9x7v4tz"
ENTRY: dict[str, Any] = {
    "id": f"aud_{_ID}",
    "at": "2026-02-03T10:00:00.000000Z",
    "project_id": f"prj_{_ID}",
    "subject": f"usr_{_ID}",
    "kind": "user",
    "act": "put_project_style",
    "object": f"prj_{_ID}",
    "before": {"version": 2},
    "after": {"version": 3},
    "request_id": "4f0c2d9ab3f14e0d8f6f6a4f0c2d9ab3",
    "address": "203.0.113.7",
}
EXAMPLES: dict[str, Any] = {"AuditPage": {"items": [ENTRY], "next_cursor": None}}
