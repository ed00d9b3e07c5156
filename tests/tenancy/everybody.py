"""One installation with one of everything, somebody of every kind, and how each operation of the document is called."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from live_api import Live, client_of

from maquette.domain import typeid
from maquette.domain.permissions import RULES, Rule
from maquette.services.ids import new_id

#: Bodies where the document's example is none that this installation can take, or names what only operators may set.
BODIES: dict[str, Any] = {
    "submit_job": {"project_id": "prj", "asset_type": "2D", "prompt": "a fox"},
    "review_job": {"step": "text_to_image", "revision": 0, "decision": "approved"},
    "pause_job": {},
    "resume_job": {},
    "redrive_dead_letter": {},
    "discard_dead_letter": {"reason": "no use"},
    "put_project_constraints": {},
    "put_project_quotas": {"per_user": {}},
    "put_project_safety": {},
    "put_safety_policy": {},
    "run_project_retention": {"dry_run": False},
    "block_artifact": {"artifact_id": "art", "reason": "not ours", "categories": ["violence"]},
    "appeal_safety_decision": {"reason": "it is a fox"},
    "override_safety_decision": {"verdict": "allow", "reason": "it is a fox", "in_force": "block"},
    "change_webhook": {"name": "x"},
    "rotate_webhook_secret": {},
    "rotate_project_webhook_secret": {},
    "put_members": {"members": [{"subject": "usr_01kgh5s1d0f3c8m5y2w9x7v4tz", "role": "owner"}]},
}
#: What parameters take that are no ids.
WORDS = {
    "version": "1",
    "name": "studio",
    "sink": "kafka",
    "from": "0",
    "subject": "usr_01kgh5s1d0f3c8m5y2w9x7v4tz",
}
#: Operations that nobody calls about one project alone: who may call them at all gets what is his.
LISTS = {
    "list_jobs", "list_projects", "list_services", "list_webhooks", "list_dead_letters", "list_safety_decisions",
    "get_usage", "get_me", "list_sinks", "get_service_rates", "get_service",
}  # fmt: skip
#: How long a stream is listened to before it counts as answered.
STREAM_SECONDS = 0.1
#: What the relay would write of the test event; it does not run here.
_DELIVERED = """
insert into webhook_deliveries (id, project_id, webhook_id, stream_id, sequence, event_id, event_type, body, status,
                                attempts, tries, due_at, created_at, finished_at)
select $1, $2, $3, $3, 1, $1, 'WebhookTest', '{}', 'succeeded', 1, 1, now(), now(), now()
"""
#: A sink that was served once: forgetting it is an act, and so is telling it something again.
_SWITCHED_OFF = """
insert into sinks (sink, published, failures) values ('kafka', 1, 0) on conflict do nothing
"""


@dataclass
class Somebody:
    """A caller, and what the permission table has to say of him."""

    name: str
    client: httpx.AsyncClient
    kind: str | None = None
    role: str | None = None
    scopes: frozenset[str] | None = None
    member: bool = True

    def expected(self, operation: str, rule: Rule) -> set[int] | None:
        """Return the statuses that the table prescribes; None: whatever, but no refusal."""
        order = ["viewer", "artist", "reviewer", "owner"]
        if self.kind is None:
            return {401}
        if self.kind not in rule.kinds or (
            self.scopes is not None and rule.scope not in {None, *self.scopes}
        ):
            return {403}
        if rule.role is None or self.kind == "operator":
            return None
        if order.index(str(self.role)) < order.index(rule.role):
            return {403}
        return None if self.member else {200} if operation in LISTS else {404}


@dataclass
class World:
    """An installation, whom it knows, and the ids of what there is in the project that everything is about."""

    live: Live
    people: list[Somebody] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Every operation of the document that takes credentials: method, path, what the document says."""
        paths = self.live.app.openapi()["paths"]
        return [
            (method, path, operation)
            for path, item in paths.items()
            for method, operation in item.items()
            if RULES[operation["operationId"]].kinds
        ]

    def body(self, operation: dict[str, Any]) -> Any:
        """Return a valid body: this module's, or the document's first example. An operation without either fails."""
        name = operation["operationId"]
        if name in BODIES:
            return self._at_home(BODIES[name])
        [content] = operation["requestBody"]["content"].values()
        components = self.live.app.openapi()["components"]
        found = next(iter(content.get("examples", {}).values()), None)
        if found is None:
            found = content.get("example")
        if found is None:
            shape = components["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            found = shape["examples"][0]
        if isinstance(found, dict) and "$ref" in found:
            found = components["examples"][found["$ref"].rpartition("/")[2]]
        return self._at_home(found["value"] if isinstance(found, dict) and "value" in found else found)

    def _at_home(self, value: Any) -> Any:
        """Let a body be about the things of this project."""
        if isinstance(value, list):
            return [self._at_home(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self.ids[name] if name in self.ids and isinstance(item, str) else self._at_home(item)
            for name, item in value.items()
        }

    async def call(
        self,
        who: Somebody,
        method: str,
        path: str,
        operation: dict[str, Any],
        ids: Mapping[str, str] | None = None,
    ) -> httpx.Response | None:
        """Call an operation as somebody, with everything it needs; None: it streams."""
        known = WORDS | self.ids | dict(ids or {})
        more: dict[str, Any] = {
            "params": {
                item["name"]: known[item["name"]]
                for item in operation.get("parameters", [])
                if item["in"] == "query" and (item["required"] or item["name"] == "project_id")
            }
        }
        if operation["operationId"] in LISTS:
            more["params"] = {}
        if "requestBody" in operation:
            body = self.body(operation)
            media_type = next(iter(operation["requestBody"]["content"]))
            more["content"] = body if isinstance(body, str) else json.dumps(body)
            more["headers"] = {"content-type": media_type}
        try:
            async with asyncio.timeout(
                STREAM_SECONDS if operation["operationId"].startswith("follow_") else 30
            ):
                return await who.client.request(method, path.format(**known), **more)
        except TimeoutError:
            assert operation["operationId"].startswith("follow_"), operation["operationId"]
            return None


async def populate(live: Live) -> World:
    """Put one of everything into the project, and make somebody of every kind."""
    world = World(live)
    project = f"/projects/{live.project_id}"
    ids = world.ids
    ids["project_id"] = live.project_id
    await live.operator.patch(project, json={"open_jobs_max": 1000})

    async def made(client: httpx.AsyncClient, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        response = await client.post(path, json=body, **more)
        assert response.status_code < 300, (path, response.text)
        return dict(response.json())

    async def key(name: str, home: str, role: str, scopes: list[str] | None = None) -> Somebody:
        text = (
            await made(
                live.operator, f"/projects/{home}/keys", {"name": name, "role": role, "scopes": scopes}
            )
        )["key"]
        narrowed = None if scopes is None else frozenset(scopes)
        return Somebody(name, client_of(live.app, text), "user", role, narrowed, home == live.project_id)

    elsewhere = (await made(live.operator, "/projects", {"name": "Other"}))["id"]
    token = (await made(live.operator, "/worker-tokens", {"name": "farm", "services": ["comfyui"]}))["key"]
    world.people = [
        Somebody("nobody", live.nobody),
        Somebody("nonsense", client_of(live.app, "mq_nonsense")),
        await key("viewer", live.project_id, "viewer"),
        await key("artist", live.project_id, "artist"),
        await key("reviewer", live.project_id, "reviewer"),
        await key("narrowed owner", live.project_id, "owner", ["assets:read"]),
        await key("foreign viewer", elsewhere, "viewer"),
        await key("foreign owner", elsewhere, "owner"),
        Somebody("worker", live.worker, "worker"),
        Somebody("worker of another service", client_of(live.app, token), "worker"),
        Somebody("owner", live.user, "user", "owner"),
        Somebody("operator", live.operator, "operator"),
    ]
    await _things(world, made)
    return world


async def _things(world: World, made: Any) -> None:
    live, ids = world.live, world.ids
    project = f"/projects/{live.project_id}"
    job = await live.brief()
    for _ in range(3):
        await live.work()
        shown = (await live.user.get(job["urls"]["self"])).json()
        if shown["status"] == "awaiting_review":
            step = {"step": shown["current_step"], "revision": 0, "decision": "approved"}
            await made(live.user, f"/jobs/{job['id']}/review", step)
    shown = (await live.user.get(job["urls"]["self"])).json()
    ids["asset_id"] = shown["asset_id"]
    ids["artifact_id"] = shown["steps"][0]["artifacts"][0]["id"]
    await live.brief()
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    held = {"task_id": task["task_id"], "fence": task["fence"]}
    failed = {**held, "status": "failed", "error_class": "invalid", "error_code": "x"}
    reported = await live.worker.post("/worker/outcomes", json={"outcomes": [failed]})
    assert [item["verdict"] for item in reported.json().get("verdicts", [])] == ["applied"], reported.text
    [letter] = (await live.user.get("/dead-letters")).json()["items"]
    ids["letter_id"] = letter["id"]
    order = {"project_id": live.project_id, "filter": {"error_code": "none"}, "per_minute": 1}
    ids["redrive_id"] = (await made(live.user, "/dead-letters/redrive", order))["id"]
    waiting = await live.brief()
    ids["job_id"] = waiting["id"]
    await live.work()
    found = (await live.user.get(waiting["urls"]["self"])).json()["steps"][0]["artifacts"][0]["id"]
    word = {"artifact_id": ids["artifact_id"], "reason": "not ours", "categories": ["violence"]}
    ids["decision_id"] = (await made(live.user, "/safety/decisions", word))["id"]
    ids["artifact_id"] = found
    upload = {"name": "a.png", "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}
    ids["upload_id"] = (await made(live.user, "/uploads", {"project_id": live.project_id, **upload}))["id"]
    lines = {
        "content": b'{"asset_type": "2D", "prompt": "a fox"}',
        "headers": {"content-type": "application/jsonl"},
    }
    batch = await live.user.post("/batches", params={"project_id": live.project_id}, **lines)
    ids["batch_id"] = batch.json()["id"]
    await made(live.operator, f"{project}/members", {"subject": WORDS["subject"], "role": "owner"})
    await renew(world)


async def renew(world: World) -> None:
    """Make anew what an operation may have used up: keys by the kind of path, a webhook with something sent."""
    live, ids = world.live, world.ids
    hook = {"project_id": live.project_id, "url": "https://example.com/hook"}
    response = await live.user.post("/webhooks", json=hook)
    if response.status_code == 201:
        ids["webhook_id"] = response.json()["id"]
        await live.user.post(f"/webhooks/{ids['webhook_id']}/test")
        delivery = new_id()
        async with live.deps.database.transaction() as connection:
            await connection.execute(
                _DELIVERED,
                delivery,
                typeid.decode("prj", live.project_id),
                typeid.decode("whk", ids["webhook_id"]),
            )
        ids["delivery_id"] = typeid.encode("whd", delivery)
    async with live.deps.database.transaction() as connection:
        await connection.execute(_SWITCHED_OFF)
    replay = await live.operator.post("/sinks/kafka/replays", json={"since": "2026-01-01T00:00:00Z"})
    ids["replay_id"] = replay.json()["id"]
    for name, path in (
        ("key", f"/projects/{live.project_id}/keys"),
        ("operator", "/operators/keys"),
        ("token", "/worker-tokens"),
    ):
        found = await live.operator.post(path, json={"name": "spare"})
        assert found.status_code == 201, found.text
        ids[name] = found.json()["id"]
    ids["key_id"] = ids["key"]


def key_of(world: World, path: str) -> dict[str, str]:
    """Return which key an operation on keys is about."""
    if path.startswith("/operators"):
        return {"key_id": world.ids["operator"]}
    return {"key_id": world.ids["token"]} if path.startswith("/worker-tokens") else {}
