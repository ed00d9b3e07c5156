"""Uploads are in quarantine until somebody has looked: nothing reads, shows or uses their bytes before, or after a refusal."""

import hashlib
from pathlib import Path
from typing import Any

from test_review_api import png, uploaded


async def _state(live: Any, upload: str) -> dict[str, Any]:
    response = await live.user.get(f"/uploads/{upload}")
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_an_upload_is_looked_at_when_it_is_asked_about(live: Any) -> None:
    """What its bytes say is shown; the bytes are not, and the link to send them does not read them back."""
    data = png(9)
    wish = {
        "project_id": live.project_id,
        "name": "a.png",
        "media_type": "image/png",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    granted = (await live.user.post("/uploads", json=wish)).json()
    before = await _state(live, granted["id"])
    assert (before["state"], before["found"], before["refused"]) == ("quarantined", None, None)
    await live.nobody.put(granted["url"], content=data, headers=granted["headers"])
    assert (await live.nobody.get(granted["url"])).status_code in {401, 403, 404, 405}
    after = await _state(live, granted["id"])
    assert (after["state"], after["found"]) == ("usable", {"width": 1, "height": 1})
    assert {key: after[key] for key in wish} == wish
    assert "url" not in after


async def test_a_refused_upload_stays_refused_wherever_it_is_named(live: Any) -> None:
    """As a reference, as work, in a review: with what it is, and it is read once."""
    upload = await uploaded(live, b"<html><script>alert(1)</script></html>", "page.png")
    reads: list[str] = []
    read = live.deps.objects.read
    live.deps.objects.read = lambda key: (reads.append(key), read(key))[1]
    try:
        bodies = [{"reference_uploads": [upload]}, {"provide": {"text_to_image": [upload]}}]
        for body in bodies * 2:
            brief = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox", **body}
            refused = await live.user.post("/jobs", json=brief)
            assert (refused.status_code, refused.json()["code"]) == (422, "unusable_upload"), refused.text
            [detail] = refused.json()["details"]
            assert detail["type"] == "not_what_it_says"
            assert "was announced as image/png and is text/html" in detail["msg"]
    finally:
        del live.deps.objects.read
    assert len(reads) == 1
    state = await _state(live, upload)
    assert (state["state"], state["refused"]["type"], state["found"]) == ("refused", "not_what_it_says", None)


def _overwrite(root: Path, held: bytes, data: bytes) -> None:
    stored = [item for item in root.rglob("uploads/*/a.png*/*") if item.is_file()]
    [path] = [item for item in stored if item.read_bytes() == held]
    path.chmod(0o644)
    path.write_bytes(data)


async def test_bytes_that_changed_on_the_way_are_refused(live: Any, tmp_path: Path) -> None:
    """Whatever store holds them: they are held against the sha256 that was announced."""
    upload = await uploaded(live, png(7), "a.png")
    _overwrite(tmp_path, png(7), png(8))
    state = await _state(live, upload)
    assert (state["state"], state["refused"]["type"]) == ("refused", "wrong_checksum")
