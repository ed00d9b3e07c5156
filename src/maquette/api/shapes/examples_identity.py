"""The examples of keys and members."""

from typing import Any

Example = dict[str, Any]

_TIME = "2026-02-03T10:00:00.000000Z"
_ID = "01kgh5s1d0f3c8m5y2w9x7v4tz"
KEY: Example = {
    "id": f"mq_{_ID}",
    "project_id": f"prj_{_ID}",
    "name": "Ada's laptop",
    "subject": f"usr_{_ID}",
    "role": "artist",
    "scopes": None,
    "services": None,
    "created_at": _TIME,
    "created_by": f"usr_{_ID}",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": _TIME,
    "overlap_until": None,
}
MEMBER: Example = {
    "subject": f"usr_{_ID}",
    "role": "reviewer",
    "issuer": "https://login.example.com/realms/studio",
    "external_id": "248289761001",
    "email": "ada@example.com",
    "added_at": _TIME,
    "added_by": f"usr_{_ID}",
    "last_seen_at": None,
}
EXAMPLES: Example = {
    "NewKey": {**KEY, "key": "mq_…_…"},
    "KeyPage": {"items": [KEY], "next_cursor": None},
    "Member": MEMBER,
    "MemberPage": {"items": [MEMBER], "next_cursor": None},
    "Me": {
        "kind": "user",
        "subject": f"usr_{_ID}",
        "projects": [{"project_id": f"prj_{_ID}", "role": "reviewer"}],
        "scopes": None,
        "services": None,
    },
}
