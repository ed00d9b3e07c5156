"""Every endpoint of the document × every role: a new one cannot be forgotten."""

from typing import Any

from maquette.domain.permissions import RULES

#: Bodies that are valid, so that what refuses is the permission.
BODIES: dict[str, dict[str, Any]] = {
    "submit_job": {"project_id": "{project}", "asset_type": "2D", "prompt": "a fox"},
    "review_job": {"step": "text_to_image", "revision": 0, "decision": "approved"},
    "create_project": {"name": "x"},
    "change_project": {"name": "x"},
    "put_project_style": {},
    "put_project_constraints": {},
    "put_project_routes": {"routes": {}},
    "put_project_gates": {"gates": []},
    "put_project_retention": {},
    "run_project_retention": {"dry_run": True},
    "create_key": {"name": "x"},
    "rotate_key": {},
    "add_member": {"role": "viewer", "subject": "usr_00000000000000000000000000"},
    "put_members": {"members": []},
    "put_member": {"role": "viewer"},
    "create_operator_key": {"name": "x"},
    "rotate_operator_key": {},
    "create_worker_token": {"name": "x"},
    "rotate_worker_token": {},
    "create_webhook": {"project_id": "{project}", "url": "https://example.com/hook"},
    "change_webhook": {"name": "x"},
    "create_upload": {
        "project_id": "{project}",
        "name": "a.png",
        "media_type": "image/png",
        "bytes": 1,
        "sha256": "a" * 64,
    },
}
#: What a user of another project may do: nothing with this project's things, but his own lists are his.
OWN = {"list_jobs", "list_projects", "list_services", "list_webhooks", "get_me"}
OPERATORS_ONLY = {name for name, rule in RULES.items() if rule.kinds == {"operator"}}


async def test_every_endpoint_denies_who_may_not(live: Any) -> None:
    """Nobody: 401. A worker: 403. Another project's user: 404 for each id of ours, as for ids that do not exist."""
    job = await live.brief()
    await live.work(b"x")
    artifact = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"][0]["id"]
    keys = (await live.user.get(f"/projects/{live.project_id}/keys")).json()["items"]
    theirs = (await live.operator.post("/projects", json={"name": "Other"})).json()["id"]
    token = (
        await live.operator.post(f"/projects/{theirs}/keys", json={"name": "Eve", "role": "owner"})
    ).json()["key"]
    eve = {"authorization": f"Bearer {token}"}
    missing = {name: f"{name}_00000000000000000000000000" for name in ("job", "art", "ast", "prj", "mq")}
    batch = await live.user.post(
        "/batches",
        params={"project_id": live.project_id},
        content=b'{"asset_type": "2D", "prompt": "a fox"}',
        headers={"content-type": "application/jsonl"},
    )
    body = {"project_id": live.project_id, "url": "https://example.com/ours"}
    webhook = (await live.user.post("/webhooks", json=body)).json()["id"]
    announced = {**BODIES["create_upload"], "project_id": live.project_id}
    upload = (await live.user.post("/uploads", json=announced)).json()
    ours = {
        "webhook_id": webhook,
        "delivery_id": "whd_00000000000000000000000000",
        "batch_id": batch.json()["id"],
        "job_id": job["id"],
        "project_id": live.project_id,
        "artifact_id": artifact,
        "asset_id": missing["ast"],
        "key_id": keys[0]["id"],
        "subject": "usr_00000000000000000000000000",
        "upload_id": upload["id"],
        "version": "1",
    }
    checked = 0
    for path, item in live.app.openapi()["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            if "security" not in operation or path.startswith("/worker/"):
                continue  # links carry their own permission; workers have a test of their own
            address = path.format(**ours)
            body = {
                key: value.format(project=live.project_id) if isinstance(value, str) else value
                for key, value in BODIES.get(name, {}).items()
            }
            content: dict[str, Any] = {"json": body} if name in BODIES else {}
            content["params"] = {
                item["name"]: ours[item["name"]]
                for item in operation.get("parameters", [])
                if item["in"] == "query" and item["required"]
            }

            async def status(
                client: Any,
                headers: dict[str, str] | None = None,
                *,
                method: str = method,
                address: str = address,
                content: dict[str, Any] = content,
            ) -> int:
                return int((await client.request(method, address, headers=headers, **content)).status_code)

            assert await status(live.nobody) == 401, name
            assert await status(live.nobody, {"authorization": "Bearer mq_nonsense"}) == 401, name
            assert await status(live.nobody, {"authorization": "Basic YTpi"}) == 401, name
            assert await status(live.worker) == (200 if name == "get_me" else 403), name
            expected = 200 if name in OWN else 403 if name in OPERATORS_ONLY else 404
            assert await status(live.nobody, eve) == expected, name
            checked += 1
    assert checked > 20
    for path in OWN - {"get_me"}:
        listed = await live.nobody.get(f"/{path.removeprefix('list_')}", headers=eve)
        assert live.project_id not in listed.text
    unchanged = (await live.user.get(job["urls"]["self"])).json()
    assert (await live.user.get(f"/webhooks/{webhook}")).json()["status"] == "enabled"
    assert (unchanged["status"], len(unchanged["user_decisions"])) == ("awaiting_review", 0)


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
