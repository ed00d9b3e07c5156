"""Examples of services."""

from typing import Any

Example = dict[str, Any]

TIME = "2026-02-03T10:00:00.000000Z"

SERVICE: Example = {
    "name": "comfyui",
    "available": False,
    "unavailable_reason": "breaker_open",
    "breaker": {
        "state": "open",
        "since": TIME,
        "reason": "14 of 25 attempts failed",
        "probe_at": TIME,
        "forced": None,
        "forced_by": None,
        "recent": {"attempts": 0, "failed": 0, "slow": 0},
        "policy": {
            "window_seconds": 60.0,
            "calls_min": 20,
            "failure_rate": 0.5,
            "slow_seconds": None,
            "slow_rate": 0.8,
            "open_seconds": 30.0,
            "open_seconds_max": 900.0,
            "probes": 1,
            "successes_to_close": 3,
        },
    },
    "concurrency_max": 8,
    "starts_per_minute": None,
    "draining": False,
    "steps": ["text_to_image", "refine"],
    "workers": [
        {
            "name": "host/1234",
            "steps": ["text_to_image", "refine"],
            "last_heartbeat_at": TIME,
            "draining": False,
            "running": 1,
        }
    ],
    "running": 1,
    "waiting": [{"step": "refine", "tasks": 3}],
}
SERVICE_CHANGE: Example = {
    "concurrency_max": 8,
    "breaker": {"slow_seconds": 120.0, "calls_min": 10},
    "forced": "open",
    "reason": "the vendor has an incident",
}
EXAMPLES: Example = {
    "Service": SERVICE,
    "ServicePage": {"items": [SERVICE], "next_cursor": None},
}
