"""Webhooks over HTTP: what may be asked for, what is shown, and that secrets are shown once."""

from typing import Any

import pytest

URL = "https://hooks.example.com/maquette?token=abc"


async def made(live: Any, **more: Any) -> dict[str, Any]:
    body = {"project_id": live.project_id, "url": URL, **more}
    response = await live.user.post("/webhooks", json=body)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"/webhooks/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


async def test_a_webhook_from_making_to_deleting(live: Any) -> None:
    """Made, read, changed, disabled, enabled, deleted; the secret comes with making and rotating alone."""
    new = await made(live, name="bot", events=["JobFailed"])
    assert new["secret"].startswith("whsec_")
    assert (new["status"], new["events"], new["job_id"]) == ("enabled", ["JobFailed"], None)
    address = f"/webhooks/{new['id']}"
    shown = (await live.user.get(address)).json()
    assert shown == {key: value for key, value in new.items() if key != "secret"}
    assert (await live.user.get("/webhooks")).json() == {"items": [shown], "next_cursor": None}
    changed = await live.user.patch(address, json={"events": [], "url": "https://other.example/"})
    assert (changed.status_code, changed.json()["events"]) == (200, [])
    assert (changed.json()["name"], changed.json()["url"]) == ("bot", "https://other.example/")
    rotated = await live.user.post(f"{address}/rotate", json={"overlap_seconds": 60})
    assert rotated.json()["secret"] not in {new["secret"], None}
    assert rotated.json()["secrets_overlap_until"] is not None
    for _ in range(2):  # saying it again changes nothing
        disabled = await live.user.post(f"{address}/disable")
        assert (disabled.json()["status"], disabled.json()["disabled_reason"]) == (
            "disabled",
            "disabled by hand",
        )
    refused = await live.user.post(f"{address}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await live.user.post(f"{address}/enable")).json()["disabled_reason"] is None
    tested = await live.user.post(f"{address}/test")
    assert (tested.status_code, tested.json()["event_id"][:4]) == (202, "evt_")
    assert (await live.user.get(f"{address}/deliveries")).json() == {"items": [], "next_cursor": None}
    assert (await live.user.delete(address)).status_code == 204
    assert (await live.user.get(address)).status_code == 404
    assert (await live.user.delete(address)).status_code == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://[::ffff:127.0.0.1]/"}, "url"),
        ({"url": "https://user:secret@example.com/"}, "url"),
        ({"url": "https://example.com/" + "a" * 2000}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"events": ["Nothing"]}, "events"),
        ({"events": "JobFailed"}, "events"),
        ({"name": "a\u0007b"}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_what_is_wrong_is_named(live: Any, body: dict[str, Any], where: str) -> None:
    """Each refusal says which field, and repeats no password."""
    sent = {"project_id": live.project_id, "url": URL, **body}
    response = await live.user.post("/webhooks", json=sent)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert where in response.json()["details"][0]["loc"]
    assert "user:secret" not in response.text
    assert (await live.user.get("/webhooks")).json()["items"] == []


async def test_a_project_has_fifty_webhooks_at_most(live: Any) -> None:
    """The limit is per project; deleting makes room."""
    first = await made(live)
    for _ in range(49):
        await made(live)
    refused = await live.user.post("/webhooks", json={"project_id": live.project_id, "url": URL})
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    page = (await live.user.get("/webhooks", params={"limit": 30})).json()
    rest = (await live.user.get("/webhooks", params={"limit": 30, "cursor": page["next_cursor"]})).json()
    ids = [item["id"] for item in page["items"] + rest["items"]]
    assert (len(set(ids)), rest["next_cursor"], ids == sorted(ids, reverse=True)) == (50, None, True)
    assert len((await live.operator.get("/webhooks", params={"limit": 100})).json()["items"]) == 50
    await live.user.delete(f"/webhooks/{first['id']}")
    await made(live)


async def test_the_secret_for_jobs_is_the_projects(live: Any) -> None:
    """Each call makes the next one; its overlap is bounded."""
    address = f"/projects/{live.project_id}/webhook-secret"
    first = (await live.user.post(address)).json()
    second = (await live.user.post(address, json={"overlap_seconds": 0})).json()
    assert first["secret"] != second["secret"]
    for overlap in (-1, 604_801, "1"):
        assert (await live.user.post(address, json={"overlap_seconds": overlap})).status_code == 422


async def test_a_jobs_webhook_is_found_by_its_job(live: Any) -> None:
    """It is shown for its job alone, and not among the project's own."""
    job = await live.brief(webhook_url=URL)
    [found] = (await live.user.get("/webhooks", params={"job_id": job["id"]})).json()["items"]
    assert (found["job_id"], found["url"]) == (job["id"], URL)
    assert (await live.user.get("/webhooks")).json()["items"] == []
    unknown = await live.user.get("/webhooks", params={"job_id": "job_00000000000000000000000000"})
    assert unknown.status_code == 404
