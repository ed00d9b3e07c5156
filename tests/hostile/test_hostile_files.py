"""The corpus of bad files over HTTP: each is refused where it is used, by its reason, and leaves nothing behind."""

import hashlib
from typing import Any

from live_api import Live
from uploads_corpus import BAD, GOOD, glb_of, picture, triangle


async def bring(live: Live, data: bytes, media_type: str, name: str = "brought.bin") -> dict[str, Any]:
    """Announce a file and send it; return the upload."""
    announced = {
        "project_id": live.project_id,
        "name": name,
        "media_type": media_type,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    made = await live.user.post("/uploads", json=announced)
    assert made.status_code == 201, made.text
    sent = await live.nobody.put(made.json()["url"], content=data, headers=made.json()["headers"])
    assert sent.status_code == 204, sent.text
    return dict(made.json())


def brief(live: Live, media_type: str, upload: str) -> dict[str, Any]:
    """Return a submission that uses an upload: a picture as reference, a mesh as a step's work."""
    if media_type == "model/gltf-binary":
        return {"asset_type": "3D", "provide": {"image_to_3d": [upload]}}
    return {"asset_type": "2D", "reference_uploads": [upload]}


async def test_each_bad_file_is_refused_with_its_reason(live: Live, unchanged: Any) -> None:
    """422, the file's name and what is wrong with it; no job, no row, no file, no descriptor more than before."""
    refusals = 0
    for name, (data, media_type, expected) in BAD.items():
        if not data or len(data) > 1_000_000:
            continue  # cannot even be announced: the next tests
        upload = await bring(live, data, media_type)
        wish = {"project_id": live.project_id, "prompt": "a fox", **brief(live, media_type, upload["id"])}
        looked_at = await live.user.get(f"/uploads/{upload['id']}")  # its refusal is remembered
        assert looked_at.json()["state"] == "refused", name
        async with unchanged():
            refused = await live.user.post("/jobs", json=wish)
            assert (refused.status_code, refused.json()["code"]) == (422, "unusable_upload"), (
                name,
                refused.text,
            )
        [detail] = refused.json()["details"]
        assert detail["type"] == expected, name
        assert detail["loc"][0] in {"reference_uploads", "provide", "body"}, name
        refusals += 1
    assert refusals > 20


async def test_each_whole_file_is_taken(live: Live) -> None:
    """The same way in, so that the refusals above are for what is wrong with the files."""
    whole = {**GOOD, "glb": (glb_of(triangle()), "model/gltf-binary")}
    for name, (data, media_type) in whole.items():
        upload = await bring(live, data, media_type)
        job = await live.brief(**brief(live, media_type, upload["id"]))
        assert job["status"] in {"queued", "running"}, name


async def test_a_size_that_cannot_be_is_not_granted(live: Live, unchanged: Any) -> None:
    """No link for nothing, for more than is allowed, and for what is no number of bytes."""
    async with unchanged():
        for size in (0, -1, 1_000_001, 2**40, 2**63, 1.5, "1", None, True):
            announced = {"name": "a.png", "media_type": "image/png", "bytes": size, "sha256": "a" * 64}
            refused = await live.user.post("/uploads", json={"project_id": live.project_id, **announced})
            assert refused.status_code == 422, (size, refused.text)
            assert (
                refused.json()["code"] == "malformed_json"
                or refused.json()["details"][0]["loc"][-1] == "bytes"
            ), refused.text


async def test_what_arrives_must_be_what_was_announced(live: Live, unchanged: Any) -> None:
    """Nothing, less, more, other bytes, other type, other length in the head: refused, and no trace of it is kept."""
    data = picture("PNG")
    announced = {
        "name": "a.png",
        "media_type": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    made = (await live.user.post("/uploads", json={"project_id": live.project_id, **announced})).json()
    wrong: dict[str, tuple[bytes, dict[str, str], int]] = {
        "nothing": (b"", {}, 422),
        "less": (data[:-1], {}, 422),
        "more": (data + b"x", {}, 422),
        "other bytes": (data[:-1] + b"x", {}, 422),
        "another type": (data, {"content-type": "text/html"}, 403),
        "a length that lies": (data, {"content-length": "7"}, 422),
        "a compressed body": (data[:-3], {"content-encoding": "gzip"}, 422),
    }
    for name, (body, headers, status) in wrong.items():
        async with unchanged():
            sent = await live.nobody.put(made["url"], content=body, headers={**made["headers"], **headers})
            assert sent.status_code == status, (name, sent.text)
            assert sent.headers["content-type"] == "application/problem+json"
    async with unchanged():
        wish = {
            "project_id": live.project_id,
            "asset_type": "2D",
            "prompt": "a fox",
            "reference_uploads": [made["id"]],
        }
        refused = await live.user.post("/jobs", json=wish)
        assert (refused.status_code, "arrived" in refused.json()["detail"]) == (422, True), refused.text


async def test_two_uploads_of_one_name_are_two_files(live: Live) -> None:
    """Provided or as references, equal names do not make them one: each keeps its bytes, and files have other names."""
    first, second = picture("PNG", 40, 30), picture("PNG", 64, 64)
    uploads = [(await bring(live, data, "image/png", "same.png"))["id"] for data in (first, second)]
    job = await live.brief(provide={"text_to_image": uploads})
    shown = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"]
    assert {item["sha256"] for item in shown} == {
        hashlib.sha256(data).hexdigest() for data in (first, second)
    }
    assert len({item["name"] for item in shown}) == 2, [item["name"] for item in shown]
    await live.user.post(job["urls"]["cancel"])
    await live.brief(reference_uploads=uploads)
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    references = [item for item in task["inputs"] if item["step"] == "reference"]
    assert [item["name"] for item in references] == ["same.png", "same.png"]
    assert len({item["id"] for item in references}) == len({item["url"] for item in references}) == 2


async def test_the_same_upload_twice_is_refused_or_one(live: Live, unchanged: Any) -> None:
    """Naming an upload twice does not make two files of it."""
    upload = (await bring(live, picture("PNG"), "image/png"))["id"]
    for field in ({"reference_uploads": [upload, upload]}, {"provide": {"text_to_image": [upload, upload]}}):
        async with unchanged():
            wish = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox", **field}
            refused = await live.user.post("/jobs", json=wish)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), refused.text


async def test_an_outcome_with_a_name_twice_fails_the_step(live: Live) -> None:
    """Two artifacts of one name, names that lead elsewhere, and kinds that are none: rejected with a code."""
    file = {
        "media_type": "image/png",
        "bytes": 6,
        "sha256": hashlib.sha256(b"pixels").hexdigest(),
        "kind": "image",
    }
    names = {
        "artifact_repeated": [["a.png", "a.png"]],
        "artifact_name": [
            ["../a.png"],
            ["a/b.png"],
            ["..", "a.png"],
            [".hidden"],
            ["a\x7f.png"],
            ["ä.png"],
            ["a" * 121],
            [""],
            ["\u202egnp.a"],
        ],
    }
    for code, groups in names.items():
        for group in groups:
            job = await live.brief()
            [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
            held = {"task_id": task["task_id"], "fence": task["fence"]}
            outcome = {**held, "status": "succeeded", "artifacts": [{**file, "name": name} for name in group]}
            answered = await live.worker.post("/worker/outcomes", json={"outcomes": [outcome]})
            [verdict] = answered.json()["verdicts"]
            assert verdict["verdict"] == "rejected", (group, answered.text)
            shown = (await live.user.get(job["urls"]["self"])).json()
            assert (shown["status"], shown["error"]["code"]) == ("failed", code), group
            assert shown["steps"][0]["artifacts"] == []


async def test_a_worker_cannot_upload_outside_its_folder(live: Live, unchanged: Any) -> None:
    """A name that is no plain file name gets no link."""
    await live.brief()
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    held = {"task_id": task["task_id"], "fence": task["fence"]}
    names = [
        "../x",
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:\\x",
        "a\u0000",
        "a\nb",
        "%2e%2e%2fx",
        "é",
        "e\u0301",
        "\uff0e\uff0e\uff0fx",
        "a" * 121,
        "~",
        "a~/content",
    ]
    async with unchanged():
        for name in names:
            if "\u0000" in name:
                continue  # refused with the whole body, see test_hard_input
            wanted = {**held, "name": name, "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}
            answered = await live.worker.post("/worker/uploads", json={"uploads": [wanted]})
            [grant] = answered.json()["grants"]
            assert (grant["verdict"], grant["url"]) == ("rejected", ""), name
