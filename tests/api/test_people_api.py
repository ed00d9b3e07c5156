"""The endpoints for people, on the real services and a real database."""

import asyncio
import hashlib
from typing import Any

import httpx
from own_work import png

from maquette.api.shapes import identity as identity_shapes
from maquette.api.shapes import jobs as job_shapes
from maquette.api.shapes import projects as project_shapes

PNG = png()


async def test_a_submitted_job_is_shown_in_full(live: Any) -> None:
    """201, a Location that works, and exactly the shape that the document promises."""
    body = {
        "project_id": live.project_id,
        "asset_type": "3D",
        "prompt": "  a rusty   robot courier ",
        "seed": 42,
        "variants": 2,
        "skip": ["rig", "anim"],
        "params": {"retopo": {"target_polycount": 5000}},
        "priority": "high",
        "metadata": {"ticket": "ART-7", "big": 2**62, "nested": [None, 1.5]},
    }
    response = await live.user.post("/jobs", json=body, headers={"x-correlation-id": "order-7"})
    assert response.status_code == 201
    job = response.json()
    job_shapes.Job.model_validate_json(response.content)
    assert response.headers["location"] == job["urls"]["self"] == f"/jobs/{job['id']}"
    assert "idempotency-replayed" not in response.headers
    assert (job["status"], job["current_step"], job["queue_position"]) == ("queued", "text_to_image", 1)
    assert job["inputs"]["prompt"] == "a rusty robot courier"
    assert (job["inputs"]["seed"], job["metadata"]) == (42, body["metadata"])
    assert job["effective_inputs"]["params"]["retopo"]["target_polycount"] == 5000
    assert job["correlation_id"] == "order-7"
    assert job["created_by"].startswith("usr_")
    assert [step["name"] for step in job["steps"]] == [
        "text_to_image",
        "refine",
        "image_to_3d",
        "retopo",
        "export",
    ]
    assert {step["status"] for step in job["steps"]} == {"pending"}
    assert job["progress"] == {"value": 0, "steps_done": 0, "steps_total": 5, "message": ""}
    assert (await live.user.get(response.headers["location"])).json() == job


BAD = [
    ({"project_id": 5}, "project_id"),
    ({"asset_type": "4D"}, "asset_type"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "   "}, "prompt"),
    ({"prompt": "x" * 10_000}, "prompt"),
    ({"prompt": None}, "prompt"),
    ({"prompt": "a\u0007b"}, "prompt"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**63}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"seed": "1"}, "seed"),
    ({"seed": True}, "seed"),
    ({"variants": 0}, "variants"),
    ({"variants": 9}, "variants"),
    ({"library_path": "../etc"}, "library_path"),
    ({"library_path": "a//b"}, "library_path"),
    ({"skip": ["text_to_image"]}, "skip"),
    ({"skip": ["nonsense"]}, "skip"),
    ({"skip": "refine"}, "skip"),
    ({"params": {"nonsense": {}}}, "nonsense"),
    ({"params": {"refine": {"nonsense": 1}}}, "nonsense"),
    ({"params": {"refine": {"scale": 99}}}, "scale"),
    ({"params": {"refine": {"scale": "2"}}}, "scale"),
    ({"params": {"refine": 5}}, "refine"),
    ({"params": {"retopo": {}}}, "retopo"),
    ({"params": []}, "params"),
    ({"priority": "urgent"}, "priority"),
    ({"reference_uploads": ["upl_00000000000000000000000000"]}, "reference_uploads"),
    ({"metadata": {"x": "y" * 17_000}}, "metadata"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {"x" * 129: 1}}, "metadata"),
    ({"metadata": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}}, "metadata"),
    ({"params": {"refine": {f"x{at}": 1 for at in range(65)}}}, "params"),
    ({"metadata": {"x": [2**63]}}, "metadata"),
    ({"unknown": 1}, "unknown"),
    ({"provide": {"text_to_image": ["upl_1"]}}, "provide"),
    ({"provide": {"text_to_image": []}}, "provide"),
    ({"provide": {"nonsense": ["upl_00000000000000000000000000"]}}, "provide"),
    ({"provide": {"refine": ["upl_00000000000000000000000000"]}, "skip": ["refine"]}, "provide"),
    ({"from_asset": "ast_1"}, "from_asset"),
    ({"from_asset": "ast_00000000000000000000000000@2"}, "from_asset"),
    ({"from_asset": "job_00000000000000000000000000"}, "from_asset"),
    ({"redo_from": "export"}, "redo_from"),
    ({"max_cost": -1}, "max_cost"),
    ({"fallback": "deny"}, "fallback"),
    ({"reuse": "sometimes"}, "reuse"),
    ({"dry_run": 1}, "dry_run"),
    ({"webhook_url": "http://169.254.169.254/"}, "webhook_url"),
]


async def test_a_bad_brief_names_its_field(live: Any) -> None:
    """Each is a 422 that names the field, and records no job."""
    for change, field in BAD:
        body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox", **change}
        response = await live.user.post("/jobs", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), change
        assert field in [part for detail in response.json()["details"] for part in detail["loc"]], change
    assert (await live.user.get("/jobs")).json()["items"] == []


async def test_neutral_values_of_later_fields_are_fine(live: Any) -> None:
    """A client that writes out the whole contract with its defaults is served."""
    await live.brief(
        provide={},
        from_asset=None,
        max_cost=None,
        fallback="allow",
        reuse="allow",
        dry_run=False,
        webhook_url=None,
    )


async def test_an_unsafe_prompt_is_a_policy_problem(live: Any) -> None:
    """A refusal by policy has a code of its own and tells the category, not the term."""
    response = await live.user.post(
        "/jobs",
        json={"project_id": live.project_id, "asset_type": "2D", "prompt": "how to build a bomb"},
    )
    assert (response.status_code, response.json()["code"]) == (422, "content_policy_violation")
    assert response.json()["categories"]


async def test_the_same_request_gives_the_same_job(live: Any) -> None:
    """An Idempotency-Key replays the first answer; with another body it is refused."""
    headers = {"idempotency-key": "order 7/a"}
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox"}
    first = await live.user.post("/jobs", json=body, headers=headers)
    again = await live.user.post("/jobs", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await live.user.post("/jobs", json={**body, "prompt": "a blue fox"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reuse")
    assert len((await live.user.get("/jobs")).json()["items"]) == 1


async def test_concurrent_equal_requests_make_one_job(live: Any) -> None:
    """A client that retries before the first answer has arrived does not pay twice."""
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox"}
    answers = await asyncio.gather(
        *(live.user.post("/jobs", json=body, headers={"idempotency-key": "k"}) for _ in range(12))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


async def test_a_replay_is_no_new_request(live: Any) -> None:
    """What was accepted once is answered again, though the same brief would be refused by now."""
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox"}
    headers = {"idempotency-key": "order 8"}
    first = await live.user.post("/jobs", json=body, headers=headers)
    rules = {"rules": [{"id": "zoo.foxes", "category": "gore", "severity": "critical", "terms": ["red fox"]}]}
    strict = await live.user.put(f"/projects/{live.project_id}/safety", json=rules)
    assert strict.status_code == 200, strict.text
    assert (await live.user.post("/jobs", json=body)).json()["code"] == "content_policy_violation"
    again = await live.user.post("/jobs", json=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["idempotency-replayed"] == "true"


async def test_an_unusable_idempotency_key_is_refused(live: Any) -> None:
    """A key that cannot be printed or is too long is told, not ignored."""
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox"}
    for key in (b"", b"   ", b"x" * 201, b"a\tb", b"\xff\xfe"):
        response = await live.user.post("/jobs", json=body, headers=[(b"idempotency-key", key)])
        assert (response.status_code, response.json()["details"][0]["loc"][1]) == (422, "idempotency-key"), (
            key
        )


async def test_a_project_may_have_so_many_open_jobs(live: Any) -> None:
    """Beyond the limit, 429 says when to try again; a job that has ended makes room."""
    await live.operator.patch(f"/projects/{live.project_id}", json={"open_jobs_max": 2})
    first = await live.brief()
    await live.brief()
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a red fox"}
    response = await live.user.post("/jobs", json=body)
    assert (response.status_code, response.json()["code"]) == (429, "quota_exceeded")
    assert int(response.headers["retry-after"]) >= 1
    await live.user.post(first["urls"]["cancel"])
    assert (await live.user.post("/jobs", json=body)).status_code == 201


async def test_lists_go_page_by_page(live: Any) -> None:
    """Pages follow each other without gaps or repeats, newest first, also while jobs are added."""
    made = [(await live.brief())["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        response = await live.user.get("/jobs", params=query)
        job_shapes.JobPage.model_validate_json(response.content)
        seen += [job["id"] for job in response.json()["items"]]
        cursor = response.json()["next_cursor"]
        if cursor is None:
            break
        await live.brief()
    assert seen == made[::-1]


async def test_lists_are_filtered(live: Any) -> None:
    """By status, type and project; a foreign or unknown project is 404."""
    two, three = await live.brief(), await live.brief(asset_type="3D")
    await live.user.post(two["urls"]["cancel"])

    async def ids(**query: str) -> list[str]:
        return [job["id"] for job in (await live.user.get("/jobs", params=query)).json()["items"]]

    assert await ids(status="canceled") == [two["id"]]
    assert await ids(asset_type="3D") == [three["id"]]
    assert await ids(status="running") == []
    assert await ids(project_id=live.project_id) == [three["id"], two["id"]]
    assert (
        await live.user.get("/jobs", params={"project_id": "prj_00000000000000000000000000"})
    ).status_code == 404


async def test_bad_list_queries_are_refused(live: Any) -> None:
    """A query that means nothing is a 422 that names the parameter."""
    for query in (
        *("limit=0", "limit=101", "limit=x", "cursor=x", "cursor=ast_00000000000000000000000000"),
        *("status=odd", "asset_type=4D", "cursor=" + "j" * 61),
    ):
        response = await live.user.get(f"/jobs?{query}")
        assert response.status_code == 422, query
        assert response.json()["details"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_pause_resume_cancel(live: Any) -> None:
    """Each answers with the job as it is then; what is not legal now is a 409 that names both."""
    job = await live.brief()
    assert (await live.user.post(job["urls"]["pause"])).json()["status"] == "paused"
    again = await live.user.post(job["urls"]["pause"], json={})
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert "paused" in again.json()["detail"]
    assert (await live.user.post(job["urls"]["resume"])).json()["status"] == "queued"
    canceled = await live.user.post(job["urls"]["cancel"])
    job_shapes.Job.model_validate_json(canceled.content)
    assert (canceled.json()["status"], canceled.json()["finished_at"] is None) == ("canceled", False)
    for verb in ("pause", "resume", "cancel"):
        assert (await live.user.post(job["urls"][verb])).status_code == 409


async def test_a_review_without_an_open_gate_is_stale(live: Any) -> None:
    """Deciding about what has not run is a 409, about what does not exist a 422."""
    job = await live.brief()
    decision = {"step": "text_to_image", "revision": 0, "decision": "approved"}
    response = await live.user.post(job["urls"]["review"], json=decision)
    assert response.status_code == 409
    for change in (
        {"step": "nonsense"},
        {"decision": "maybe"},
        {"revision": -1},
        {"replacements": {"a": "upl_1"}},
        {"x": 1},
    ):
        assert (await live.user.post(job["urls"]["review"], json={**decision, **change})).status_code == 422


async def test_projects_and_their_context(live: Any) -> None:
    """Style and gates are versioned; what comes back is what was put."""
    address = f"/projects/{live.project_id}"
    first = await live.user.get(address)
    project_shapes.Project.model_validate_json(first.content)
    assert first.json()["gates"] == {"version": 0, "gates": ["text_to_image", "before_export"]}
    style = {"keywords": ["hand-painted"], "negative_keywords": ["photo"], "palette": ["#C83A34"]}
    styled = (await live.user.put(f"{address}/style", json=style)).json()
    assert {name: styled["style"][name] for name in ("version", *style)} == {
        "version": 1,
        **style,
        "palette": ["#c83a34"],
    }
    gated = (await live.user.put(f"{address}/gates", json={"gates": []})).json()
    assert gated["gates"] == {"version": 1, "gates": []}
    assert (await live.user.put(f"{address}/gates", json={"gates": ["nonsense"]})).status_code == 422
    assert (await live.user.put(f"{address}/style", json={"palette": ["red"]})).status_code == 422
    assert (await live.user.put(f"{address}/style", json={"keywords": ["x" * 61]})).status_code == 422
    assert (await live.user.patch(address, json={"name": "Faro"})).json()["name"] == "Faro"
    assert (await live.user.patch(address, json={"open_jobs_max": 5})).status_code == 403
    page = await live.user.get("/projects")
    project_shapes.ProjectPage.model_validate_json(page.content)
    assert [item["id"] for item in page.json()["items"]] == [live.project_id]


async def test_only_operators_make_projects(live: Any) -> None:
    """201 with a Location for an operator, 403 for a user."""
    made = await live.operator.post("/projects", json={"name": "Second"})
    assert made.status_code == 201
    assert (await live.operator.get(made.headers["location"])).json() == made.json()
    assert (await live.user.post("/projects", json={"name": "Third"})).status_code == 403


async def test_keys_are_shown_once_and_end(live: Any) -> None:
    """A new key works, lists never show it, and after its revocation it is refused."""
    address = f"/projects/{live.project_id}/keys"
    made = await live.user.post(address, json={"name": "Bob", "expires_at": "2999-01-01T00:00:00+02:00"})
    identity_shapes.NewKey.model_validate_json(made.content)
    assert made.json()["expires_at"] == "2998-12-31T22:00:00.000000Z"
    listed = await live.user.get(address)
    identity_shapes.KeyPage.model_validate_json(listed.content)
    assert [item["name"] for item in listed.json()["items"]] == ["Bob", "Ada"]
    assert made.json()["key"] not in listed.text
    bob = httpx.AsyncClient(
        transport=httpx.ASGITransport(live.app),
        base_url="http://maquette.test",
        headers={"authorization": f"Bearer {made.json()['key']}"},
    )
    assert (await bob.get("/jobs")).status_code == 200
    gone = await live.user.delete(f"{address}/{made.json()['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    live.deps.identity._known.clear()  # what is believed for two seconds more
    assert (await bob.get("/jobs")).status_code == 401
    assert (await live.user.delete(f"{address}/{made.json()['id']}")).status_code == 404


async def test_an_odd_expiry_is_refused(live: Any) -> None:
    """A time without offset, at the end of the calendar, or none at all is a 422."""
    for moment in (
        "soon",
        "2026-01-01T00:00:00",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+12:00",
        5,
    ):
        body = {"name": "x", "expires_at": moment}
        response = await live.user.post(f"/projects/{live.project_id}/keys", json=body)
        assert response.status_code == 422, moment


async def test_an_upload_is_used_as_reference(live: Any) -> None:
    """Announce, send, name in a brief; before it has arrived, the brief is refused."""
    wish = {
        "project_id": live.project_id,
        "name": "mood.png",
        "media_type": "image/png",
        "bytes": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
    }
    made = await live.user.post("/uploads", json=wish)
    assert made.status_code == 201
    project_shapes.Upload.model_validate_json(made.content)
    grant = made.json()
    brief = {
        "project_id": live.project_id,
        "asset_type": "2D",
        "prompt": "a fox",
        "reference_uploads": [grant["id"]],
    }
    early = await live.user.post("/jobs", json=brief)
    assert (early.status_code, early.json()["details"][0]["loc"]) == (422, ["reference_uploads"])
    sent = await live.nobody.request(grant["method"], grant["url"], content=PNG, headers=grant["headers"])
    assert sent.status_code == 204
    assert (await live.user.post("/jobs", json=brief)).status_code == 201


async def test_a_bad_upload_is_refused(live: Any) -> None:
    """What could not be stored or used is refused when it is announced."""
    wish = {
        "name": "a.png",
        "media_type": "image/png",
        "bytes": 5,
        "sha256": "a" * 64,
        "project_id": live.project_id,
    }
    assert (await live.user.post("/uploads", json=wish)).status_code == 201
    for change in (
        *(
            {"name": "../x.png"},
            {"name": ".x"},
            {"media_type": "text/html"},
            {"bytes": 0},
            {"bytes": 1_000_001},
        ),
        *({"sha256": "A" * 64}, {"sha256": "x"}, {"bytes": 1.5}),
    ):
        assert (await live.user.post("/uploads", json={**wish, **change})).status_code == 422, change
    assert (await live.user.post("/uploads", json={**wish, "project_id": "prj_x"})).status_code == 404


async def test_ready_tells_what_is_missing(live: Any, empty_database_url: str) -> None:
    """Readiness is 200, or 503 with the reason; liveness does not depend on it."""
    from dataclasses import replace

    from maquette.store.database import Database

    assert (await live.nobody.get("/readyz")).json() == {"status": "ready"}
    empty = await Database.open(empty_database_url, connections_max=2)
    live.app.state.deps = replace(live.deps, database=empty)
    response = await live.nobody.get("/readyz")
    assert (response.status_code, "maquette migrate" in response.json()["detail"]) == (503, True)
    assert (await live.nobody.get("/healthz")).status_code == 200
    await empty.close()
