"""THE permission matrix: who may call which operation. The API enforces this table and the docs are made from it.

Roles are a ladder and not sets: every studio asked so far gives each rung all of the one below, "no more than its maker"
needs an order, and one comparison cannot be got wrong. What a ladder cannot say (a program that only reviews) scopes can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Kind = Literal["user", "worker", "operator"]


class Role(StrEnum):
    """What somebody is in a project; each includes those above it."""

    VIEWER = "viewer"
    ARTIST = "artist"
    REVIEWER = "reviewer"
    OWNER = "owner"

    def covers(self, other: "Role") -> bool:
        """Whether this role includes the other one."""
        return _RANKS[self] >= _RANKS[other]


_RANKS: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}

ROLES: Mapping[Role, str] = {
    Role.VIEWER: "sees jobs, assets and the project's context",
    Role.ARTIST: "submits, holds and cancels jobs, and uploads",
    Role.REVIEWER: "decides at gates",
    Role.OWNER: "sets the project's context, its members, keys, webhooks and retention",
}

SCOPES: Mapping[str, str] = {
    "jobs:read": "read jobs and batches, follow events",
    "jobs:write": "submit, hold and cancel jobs, upload",
    "reviews:write": "decide at gates",
    "assets:read": "read the library and files",
    "projects:read": "read projects and their context",
    "projects:admin": "make and change projects and their context",
    "keys:admin": "list, make, rotate and revoke API keys, with no more than the key's own scopes",
    "webhooks:read": "read webhooks and their log",
    "webhooks:admin": "make, change and try webhooks",
    "safety:read": "read safety policies and decisions, appeal",
    "safety:write": "override safety decisions, take files away",
    "services:read": "see services and what waits for them",
    "services:admin": "bound, drain and switch services; for operators",
    "usage:read": "read quotas, and what work did cost",
    "quotas:admin": "set quotas; for operators plans and rates as well",
    "members:admin": "change members: as good as all rights, for a member may do whatever his role allows",
    "audit:read": "read what was administered",
    "sinks:admin": "see sinks of events, tell them once more, remove them; for operators",
    "operators:admin": "keys of operators and tokens of workers: as good as everything",
}
"""What a narrowed key may be given; a key without scopes has all that its role allows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an operation."""

    kinds: frozenset[Kind] = frozenset()
    """Empty: everybody, without credentials."""
    role: Role | None = None
    """The smallest role that a user needs in the project concerned; None: it concerns none."""
    scope: str | None = None
    """What a narrowed key must have been given; None: whatever it has."""


#: Needs no credentials, or (signed links) brings its own.
_PUBLIC = Rule()
#: Anybody who is known.
_ANYBODY = Rule(frozenset({"user", "worker", "operator"}))
_WORKERS = Rule(frozenset({"worker"}))


def _people(role: Role, scope: str) -> Rule:
    return Rule(frozenset({"user", "operator"}), role, scope)


def _operators(scope: str) -> Rule:
    return Rule(frozenset({"operator"}), None, scope)


_SEES_JOBS = _people(Role.VIEWER, "jobs:read")
_MAKES_JOBS = _people(Role.ARTIST, "jobs:write")
_SEES_ASSETS = _people(Role.VIEWER, "assets:read")
_SEES_PROJECT = _people(Role.VIEWER, "projects:read")
_SETS_PROJECT = _people(Role.OWNER, "projects:admin")
_MEMBERS = _people(Role.OWNER, "members:admin")
_OPERATORS = _operators("operators:admin")
_KEYS = _people(Role.OWNER, "keys:admin")
_SEES_SAFETY = _people(Role.VIEWER, "safety:read")
_RULES = _people(Role.REVIEWER, "safety:write")
_SEES_USAGE = _people(Role.VIEWER, "usage:read")
_SEES_WEBHOOKS = _people(Role.ARTIST, "webhooks:read")
_WEBHOOKS = _people(Role.OWNER, "webhooks:admin")

_CONTEXT = ("style", "constraints", "gates", "routes", "retries")

RULES: Mapping[str, Rule] = {
    # Jobs
    "submit_job": _MAKES_JOBS,
    "list_jobs": _SEES_JOBS,
    "get_job": _SEES_JOBS,
    "review_job": _people(Role.REVIEWER, "reviews:write"),
    "cancel_job": _MAKES_JOBS,
    "pause_job": _MAKES_JOBS,
    "resume_job": _MAKES_JOBS,
    "follow_job": _SEES_JOBS,
    "submit_batch": _MAKES_JOBS,
    "list_batches": _SEES_JOBS,
    "get_batch": _SEES_JOBS,
    "cancel_batch": _MAKES_JOBS,
    "create_upload": _MAKES_JOBS,
    "get_upload": _SEES_JOBS,
    # Library
    "list_assets": _SEES_ASSETS,
    "get_asset": _SEES_ASSETS,
    "get_asset_version": _SEES_ASSETS,
    "get_asset_folder": _SEES_ASSETS,
    "get_asset_lineage": _SEES_ASSETS,
    "get_artifact_content": _SEES_ASSETS,
    # Projects
    "create_project": _operators("projects:admin"),
    "list_projects": _SEES_PROJECT,
    "get_project": _SEES_PROJECT,
    "change_project": _SETS_PROJECT,
    **{f"get_project_{kind}": _SEES_PROJECT for kind in _CONTEXT},
    **{f"list_project_{kind}_versions": _SEES_PROJECT for kind in _CONTEXT},
    **{f"diff_project_{kind}": _SEES_PROJECT for kind in _CONTEXT},
    **{f"put_project_{kind}": _SETS_PROJECT for kind in _CONTEXT},
    "get_project_retention": _SEES_PROJECT,
    "put_project_retention": _SETS_PROJECT,
    "run_project_retention": _SETS_PROJECT,
    "follow_project": _SEES_JOBS,
    # Keys
    "create_key": _KEYS,
    "list_keys": _KEYS,
    "rotate_key": _KEYS,
    "revoke_key": _KEYS,
    "get_me": _ANYBODY,
    "create_operator_key": _OPERATORS,
    "list_operator_keys": _OPERATORS,
    "rotate_operator_key": _OPERATORS,
    "revoke_operator_key": _OPERATORS,
    "create_worker_token": _OPERATORS,
    "list_worker_tokens": _OPERATORS,
    "rotate_worker_token": _OPERATORS,
    "revoke_worker_token": _OPERATORS,
    # Members
    "list_members": _SEES_PROJECT,
    "put_members": _MEMBERS,
    "add_member": _MEMBERS,
    "put_member": _MEMBERS,
    "remove_member": _MEMBERS,
    # Safety
    "get_project_safety": _SEES_SAFETY,
    "put_project_safety": _SETS_PROJECT,
    "get_safety_policy": _operators("safety:read"),
    "put_safety_policy": _operators("safety:write"),
    "list_safety_decisions": _SEES_SAFETY,
    "get_safety_decision": _SEES_SAFETY,
    "appeal_safety_decision": _people(Role.ARTIST, "safety:read"),
    "override_safety_decision": _RULES,
    "block_artifact": _RULES,
    # Dead letters
    "list_dead_letters": _SEES_JOBS,
    "get_dead_letter": _SEES_JOBS,
    "redrive_dead_letter": _MAKES_JOBS,
    "discard_dead_letter": _MAKES_JOBS,
    "redrive_dead_letters": _MAKES_JOBS,
    "get_redrive": _SEES_JOBS,
    "cancel_redrive": _MAKES_JOBS,
    # Quotas
    "list_plans": _operators("usage:read"),
    "get_plan": _operators("usage:read"),
    "put_plan": _operators("quotas:admin"),
    "get_project_quotas": _SEES_USAGE,
    "put_project_quotas": _people(Role.OWNER, "quotas:admin"),
    "get_service_rates": _SEES_USAGE,
    "put_service_rates": _operators("quotas:admin"),
    "get_usage": _SEES_USAGE,
    # Audit
    "list_project_audit": _people(Role.OWNER, "audit:read"),
    "list_audit": _operators("audit:read"),
    # Webhooks
    "create_webhook": _WEBHOOKS,
    "list_webhooks": _SEES_WEBHOOKS,
    "get_webhook": _SEES_WEBHOOKS,
    "change_webhook": _WEBHOOKS,
    "delete_webhook": _WEBHOOKS,
    "rotate_webhook_secret": _WEBHOOKS,
    "enable_webhook": _WEBHOOKS,
    "disable_webhook": _WEBHOOKS,
    "test_webhook": _WEBHOOKS,
    "list_webhook_deliveries": _SEES_WEBHOOKS,
    "redeliver_webhook": _WEBHOOKS,
    "rotate_project_webhook_secret": _WEBHOOKS,
    # Sinks
    "list_sinks": _operators("sinks:admin"),
    "list_parked_events": _operators("sinks:admin"),
    "release_parked_events": _operators("sinks:admin"),
    "forget_sink": _operators("sinks:admin"),
    "create_replay": _operators("sinks:admin"),
    "list_replays": _operators("sinks:admin"),
    "cancel_replay": _operators("sinks:admin"),
    # Services and workers
    "list_services": _people(Role.VIEWER, "services:read"),
    "get_service": _people(Role.VIEWER, "services:read"),
    "change_service": _operators("services:admin"),
    "claim_tasks": _WORKERS,
    "beat": _WORKERS,
    "report_outcomes": _WORKERS,
    "grant_uploads": _WORKERS,
    # Everybody
    "get_root": _PUBLIC,
    "get_health": _PUBLIC,
    "get_readiness": _PUBLIC,
    "get_metrics": _PUBLIC,
    "get_file": _PUBLIC,
    "head_file": _PUBLIC,
    "put_file": _PUBLIC,
}
"""One entry an ``operation_id``. An operation that is not listed is refused, and a test fails."""
