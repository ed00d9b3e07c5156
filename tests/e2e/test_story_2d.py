"""2D jobs: pictures that follow style and references, decisions, versions, cancelation."""

import io
import threading
import time
from collections.abc import Callable

import httpx
from PIL import Image, ImageStat
from story import Api, Fields, step_of


def _picture(api: Api, artifact: Fields) -> Image.Image:
    return Image.open(io.BytesIO(api.fetch(artifact["url"]).content))


def _mean_colour(picture: Image.Image) -> tuple[float, float, float]:
    """Mean of red, green and blue where the picture is opaque."""
    rgba = picture.convert("RGBA")
    red, green, blue = ImageStat.Stat(
        rgba.convert("RGB"), rgba.getchannel("A").point(lambda a: 255 * (a > 200))
    ).mean
    return red, green, blue


def _concept(api: Api, **brief: object) -> tuple[Fields, Image.Image]:
    job = api.gate(api.submit(**brief)["id"], "text_to_image")
    return job, _picture(api, step_of(job, "text_to_image")["artifacts"][0])


def test_a_brief_becomes_a_picture(api: Api) -> None:
    """Three steps and two gates; every look at the job on the way is told by its events alone."""
    job = api.submit(prompt="a green turtle", library_path="icons/turtle")
    listener = api.listen(job["id"], drop_every=1)
    done = api.finish(job["id"])
    api.assert_told(listener)
    assert listener.connections == len(listener.events)
    assert [step["status"] for step in done["steps"]] == ["approved", "approved", "done"]
    asset = api.ok("GET", f"/assets/{done['asset_id']}")
    assert (asset["type"], asset["library_path"], asset["version"]) == ("2D", "icons/turtle", 1)
    exported = step_of(done, "export")["artifacts"]
    assert {item["id"] for item in exported} <= {file["artifact_id"] for file in asset["files"]}
    assert _picture(api, next(item for item in exported if item["kind"] == "image")).size == (256, 256)
    metrics = step_of(done, "refine")["metrics"]
    assert metrics["duration"] > 0
    assert metrics["gpu_type"] == "cpu"


def test_the_palette_reaches_the_picture(api: Api) -> None:
    """The same brief and seed under two styles: the pictures are in their colours."""
    style = f"/projects/{api.project_id}/style"
    api.ok("PUT", style, json={"keywords": ["toy-like"], "palette": ["#d02020", "#e05030"]})
    job, red = _concept(api, prompt="a robot")
    assert "toy-like" in step_of(job, "text_to_image")["outputs"]["prompt_used"]
    assert api.ok("PUT", style, json={"palette": ["#2030d0", "#3050e0"]})["style"]["version"] == 2
    _, blue = _concept(api, prompt="a robot")
    r, _, b = _mean_colour(red)
    assert r > b + 40, "a red palette gives a red picture"
    r, _, b = _mean_colour(blue)
    assert b > r + 40, "a blue palette gives a blue picture"


def test_an_upload_is_a_reference(api: Api) -> None:
    """A reference image's colours are those of the picture; the same upload serves two jobs."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64), (30, 200, 60)).save(content, "PNG")
    upload = api.upload("green.png", "image/png", content.getvalue())
    for asset_type in ("2D", "3D"):
        job, green = _concept(api, asset_type=asset_type, prompt="a robot", reference_uploads=[upload])
        assert job["inputs"]["reference_uploads"] == [upload]
        r, g, b = _mean_colour(green)
        assert g > max(r, b) + 20


def test_a_rejection_redoes_the_step_with_changes(api: Api) -> None:
    """Notes and changes are kept, the new revision follows them, and the old one stays readable."""
    job, first = _concept(api, prompt="a red mushroom")
    listener = api.listen(job["id"])
    changes = {"prompt": "a blue mushroom", "params": {"text_to_image": {"size": 320}}}
    assert api.decide(job, "rejected", notes="blue, please", changes=changes).status_code == 200
    again = api.gate(job["id"], "text_to_image")
    step = step_of(again, "text_to_image")
    assert (step["revision"], step["attempt"]) == (1, 1)
    assert step["outputs"]["prompt_used"].startswith("a blue mushroom")
    assert step["outputs"]["seed"] == again["effective_inputs"]["seeds"]["text_to_image"] != 42
    second = _picture(api, step["artifacts"][0])
    assert (first.size, second.size) == ((256, 256), (320, 320))
    assert _mean_colour(second)[2] > _mean_colour(first)[2]
    [old] = [step for step in again["steps"] if step["name"] == "text_to_image" and step["revision"] == 0]
    assert (old["name"], old["revision"], old["status"]) == ("text_to_image", 0, "rejected")
    assert _picture(api, old["artifacts"][0]).size == (256, 256)
    [decision] = again["user_decisions"]
    assert (decision["notes"], decision["changes"], decision["revision"]) == ("blue, please", changes, 0)
    assert again["inputs"]["prompt"] == "a red mushroom"
    api.finish(job["id"])
    api.assert_told(listener)


def test_of_two_reviewers_one_wins(api: Api) -> None:
    """Both decide at the same moment: one is heard, the other gets 409 with the decision that won."""
    job, _ = _concept(api)
    answers: dict[str, httpx.Response] = {}
    together = threading.Barrier(2)

    def decide(decision: str) -> None:
        together.wait()
        answers[decision] = api.decide(job, decision, notes=f"{decision} at once")

    reviewers = [threading.Thread(target=decide, args=(word,)) for word in ("approved", "rejected")]
    for reviewer in reviewers:
        reviewer.start()
    for reviewer in reviewers:
        reviewer.join()
    by_status = {answer.status_code: word for word, answer in answers.items()}
    assert set(by_status) == {200, 409}
    problem = answers[by_status[409]].json()
    assert (problem["code"], problem["decision"]["decision"]) == ("stale_review", by_status[200])
    assert problem["decision"]["notes"] == f"{by_status[200]} at once"
    assert [item["decision"] for item in api.job(job["id"])["user_decisions"]] == [by_status[200]]
    api.ok("POST", f"/jobs/{job['id']}/cancel")


def test_a_cancel_reaches_the_worker(api: Api) -> None:
    """Work that would take long is stopped: the one slot of the worker is free for the next job at once."""
    size = {"text_to_image": {"size": 2048}}
    long = api.submit(prompt="a castle", variants=8, params=size)
    listener = api.listen(long["id"])
    running = api.until(long["id"], lambda job: step_of(job, "text_to_image")["status"] == "running")
    assert running["status"] == "running"
    begun = time.monotonic()
    canceled = api.ok("POST", f"/jobs/{long['id']}/cancel")
    assert (canceled["status"], step_of(canceled, "text_to_image")["status"]) == ("canceled", "canceled")
    api.gate(api.submit(prompt="a red fox")["id"])
    seconds = time.monotonic() - begun
    assert seconds < 10, "eight pictures of four megapixels take several times as long"
    api.assert_told(listener)
    again = api.call("POST", f"/jobs/{long['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert api.job(long["id"])["steps"][0]["artifacts"] == []


def test_a_paused_job_waits(ungated: Api) -> None:
    """A held job finishes what runs and starts nothing more until it is resumed."""
    job = ungated.submit(prompt="a red fox", params={"text_to_image": {"size": 640}})
    listener = ungated.listen(job["id"])
    ungated.until(job["id"], lambda job: step_of(job, "text_to_image")["status"] == "running")
    held = ungated.ok("POST", f"/jobs/{job['id']}/pause")
    assert held["status"] == "paused"
    ungated.until(job["id"], lambda job: step_of(job, "text_to_image")["status"] == "done")
    waiting = ungated.job(job["id"])
    assert (waiting["status"], step_of(waiting, "refine")["pause_reason"]) == ("paused", "decision")
    ungated.ok("POST", f"/jobs/{job['id']}/resume")
    ungated.finish(job["id"])
    ungated.assert_told(listener)


def test_the_same_brief_makes_the_next_version(ungated: Api) -> None:
    """Equal briefs are filed under one path as versions that never change; equal input gave equal bytes."""
    jobs = [ungated.submit(prompt="a brass key", library_path="props/key") for _ in range(2)]
    assert jobs[0]["id"] != jobs[1]["id"]
    done = [ungated.finish(job["id"]) for job in jobs]
    assert done[0]["asset_id"] == done[1]["asset_id"]
    address = f"/assets/{done[0]['asset_id']}"
    versions = [ungated.ok("GET", f"{address}/versions/{number}") for number in (1, 2)]
    assert [item["version"] for item in versions] == [1, 2]
    assert {item["lineage"]["job_id"] for item in versions} == {job["id"] for job in jobs}
    digests = [{file["name"]: file["sha256"] for file in item["files"]} for item in versions]
    assert digests[0] == digests[1]
    assert {file["artifact_id"] for file in versions[0]["files"]}.isdisjoint(
        {file["artifact_id"] for file in versions[1]["files"]}
    )
    for number in (1, 2):
        told = ungated.ok("GET", f"{address}/lineage", params={"version": number})
        assert (told["version"], told["lineage"]) == (number, versions[number - 1]["lineage"])
    latest = ungated.ok("GET", f"{address}/versions/latest")
    assert (latest["version"], ungated.ok("GET", address)["version"]) == (2, 2)
    assert ungated.call("GET", f"{address}/versions/3").status_code == 404


def test_an_idempotency_key_makes_one_job(api: Api, new_project: Callable[[str], Api]) -> None:
    """The same request again, even many at once, gives the same job; another body under the key is 422."""
    body = {"project_id": api.project_id, "asset_type": "2D", "prompt": "a lighthouse"}
    headers = {"idempotency-key": "order-7"}
    answers: list[httpx.Response] = []

    def send() -> None:
        answers.append(api.call("POST", "/jobs", json=body, headers=headers))

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {answer.status_code for answer in answers} == {201}
    [job_id] = {answer.json()["id"] for answer in answers}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    other = api.call("POST", "/jobs", json={**body, "prompt": "a windmill"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reuse")
    assert [job["id"] for job in api.ok("GET", "/jobs")["items"]] == [job_id]
    elsewhere = new_project("another")  # keys belong to a project
    made = elsewhere.ok("POST", "/jobs", json={**body, "project_id": elsewhere.project_id}, headers=headers)
    assert made["id"] != job_id
    for one, job in ((api, job_id), (elsewhere, made["id"])):
        one.ok("POST", f"/jobs/{job}/cancel")
