"""Safety over HTTP: what a held, a blocked and a taken-away thing looks like, and who may say what of it."""

from typing import Any

from played import Played

from maquette.api.shapes import assets as asset_shapes
from maquette.api.shapes import jobs as job_shapes
from maquette.api.shapes import safety as shapes

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


async def decisions(live: Any, **query: Any) -> list[dict[str, Any]]:
    answer = await live.user.get("/safety/decisions", params=query)
    assert answer.status_code == 200, answer.text
    return list(shapes.DecisionPage.model_validate_json(answer.content).model_dump()["items"])


async def test_a_held_job_shows_why_and_goes_on_with_a_word(live: Any) -> None:
    """Its decision is found by job, appealed against, overridden, and shows all of that."""
    live.deps.moderation.rules = Played()
    job = await live.brief(prompt="maybe a fox")
    assert (job["status"], job["steps"][0]["pause_reason"], job["safety"]) == ("paused", "safety", None)
    [found] = await decisions(live, job_id=job["id"], in_force="hold", stage="prompt", appealed="false")
    address = f"/safety/decisions/{found['id']}"
    assert (await live.user.post(f"{address}/appeal", json={"reason": "A toy."})).status_code == 200
    refused = await live.user.post(f"{address}/appeal", json={"reason": "Again."})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    word = {"verdict": "allow", "reason": "A toy indeed."}
    assert (await live.user.post(f"{address}/override", json=word)).status_code == 200
    late = await live.user.post(f"{address}/override", json=word)
    assert (late.status_code, late.json()["code"]) == (409, "stale_safety_decision")
    assert late.json()["decision"] == {"id": found["id"], "in_force": "allow"}
    shown = shapes.Decision.model_validate_json((await live.user.get(address)).content)
    assert (shown.in_force, shown.appeal and shown.appeal.reason) == ("allow", "A toy.")
    assert (await live.user.get(job["urls"]["self"])).json()["status"] == "queued"
    for stranger, status in ((live.nobody, 401), (live.worker, 403)):
        assert (await stranger.get(address)).status_code == status


async def test_a_refusal_names_its_decision(live: Any) -> None:
    """The problem carries stage, categories, versions and the id under which it can be appealed against."""
    live.deps.moderation.rules = Played()
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "never a fox"}
    refused = await live.user.post("/jobs", json=body)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "content_policy_violation")
    assert problem["policy_version"] == {"floor": 2, "platform": 0, "project": 0}
    found = (await live.user.get(f"/safety/decisions/{problem['decision_id']}")).json()
    assert (found["verdict"], found["job_id"], found["evidence"][0]["where"]) == (
        "block", None, "text_to_image.prompt",
    )  # fmt: skip


async def test_files_without_a_verdict_have_no_links(live: Any) -> None:
    """Not in the job, not by content, not in the library; each answer says why."""
    live.deps.moderation.rules = Played()
    job = await live.brief()
    await live.work(PNG, prompt_used="maybe a fox")
    shown = job_shapes.Job.model_validate_json((await live.user.get(job["urls"]["self"])).content)
    [file] = shown.steps[0].artifacts
    assert (file.withheld, file.url, shown.steps[0].outputs) == ("awaiting", None, {})
    content = await live.user.get(f"/artifacts/{file.id}/content")
    assert (content.status_code, content.json()["code"]) == (409, "awaiting_safety_verdict")
    [found] = await decisions(live, job_id=job["id"])
    await live.user.post(
        f"/safety/decisions/{found['id']}/override", json={"verdict": "allow", "reason": "Fine."}
    )
    for step in ("text_to_image", "refine"):
        if step == "refine":
            await live.work(PNG)
        review = {"step": step, "revision": 0, "decision": "approved"}
        assert (await live.user.post(job["urls"]["review"], json=review)).status_code == 200
    await live.work(PNG)
    job = (await live.user.get(job["urls"]["self"])).json()
    assert job["status"] == "succeeded"
    block = {"artifact_id": file.id, "reason": "It shows a person.", "categories": ["personal_data"]}
    made = await live.user.post("/safety/decisions", json=block)
    assert made.status_code == 201, made.text
    assert shapes.Decision.model_validate_json(made.content).in_force == "block"
    content = await live.user.get(f"/artifacts/{file.id}/content")
    assert (content.status_code, content.json()["code"]) == (403, "content_blocked")
    asset = asset_shapes.Asset.model_validate_json(
        (await live.user.get(f"/assets/{job['asset_id']}")).content
    )
    [gone] = [item for item in asset.files if item.artifact_id == file.id]
    assert (gone.withheld, gone.url, gone.cdn_url) == ("blocked", None, None)


async def test_policies_have_versions_and_are_checked(live: Any) -> None:
    """What a policy cannot hold is named; the platform's is for operators alone."""
    address = f"/projects/{live.project_id}/safety"
    assert (await live.user.get(address)).json()["version"] == 0
    wrong = await live.user.put(address, json={"moderator": {"stages": ["dream"], "on_failure": "pray"}})
    assert wrong.status_code == 422
    assert [item["loc"] for item in wrong.json()["details"]] == [
        ["moderator", "stages"], ["moderator", "on_failure"],
    ]  # fmt: skip
    for number in (1, 2):
        policy = {"moderator": {"thresholds": {"gore": {"hold": 0.1 * number}}}}
        assert (await live.user.put(address, json=policy)).json()["version"] == number
    first = shapes.Policy.model_validate_json((await live.user.get(address, params={"version": 1})).content)
    assert first.policy == {"moderator": {"thresholds": {"gore": {"hold": 0.1}}}}
    assert (await live.brief())["safety"] == {"floor": 2, "platform": 0, "project": 2}
    assert (await live.user.put("/safety/policy", json={})).status_code == 403
    assert (await live.operator.put("/safety/policy", json={})).json()["version"] == 1
    assert (await live.brief())["safety"] == {"floor": 2, "platform": 1, "project": 2}
