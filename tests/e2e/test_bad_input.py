"""What people send by mistake or in bad faith: a 4xx problem that names the field, and nothing is written."""

import json
from typing import Any

import httpx
import pytest
from own_work import png
from story import Api

_BRIEF: dict[str, Any] = {"asset_type": "2D", "prompt": "a red fox"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"asset_type": "4D"}, "asset_type"),
        ({"params": {"paint": {}}}, "paint"),
        ({"params": {"retopo": {}}}, "retopo"),
        ({"params": {"refine": {"glitter": 1}}}, "glitter"),
        ({"params": {"refine": {"scale": 99}}}, "scale"),
        ({"prompt": "x" * 10_000}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "a\x00b"}, None),
        ({"seed": -1}, "seed"),
        ({"seed": float("nan")}, None),
        ({"metadata": {"weight": float("inf")}}, None),
        ({"asset_type": "3D", "skip": ["image_to_3d"]}, "skip"),
        ({"asset_type": "3D", "skip": ["rig"]}, "skip"),
        ({"skip": ["polish"]}, "skip"),
        ({"reference_uploads": ["upl_00000000000000000000000000"]}, "reference_uploads"),
        ({"library_path": "../../etc/passwd"}, "library_path"),
        ({"variants": 9}, "variants"),
        ({"colour": "red"}, "colour"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_bad_brief_is_a_problem(api: Api, change: dict[str, Any], field: str | None) -> None:
    """422 names the field (or the place in the JSON), and no job is there afterwards."""
    body = json.dumps({"project_id": api.project_id, **_BRIEF, **change})
    refused = api.call("POST", "/jobs", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    if field is None:
        assert problem["code"] == "malformed_json"
    else:
        assert field in [part for detail in problem["details"] for part in detail["loc"]], problem
    assert api.ok("GET", "/jobs")["items"] == []


def test_an_unknown_project_is_not_found(api: Api) -> None:
    """A project that does not exist, and an id that is none."""
    for project in ("prj_00000000000000000000000000", "prj_x", ""):
        refused = api.call("POST", "/jobs", json={"project_id": project, **_BRIEF})
        assert refused.status_code == 404, refused.text
        assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"project_id": "x", "prompt": "' + b"a" * 1_100_000 + b'"}', 413),
        (b'{"prompt": "\xff\xfe"}', 422),
        (b"[" * 5_000 + b"]" * 5_000, 422),
        (b'{"metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", 422),
        (b'{"seed": 1e999}', 422),
        (b'{"prompt": "\\ud800"}', 422),
        (b'{"prompt": "a", "prompt"', 422),
        (b"", 422),
    ],
    ids=["too large", "no UTF-8", "deep list", "deep object", "infinite", "half a pair", "cut off", "empty"],
)
def test_a_body_that_is_no_sound_json_is_a_problem(api: Api, body: bytes, status: int) -> None:
    """Too large is 413; invalid UTF-8, depth, overflow and what cannot be stored are 422; never a 5xx."""
    refused = api.call("POST", "/jobs", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == status, refused.text
    assert refused.json()["code"] in {"too_large", "malformed_json", "invalid_request"}
    assert refused.json()["request_id"]
    assert api.ok("GET", "/jobs")["items"] == []


def test_a_bad_review_decides_nothing(api: Api) -> None:
    """Unknown steps, foreign selections, changes beyond what is redone: the gate stays open."""
    job = api.gate(api.submit(prompt="a red fox")["id"])
    other = api.gate(api.submit(prompt="a blue fox")["id"])
    foreign = other["steps"][0]["artifacts"][0]["id"]
    for decision, more, field in [
        ("approved", {"selection": [foreign]}, "selection"),
        ("approved", {"changes": {"prompt": "a cat"}}, "prompt"),
        ("rejected", {"changes": {"params": {"refine": {"scale": -1}}}}, "scale"),
        ("rejected", {"changes": {"seed": -1}}, "seed"),
        ("rejected", {"rewind_to": "export"}, "rewind_to"),
        ("rejected", {"rewind_to": "polish"}, "rewind_to"),
        ("rejected", {"notes": "x" * 5_000}, "notes"),
        ("maybe", {}, "decision"),
        ("approved", {"step": "polish"}, "step"),
    ]:
        refused = api.decide(job, decision, **more)
        assert refused.status_code == 422, (decision, more, refused.text)
        assert field in [part for detail in refused.json()["details"] for part in detail["loc"]], refused.text
    stale = api.decide(job, revision=3)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_review")
    after = api.job(job["id"])
    assert (after["status"], after["user_decisions"]) == ("awaiting_review", [])


def test_an_upload_that_is_not_what_was_announced_is_refused(api: Api) -> None:
    """Other bytes than announced are not stored, and a brief that names the upload is refused."""
    announced = {"name": "a.png", "media_type": "image/png", "bytes": 4, "sha256": "0" * 64}
    grant = api.ok("POST", "/uploads", json={"project_id": api.project_id, **announced})
    for content in (b"abcd", b"abcde"):
        sent = httpx.put(api.absolute(grant["url"]), headers=grant["headers"], content=content)
        assert sent.status_code == 422, sent.text
    refused = api.call(
        "POST", "/jobs", json={"project_id": api.project_id, **_BRIEF, "reference_uploads": [grant["id"]]}
    )
    assert refused.status_code == 422
    assert refused.json()["details"][0]["loc"][-1] == "reference_uploads"


def test_an_upload_whose_bytes_are_something_else_is_refused(api: Api) -> None:
    """What only calls itself PNG never gets to a worker: the brief that names it says why not."""
    upload = api.upload("broken.png", "image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 64)
    refused = api.call(
        "POST", "/jobs", json={"project_id": api.project_id, **_BRIEF, "reference_uploads": [upload]}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "unusable_upload")
    assert refused.json()["details"][0]["type"] == "damaged"


def test_a_reference_that_is_no_picture_fails_the_step(api: Api) -> None:
    """A PNG whose pixels are none fails the step with a code, and the job with it; nothing is half-made."""
    whole = png()
    place = whole.index(b"IDAT") + 4
    upload = api.upload("broken.png", "image/png", whole[:place] + b"\xff" * 4 + whole[place + 4 :])
    job = api.submit(prompt="a robot", reference_uploads=[upload])
    listener = api.listen(job["id"])
    failed = api.until(job["id"], lambda job: job["status"] == "failed")
    step = failed["steps"][0]
    assert (step["status"], step["attempt"], step["artifacts"]) == ("failed", 1, [])
    assert failed["error"]["code"] == step["error"]["code"]
    assert failed["error"]["class"] == "invalid"
    assert failed["error"]["dead_letter_id"].startswith("dlq_")
    api.assert_told(listener)
    refused = api.call("POST", f"/jobs/{job['id']}/cancel")
    assert refused.status_code == 409
