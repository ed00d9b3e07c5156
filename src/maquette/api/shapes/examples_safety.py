"""The examples of safety."""

from typing import Any

from maquette.api.shapes.examples_retention import Example

_TIME = "2026-01-01T12:00:00.000000Z"
_POLICIES: Example = {"floor": 1, "platform": 0, "project": 3}
POLICY: Example = {
    "version": 3,
    "policy": {"moderator": {"stages": ["output"], "on_failure": "hold"}},
    "created_at": _TIME,
    "created_by": "usr_01k0000000e0000000000000000",
}
DECISION: Example = {
    "id": "sdc_01k0000000e0000000000000000",
    "project_id": "prj_01k0000000e0000000000000000",
    "at": _TIME,
    "stage": "prompt",
    "verdict": "hold",
    "in_force": "allow",
    "categories": ["weapons"],
    "policy": _POLICIES,
    "moderators": [{"name": "rules", "outcome": "judged"}],
    "evidence": [
        {
            "category": "weapons",
            "answer": "hold",
            "where": "text_to_image.prompt",
            "rule": "firearms",
            "source": "project",
            "span": [8, 14],
        }
    ],
    "subject": "usr_01k0000000e0000000000000000",
    "decided_by": "system:moderation",
    "decidable_by": "reviewer",
    "correlation_id": "1f0c2d9a",
    "job_id": "job_01k0000000e0000000000000000",
    "position": 0,
    "revision": 0,
    "upload_id": None,
    "artifact_id": None,
    "appeal": {"reason": "It is a toy.", "by": "usr_01k0000000e0000000000000000", "at": _TIME},
    "overrides": [
        {
            "verdict": "allow",
            "reason": "A toy indeed.",
            "by": "usr_01k0000000e0000000000000001",
            "at": _TIME,
        }
    ],
}
_REASON: Example = {"reason": "It is the name of a village."}
EXAMPLES: dict[str, Any] = {
    "Policy": POLICY,
    "Decision": DECISION,
    "DecisionPage": {"items": [DECISION], "next_cursor": None},
    "AppealBody": _REASON,
    "OverrideBody": {"verdict": "allow", "reason": "A museum's exhibit."},
    "BlockBody": {
        "artifact_id": "art_01k0000000e0000000000000000",
        "reason": "It shows a real person.",
        "categories": ["personal_data"],
    },
}
