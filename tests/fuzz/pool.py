"""Ids of things that exist, so that made-up requests get past 404; renewed while the run uses them up."""

import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from live_api import Live

#: What a parameter or a member of that name wants: the prefix of its ids.
PREFIXES = {
    "job_id": "job",
    "project_id": "prj",
    "artifact_id": "art",
    "asset_id": "ast",
    "batch_id": "bat",
    "webhook_id": "whk",
    "delivery_id": "whd",
    "key_id": "mq",
    "from_asset": "ast",
    "reference_uploads": "upl",
    "selection": "art",
}
#: Words that the document only describes: by chance nobody would say them.
WORDS: dict[str, list[Any]] = {
    "asset_type": ["2D", "3D"],
    "step": ["text_to_image", "refine", "export", "before_export"],
    "before": ["refine", "export"],
    "rewind_to": ["text_to_image", None],
    "redo_from": ["refine", None],
    "media_type": ["image/png", "image/jpeg", "image/webp", "model/gltf-binary"],
    "sha256": ["a" * 64, "0" * 64],
    "claim_id": [str(uuid.UUID(int=number)) for number in range(3)],
    "worker_epoch": [str(uuid.UUID(int=number)) for number in range(3)],
    "services": [["studio"], ["studio", "other"]],
    "steps": [[], ["text_to_image"], ["refine", "export"]],
    "skip": [[], ["refine"], ["rig", "anim"]],
    "name": ["a.png", "model.glb", "Ada"],
    "kind": ["image", "mesh", "model"],
    "library_path": ["characters/fox", ""],
    "url": ["https://example.com/hook"],
    "webhook_url": ["https://example.com/job", None],
    "palette": [["#c83a34"], []],
    "provide": [{}],
    "params": [{}, {"text_to_image": {"size": 256}}, {"export": {"formats": ["glb"]}}],
    "replacements": [{}],
    "prompt": ["a red fox", "ein rostiger Roboter, bemalt", "🦊"],
    "negative_prompt": ["", "blurry"],
    "changes": [{}, {"prompt": "a blue fox"}, {"seed": 7}],
    "max_cost": [None],
    "fallback": ["allow"],
    "reuse": ["allow", "never"],
    "dry_run": [False],
    "gates": [["text_to_image"], ["before_export"], []],
}
KEPT = 40
#: Older ones were mostly used up.
NEWEST = 12
Choose = Callable[[list[Any]], Any]
#: What the played worker can do: a 2D job has a gate after its first step.
STEPS = ["text_to_image", "refine", "export"]


class Pool:
    """What answers told of, the newest of each kind."""

    def __init__(self) -> None:
        self._ids: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT))
        self.leases: deque[tuple[str, int]] = deque(maxlen=KEPT)
        self.links: deque[str] = deque(maxlen=KEPT)

    def learn(self, value: Any) -> None:
        """Keep every id, lease and signed link of a JSON answer."""
        if isinstance(value, dict):
            if isinstance(value.get("task_id"), str) and isinstance(value.get("fence"), int):
                self.leases.append((value["task_id"], value["fence"]))
            for item in value.values():
                self.learn(item)
        elif isinstance(value, list):
            for item in value:
                self.learn(item)
        elif isinstance(value, str):
            if value.startswith("/files/"):
                self.links.append(value)
            prefix, _, rest = value.rpartition("_")
            if len(rest) == 26 and prefix in PREFIXES.values() and value not in self._ids[prefix]:
                self._ids[prefix].append(value)

    def of(self, name: str) -> list[str]:
        """Return ids that a parameter of this name may take; none when it takes none or none is known."""
        return list(self._ids.get(PREFIXES.get(name, ""), ()))[-NEWEST:]

    def fill(self, value: Any, choose: Choose, coin: Callable[[], bool]) -> Any:
        """Put what exists and what means something into a request's body, wherever the coin says so."""
        if isinstance(value, list):
            return [self.fill(item, choose, coin) for item in value]
        if not isinstance(value, dict):
            return value
        filled = {name: self._member(name, item, choose, coin) for name, item in value.items()}
        if self.leases and filled.keys() >= {"task_id", "fence"} and coin():
            filled["task_id"], filled["fence"] = choose(list(self.leases))
        return filled

    def _member(self, name: str, value: Any, choose: Choose, coin: Callable[[], bool]) -> Any:
        known = self.of(name)
        if known and isinstance(value, str) and coin():
            return choose(known)
        if known and isinstance(value, list) and choose([True, False]):
            return [choose(known) for _ in value[:2]]
        if name in WORDS and coin():
            return choose(WORDS[name])
        return self.fill(value, choose, coin)


async def renew(live: Live, pool: Pool) -> None:
    """Make the project sane again, and jobs in every state: waiting, leased, at a gate, held, given up, filed."""
    project = f"/projects/{live.project_id}"
    await live.operator.patch(project, json={"open_jobs_max": 10_000_000})
    await live.operator.put(f"{project}/style", json={})
    await live.operator.put(f"{project}/gates", json={"gates": ["text_to_image"]})
    for _ in range(6):
        pool.learn(await live.brief(priority="high"))
    for _ in range(7):
        await _work(live, pool)
    waiting = await live.user.get(
        "/jobs", params={"project_id": live.project_id, "status": "awaiting_review"}
    )
    for job in waiting.json()["items"][:4]:
        answer = {
            "step": job["current_step"],
            "revision": job["steps"][-1]["revision"],
            "decision": "approved",
        }
        pool.learn((await live.user.post(f"/jobs/{job['id']}/review", json=answer)).json())
    for _ in range(6):
        await _work(live, pool)
    await _around(live, pool, project)
    listed = await live.user.get("/jobs", params={"project_id": live.project_id, "limit": 12})
    pool.learn(listed.json())
    pool.learn((await live.user.get(f"{project}/assets", params={"limit": 5})).json())


async def _around(live: Live, pool: Pool, project: str) -> None:
    """Make what stands beside jobs: a webhook, a key, an upload, a batch."""
    hooks = (await live.user.get("/webhooks", params={"project_id": live.project_id, "limit": 100})).json()
    for old in hooks["items"][NEWEST:]:
        await live.user.delete(f"/webhooks/{old['id']}")
    hook = {"project_id": live.project_id, "url": f"https://example.com/{uuid.uuid4()}"}
    made = (await live.user.post("/webhooks", json=hook)).json()
    pool.learn(made)
    if "id" in made:
        await live.user.post(f"/webhooks/{made['id']}/test")
        pool.learn((await live.user.get(f"/webhooks/{made['id']}/deliveries")).json())
    pool.learn({"key": (await live.operator.post(f"{project}/keys", json={"name": "x"})).json()["id"]})
    upload = {"name": "a.png", "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}
    pool.learn((await live.user.post("/uploads", json={"project_id": live.project_id, **upload})).json())
    batch = await live.user.post(
        "/batches",
        params={"project_id": live.project_id},
        content=b'{"asset_type": "2D", "prompt": "a fox"}\n',
        headers={"content-type": "application/jsonl"},
    )
    pool.learn(batch.json())


async def _work(live: Live, pool: Pool) -> None:
    """Do one step, if there is one to do."""
    claimed = await live.worker.post("/worker/claims", json=live.claim(steps=STEPS))
    pool.learn(claimed.json())
    for task in claimed.json()["tasks"]:
        await live.report(task)
