import uuid
from typing import Any


async def beat(live: Any, name: str, **more: Any) -> int:
    body = {"worker_epoch": str(uuid.uuid4()), "worker": name, "held": [], "services": ["studio"], **more}
    return int((await live.worker.post("/worker/heartbeats", json=body)).status_code)


async def test_services_show_who_works_and_what_waits(live: Any) -> None:
    """A service shows its live workers with their steps, what they hold, and ready tasks by step."""
    await live.brief()
    await live.brief()
    [idle] = (await live.user.get("/services")).json()["items"]
    waiting = {"workers": [], "running": 0, "waiting": [{"step": "text_to_image", "tasks": 2}]}
    assert idle.items() >= {"name": "studio", "available": True, "steps": [], **waiting}.items()
    assert await beat(live, "b", steps=["refine", "text_to_image", "refine"]) == 200
    assert await beat(live, "a", steps=["export"], draining=True) == 200
    assert await beat(live, "elsewhere", services=["comfyui"]) == 200
    await live.worker.post("/worker/claims", json=live.claim())
    comfyui, studio = (await live.operator.get("/services")).json()["items"]
    assert studio["steps"] == ["text_to_image", "refine", "export"]
    assert [(worker["name"], worker["draining"]) for worker in studio["workers"]] == [
        ("a", True),
        ("b", False),
    ]
    assert studio["workers"][1]["last_heartbeat_at"].endswith("Z")
    assert (studio["running"], studio["waiting"]) == (1, [{"step": "text_to_image", "tasks": 1}])
    assert len(comfyui["steps"]) == 7  # it named none: all of its service's


async def test_heartbeats_name_known_steps_only(live: Any) -> None:
    """A step that does not exist, or a service that cannot be named, is refused as in a claim."""
    assert await beat(live, "x", steps=["polish"]) == 422
    assert await beat(live, "x", services=["Not A Name"]) == 422


async def test_the_root_says_what_this_is(client: Any) -> None:
    """Programs get JSON, browsers a page, probes their headers."""
    root = (await client.get("/")).json()
    assert root["name"] == "Maquette"
    for path in root["urls"].values():
        assert path == "/readyz" or (await client.get(path)).status_code == 200
    page = await client.get("/", headers={"accept": "text/html,*/*"})
    assert "<h1>Maquette" in page.text
    for path in ("/", "/healthz"):
        probed = await client.head(path)
        assert (probed.status_code, probed.content) == (200, b"")
