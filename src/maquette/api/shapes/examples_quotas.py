"""Examples of quotas, plans, rates and usage."""

from typing import Any

Example = dict[str, Any]

_NONE: Example = dict.fromkeys(
    (
        "requests_per_minute",
        "concurrent_jobs",
        "jobs_per_day",
        "gpu_seconds_per_month",
        "cost_per_month",
        "stored_bytes",
        "running_tasks",
    )
)
PLAN_BODY: Example = {
    "limits": {"concurrent_jobs": 50, "cost_per_month": 500.0, "requests_per_minute": 600},
    "per_user": {"jobs_per_day": 100},
}
PLAN: Example = {
    "name": "studio-team",
    "limits": _NONE | PLAN_BODY["limits"],
    "per_user": _NONE | PLAN_BODY["per_user"],
}
QUOTAS_BODY: Example = {
    "plan": "studio-team",
    "limits": {"cost_per_month": 800.0},
    "users": {"usr_01kgh5s1d0f3c8m5y2w9x7v4tz": {"cost_per_month": 50.0}},
}
_USED: Example = {
    "concurrent_jobs": 3,
    "jobs_per_day": 12,
    "gpu_seconds_per_month": 5400.5,
    "cost_per_month": 214.75,
    "stored_bytes": 0,
    "running_tasks": 2,
}
QUOTAS: Example = {
    "plan": "studio-team",
    "limits": _NONE | QUOTAS_BODY["limits"],
    "per_user": _NONE,
    "users": {name: _NONE | limits for name, limits in QUOTAS_BODY["users"].items()},
    "effective": PLAN["limits"] | QUOTAS_BODY["limits"],
    "used": _USED,
    "refused_today": {"cost_per_month": 2},
    "users_used": dict.fromkeys(QUOTAS_BODY["users"], _USED | {"cost_per_month": 12.5, "running_tasks": 0}),
}
_FREE: Example = {"per_attempt": 0.0, "per_variant": 0.0, "per_second": 0.0, "seconds": 0.0, "gpu": False}
RATES_BODY: Example = {
    "rates": {
        "text_to_image": {"per_variant": 0.04},
        "image_to_3d": {"per_second": 0.0006, "seconds": 90.0, "gpu": True},
    }
}
RATES: Example = {
    "service": "studio",
    "rates": {step: _FREE | values for step, values in RATES_BODY["rates"].items()},
}
USAGE: Example = {
    "currency": "USD",
    "since": "2026-11-01",
    "until": "2026-11-22",
    "items": [
        {
            "project_id": "prj_01kgh5s1d0f3c8m5y2w9x7v4tz",
            "day": "2026-11-21",
            "user": None,
            "service": None,
            "cost": 12.5,
            "gpu_seconds": 310.25,
            "steps": 84,
        }
    ],
    "next_cursor": None,
}
DRY_RUN: Example = {
    "dry_run": True,
    "effective_inputs": {"params": {}, "seeds": {}},
    "held_for_safety": False,
    "estimate": {
        "currency": "USD",
        "cost": 0.214,
        "gpu_seconds": 90.0,
        "steps": [
            {"step": "text_to_image", "service": "studio", "cost": 0.16, "gpu_seconds": 0.0},
            {"step": "image_to_3d", "service": "studio", "cost": 0.054, "gpu_seconds": 90.0},
        ],
    },
    "quotas": [
        {
            "scope": "project",
            "limit": "cost_per_month",
            "value": 800.0,
            "used": 799.9,
            "left": 0.1,
            "wanted": 0.214,
        }
    ],
    "would_be_refused": [
        {
            "status": 402,
            "code": "budget_exhausted",
            "detail": "The project has not enough left of this month's budget.",
            "details": [],
            "quota": {
                "scope": "project",
                "limit": "cost_per_month",
                "value": 800.0,
                "used": 799.9,
                "left": 0.1,
                "wanted": 0.214,
            },
        }
    ],
}
EXAMPLES: Example = {
    "DryRun": DRY_RUN,
    "Plan": PLAN,
    "PlanPage": {"items": [PLAN], "next_cursor": None},
    "ProjectQuotas": QUOTAS,
    "ServiceRates": RATES,
    "UsagePage": USAGE,
}
