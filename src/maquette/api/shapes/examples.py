"""One story in examples: a courier robot, from its brief to its files."""

from typing import Any

from maquette.api.shapes import (
    examples_audit,
    examples_context,
    examples_dead_letters,
    examples_identity,
    examples_quotas,
    examples_retention,
    examples_safety,
    examples_services,
    examples_sinks,
)

Example = dict[str, Any]

TIME = "2026-02-03T10:00:00.000000Z"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
IDS = {
    prefix: f"{prefix}_01kgh5s1d0f3c8m5y2w9x7v4tz"
    for prefix in ("prj", "job", "step", "art", "ast", "upl", "mq", "usr", "evt", "task", "bat", "whk", "whd")
}

SUBMISSION: Example = {
    "project_id": IDS["prj"],
    "asset_type": "3D",
    "prompt": "a rusty robot courier",
    "seed": 42,
    "variants": 2,
    "library_path": "characters/courier",
    "params": {
        "retopo": {"target_polycount": 4000},
        "export": {"formats": ["glb", "fbx"], "engine": "unity"},
    },
}
SUBMISSION_LINES = (
    '{"asset_type": "3D", "prompt": "a rusty robot courier"}\n'
    '{"asset_type": "2D", "prompt": "a brass lantern", "variants": 4}\n'
)
POLICIES: Example = {"floor": 1, "platform": 0, "project": 3}
ARTIFACT: Example = {
    "id": IDS["art"],
    "kind": "image",
    "name": "concept-1.png",
    "media_type": "image/png",
    "bytes": 341022,
    "sha256": SHA256,
    "url": "/files/projects/…/concept-1.png?kid=…&expires=…&signature=…",
    "url_expires_at": TIME,
    "expired": False,
    "withheld": None,
    "selected": None,
    "replaced_by": None,
    "attributes": {"width": 1024, "height": 1024},
}
STEP: Example = {
    "id": IDS["step"],
    "name": "text_to_image",
    "position": 0,
    "revision": 0,
    "status": "paused",
    "pause_reason": "review",
    "waiting_for": None,
    "attempt": 2,
    "attempts_failed": [
        {
            "attempt": 1,
            "service": "studio",
            "worker": "host/1233",
            "started_at": TIME,
            "finished_at": TIME,
            "error": {
                "code": "lost_worker",
                "message": "The worker stopped sending heartbeats.",
                "class": "lost_worker",
            },
        }
    ],
    "service": "studio",
    "requested_service": "studio",
    "fallback_reason": None,
    "worker": "host/1234",
    "started_at": TIME,
    "finished_at": TIME,
    "retry_at": None,
    "artifacts": [ARTIFACT],
    "outputs": {"seed": 42, "prompt_used": "a rusty robot courier", "negative_prompt_used": ""},
    "metrics": {"duration": 1.9, "gpu_type": "cpu", "cost_estimate": 0},
    "model": "maquette-studio/painter",
    "model_version": "1",
    "idempotency_key": SHA256,
    "provided": False,
    "reused_from": None,
    "gate_due_at": None,
    "safety": POLICIES,
    "error": None,
}
JOB: Example = {
    "id": IDS["job"],
    "project_id": IDS["prj"],
    "asset_type": "3D",
    "status": "awaiting_review",
    "current_step": "text_to_image",
    "hold_before": None,
    "created_at": TIME,
    "started_at": TIME,
    "finished_at": None,
    "created_by": "usr_ada",
    "correlation_id": "order-7",
    "inputs": SUBMISSION,
    "effective_inputs": {"params": {}, "seeds": {}},
    "safety": POLICIES,
    "context": {
        "style_version": 3,
        "constraints_version": 2,
        "gates_version": 1,
        "routes_version": 0,
        "retries_version": 0,
    },
    "pipeline": {"name": "3D", "version": 2},
    "progress": {"value": 0.14, "steps_done": 1, "steps_total": 7, "message": ""},
    "queue_position": None,
    "eta_seconds": None,
    "cost": {"currency": "USD", "estimated": 0, "reserved": 0, "actual": 0, "max_cost": None},
    "gate": {
        "step": "text_to_image",
        "revision": 0,
        "since": TIME,
        "escalated": 0,
        "next": {"at": TIME, "action": "escalate", "to": {"role": "owner"}},
        "then": "pause",
        "then_at": TIME,
    },
    "steps": [STEP],
    "user_decisions": [],
    "error": None,
    "asset_id": None,
    "batch": None,
    "urls": {
        "self": "/jobs/job_…",
        "events": "/jobs/job_…/events",
        "review": "/jobs/job_…/review",
        "cancel": "/jobs/job_…/cancel",
        "pause": "/jobs/job_…/pause",
        "resume": "/jobs/job_…/resume",
    },
    "metadata": {},
}
REVIEW: Example = {
    "step": "text_to_image",
    "revision": 0,
    "decision": "approved",
    "notes": "the second one",
    "selection": [IDS["art"]],
}
ASSET: Example = {
    "id": IDS["ast"],
    "project_id": IDS["prj"],
    "type": "3D",
    "name": "courier",
    "library_path": "characters/courier",
    "version": 2,
    "latest_version": 2,
    "status": "draft",
    "cdn_url": "/files/projects/…/courier.glb?kid=…&expires=…&signature=…",
    "files": [
        {
            "artifact_id": IDS["art"],
            "name": "courier.glb",
            "role": "model",
            "media_type": "model/gltf-binary",
            "bytes": 1840212,
            "sha256": SHA256,
            "url": "/files/projects/…/courier.glb?kid=…&expires=…&signature=…",
            "cdn_url": "/files/projects/…/courier.glb?kid=…&expires=…&signature=…",
            "url_expires_at": TIME,
            "withheld": None,
        }
    ],
    "metadata": {"poly_count": 4000, "topology": "triangle"},
    "lineage": {"job_id": IDS["job"], "style_version": 3, "prompt": "a rusty robot courier"},
    "created_at": TIME,
}
PROJECT: Example = {
    "id": IDS["prj"],
    "name": "Lighthouse",
    "created_at": TIME,
    "created_by": IDS["usr"],
    "open_jobs_max": 1000,
    "weight": 1,
    "style": {"version": 3, **examples_context.STYLE},
    "constraints": {"version": 2, **examples_context.CONSTRAINTS},
    "gates": {"version": 1, **examples_context.GATES},
    "routes": {"version": 1, **examples_context.ROUTES},
    "retries": {"version": 1, **examples_context.RETRIES},
}
UPLOAD_REQUEST: Example = {
    "project_id": IDS["prj"],
    "name": "moodboard.png",
    "media_type": "image/png",
    "bytes": 341022,
    "sha256": SHA256,
}
UPLOAD: Example = {
    **UPLOAD_REQUEST,
    "id": IDS["upl"],
    "created_at": TIME,
    "method": "PUT",
    "url": "/files/projects/…/moodboard.png?kid=…&expires=…&signature=…",
    "headers": {"content-type": "image/png"},
    "url_expires_at": TIME,
}
UPLOAD_STATE: Example = {
    **UPLOAD_REQUEST,
    "id": IDS["upl"],
    "created_at": TIME,
    "state": "usable",
    "found": {"width": 1024, "height": 768},
    "refused": None,
}
EVENT: Example = {
    "specversion": "1.0",
    "id": IDS["evt"],
    "source": f"/projects/{IDS['prj']}/jobs/{IDS['job']}",
    "type": "StepStarted",
    "subject": IDS["job"],
    "time": TIME,
    "datacontenttype": "application/json",
    "sequence": "00000000000000000007",
    "partitionkey": IDS["job"],
    "correlationid": "order-7",
    "data": {"job_id": IDS["job"], "step_name": "refine", "correlation_id": "order-7", "ts": TIME},
}
_FENCED: Example = {"task_id": IDS["task"], "fence": 1042}
CLAIM: Example = {
    "claim_id": "0197c2b0-7f3a-7d11-8f4e-2f1f5d0a9b11",
    "worker_epoch": "0197c2b0-0000-7d11-8f4e-2f1f5d0a9b22",
    "worker": "host/1234",
    "services": ["studio"],
    "capacity": 1,
    "wait_seconds": 20,
}
CLAIM_ANSWER: Example = {"claim_id": CLAIM["claim_id"], "tasks": [], "heartbeat_seconds": 5}
HEARTBEAT: Example = {
    "worker_epoch": CLAIM["worker_epoch"],
    "worker": "host/1234",
    "held": [{**_FENCED, "value": 0.4, "message": "painting"}],
}
HEARTBEAT_ANSWER: Example = {"verdicts": [{**_FENCED, "verdict": "held"}], "heartbeat_seconds": 5}
OUTCOMES: Example = {
    "outcomes": [
        {
            **_FENCED,
            "status": "failed",
            "error_class": "invalid",
            "error_code": "mesh_has_no_faces",
            "error_message": "The mesh has no faces.",
        }
    ],
    "claim": {**CLAIM, "wait_seconds": 0},
}
OUTCOMES_ANSWER: Example = {"verdicts": [{**_FENCED, "verdict": "applied"}], "claim": CLAIM_ANSWER}
UPLOADS: Example = {
    "uploads": [
        {**_FENCED, "name": "concept-1.png", "media_type": "image/png", "bytes": 341022, "sha256": SHA256}
    ]
}
UPLOADS_ANSWER: Example = {
    "grants": [
        {
            "task_id": IDS["task"],
            "name": "concept-1.png",
            "verdict": "applied",
            "url": "/files/projects/…/concept-1.png?kid=…&expires=…&signature=…",
            "headers": {"content-type": "image/png"},
        }
    ]
}

BATCH: Example = {
    "id": IDS["bat"],
    "project_id": IDS["prj"],
    "name": "props of chapter 2",
    "lines": 2,
    "created_at": TIME,
    "created_by": IDS["usr"],
    "jobs": {"queued": 2},
    "urls": {
        "self": "/batches/bat_…",
        "jobs": "/jobs?project_id=prj_…&batch_id=bat_…",
        "cancel": "/batches/bat_…/cancel",
    },
}

ROOT: Example = {
    "name": "Maquette",
    "version": "0.1.0",
    "time": TIME,
    "urls": {"openapi": "/openapi.json", "health": "/healthz", "ready": "/readyz", "metrics": "/metrics"},
}

#: What the document shows of each type that is answered (``Worker…``: of the wire), and of the wire's requests.
WEBHOOK_CREATION: Example = {
    "project_id": IDS["prj"],
    "url": "https://hooks.example.com/maquette",
    "name": "pipeline bot",
    "events": ["JobSucceeded", "JobFailed"],
}
WEBHOOK: Example = {
    "id": IDS["whk"],
    "project_id": IDS["prj"],
    "job_id": None,
    "url": "https://hooks.example.com/maquette",
    "name": "pipeline bot",
    "events": ["JobSucceeded", "JobFailed"],
    "status": "enabled",
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "throttled_until": None,
    "secrets_overlap_until": None,
    "created_at": TIME,
    "created_by": IDS["usr"],
}
DELIVERY: Example = {
    "id": IDS["whd"],
    "webhook_id": IDS["whk"],
    "event_id": IDS["evt"],
    "event_type": "JobSucceeded",
    "sequence": 7,
    "status": "succeeded",
    "created_at": TIME,
    "finished_at": TIME,
    "next_attempt_at": None,
    "attempts": [
        {
            "attempt": 1,
            "at": TIME,
            "duration_ms": 84,
            "status_code": 204,
            "error": None,
            "next_attempt_at": None,
        }
    ],
}
EXAMPLES: Example = {
    "Job": JOB,
    "JobPage": {"items": [JOB], "next_cursor": None},
    "Batch": BATCH,
    "BatchPage": {"items": [BATCH], "next_cursor": None},
    "SubmittedBatch": {
        **BATCH,
        "verdicts": [{"line": 1, "status": 201, "job_id": IDS["job"], "problem": None}],
    },
    "Asset": ASSET,
    "AssetPage": {"items": [ASSET], "next_cursor": None},
    "Folder": {
        "url": "https://d111111abcdef8.cloudfront.net/projects/…/6-export/r0/a1/",
        "query": "Policy=…&Signature=…&Key-Pair-Id=…",
        "cookies": {"CloudFront-Policy": "…", "CloudFront-Signature": "…"},
        "expires_at": TIME,
    },
    "Lineage": {"asset_id": ASSET["id"], "version": 2, "lineage": ASSET["lineage"]},
    "Project": PROJECT,
    "ProjectPage": {"items": [PROJECT], "next_cursor": None},
    "Root": ROOT,
    "Upload": UPLOAD,
    "UploadState": UPLOAD_STATE,
    "Webhook": WEBHOOK,
    "NewWebhook": {**WEBHOOK, "secret": "whsec_…"},
    "WebhookPage": {"items": [WEBHOOK], "next_cursor": None},
    "WebhookTest": {"webhook_id": IDS["whk"], "event_id": IDS["evt"]},
    "ProjectSecret": {
        "project_id": IDS["prj"],
        "secret": "whsec_…",
        "secrets_overlap_until": TIME,
    },
    "Delivery": DELIVERY,
    "DeliveryPage": {"items": [DELIVERY], "next_cursor": None},
    **examples_audit.EXAMPLES,
    **examples_context.EXAMPLES,
    **examples_dead_letters.EXAMPLES,
    **examples_identity.EXAMPLES,
    **examples_quotas.EXAMPLES,
    **examples_retention.EXAMPLES,
    **examples_safety.EXAMPLES,
    **examples_services.EXAMPLES,
    **examples_sinks.EXAMPLES,
    "State": {"status": "ok"},
    "WorkerClaim": CLAIM,
    "WorkerClaimAnswer": CLAIM_ANSWER,
    "WorkerHeartbeat": HEARTBEAT,
    "WorkerHeartbeatAnswer": HEARTBEAT_ANSWER,
    "WorkerOutcomesRequest": OUTCOMES,
    "WorkerOutcomesAnswer": OUTCOMES_ANSWER,
    "WorkerUploadsRequest": UPLOADS,
    "WorkerUploadsAnswer": UPLOADS_ANSWER,
}
