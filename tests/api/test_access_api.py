"""Ids that are no ids."""

from typing import Any


async def test_unknown_ids_are_404_everywhere(live: Any) -> None:
    """An id of another kind, a garbled one and one that nobody has are all the same."""
    for odd in (
        "x",
        "job_",
        "job_00000000000000000000000000",
        "prj_00000000000000000000000000",
        "%00",
        "%2E%2E",  # dots of their own are taken away by the client: `/jobs/..` is `/`, which exists
        "a" * 500,
        "ä",
    ):
        for method, path in (
            ("GET", "/jobs/{}"),
            ("POST", "/jobs/{}/cancel"),
            ("GET", "/jobs/{}/events"),
            ("GET", "/projects/{}"),
            ("GET", "/projects/{}/assets"),
            ("GET", "/assets/{}"),
            ("GET", "/assets/{}/versions/1"),
            ("GET", "/assets/{}/lineage"),
            ("GET", "/artifacts/{}/content"),
            ("DELETE", f"/projects/{live.project_id}/keys/{{}}"),
            ("GET", "/webhooks/{}"),
            ("DELETE", "/webhooks/{}"),
            ("GET", "/webhooks/{}/deliveries"),
        ):
            response = await live.user.request(method, path.format(odd))
            assert response.status_code in {404, 405}, (method, path, odd, response.status_code)
