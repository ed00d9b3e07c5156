"""The library's lists, the files behind signed links, and what strangers see: nothing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from story import Api, step_of
from up_process import Up

from maquette.adapters.signing import ReadGrant, SigningKey, UrlSigner


@pytest.fixture
def artifact(api: Api) -> dict[str, Any]:
    """A picture that a step has made."""
    job = api.gate(api.submit(prompt="a teapot")["id"])
    return dict(step_of(job, "text_to_image")["artifacts"][0])


def test_content_redirects_to_a_signed_link(api: Api, artifact: dict[str, Any]) -> None:
    """302 to a link that needs no key, honours ranges, and gives exactly the bytes that were recorded."""
    found = api.call("GET", f"/artifacts/{artifact['id']}/content")
    assert found.status_code == 302
    link = found.headers["location"]
    whole = api.fetch(link)
    assert (whole.status_code, len(whole.content)) == (200, artifact["bytes"])
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = api.fetch(link, range="bytes=10-29")
    assert (part.status_code, part.content) == (206, whole.content[10:30])
    assert part.headers["content-range"] == f"bytes 10-29/{artifact['bytes']}"
    assert api.fetch(link, range=f"bytes={artifact['bytes']}-").status_code == 416
    assert api.fetch(link, **{"if-none-match": whole.headers["etag"]}).status_code == 304


def test_altered_and_expired_links_are_forbidden(up: Up, api: Api, artifact: dict[str, Any]) -> None:
    """Whatever is changed in a link, its path, its method or its time: 403."""
    link = httpx.URL(api.absolute(artifact["url"]))
    assert api.fetch(str(link)).status_code == 200
    later = {"expires": str(int(link.params["expires"]) + 1)}
    signature = link.params["signature"]
    other = {"signature": ("A" if signature[0] != "A" else "B") + signature[1:]}
    for params in (later, other, {"type": "text/html"}, {"name": "x.exe"}, {"as": "attachment"}):
        refused = api.fetch(str(link.copy_merge_params(params)))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), params
    assert api.fetch(str(link.copy_with(path=link.path.replace("concept-1", "concept-2")))).status_code == 403
    assert httpx.put(link, content=b"x").status_code == 403
    key = SigningKey(link.params["kid"], (up.data_dir / "signing.key").read_text().strip().encode())
    signer = UrlSigner([key], base_url=up.url)
    for expires, status in ((1_700_000_000, 403), (int(link.params["expires"]) + 5, 200)):
        grant = ReadGrant("image/png", "concept-1.png", "inline", expires)
        signed = signer.read_url(link.path.removeprefix("/files/"), grant)
        assert api.fetch(signed).status_code == status


def test_assets_are_found(ungated: Api) -> None:
    """By type, folder, words, and page by page; each asset once and newest first."""
    briefs = {
        "icons/fruit/apple": "a red apple",
        "icons/fruit/pear": "a green pear",
        "icons/anvil": "a red anvil",
    }
    jobs = [ungated.submit(prompt=prompt, library_path=path) for path, prompt in briefs.items()]
    ids = [ungated.finish(job["id"])["asset_id"] for job in jobs]
    address = f"/projects/{ungated.project_id}/assets"

    def paths(**filters: object) -> set[str]:
        return {item["library_path"] for item in ungated.ok("GET", address, params=filters)["items"]}

    assert paths() == paths(type="2D") == set(briefs)
    assert paths(type="3D") == set()
    assert paths(path="icons/fruit") == {"icons/fruit/apple", "icons/fruit/pear"}
    assert paths(path="icons/anvil") == {"icons/anvil"}
    assert paths(path="icons/fru") == set()  # a folder, not a prefix of letters
    assert paths(q="red") == {"icons/fruit/apple", "icons/anvil"}
    assert paths(q="red apple") == {"icons/fruit/apple"}
    assert paths(q="red", path="icons/fruit", type="2D") == {"icons/fruit/apple"}
    assert paths(q="'; drop table assets; --") == set()
    seen, cursor = [], None
    while True:
        page = ungated.ok("GET", address, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    everything = ungated.ok("GET", address)["items"]
    assert [item["id"] for item in everything] == seen
    assert ungated.call("GET", address, params={"cursor": "nonsense"}).status_code == 422


def test_strangers_see_nothing(api: Api, artifact: dict[str, Any], new_project: Callable[[str], Api]) -> None:
    """Every address with another project's id is 404, as if it did not exist; without a key it is 401."""
    job = api.ok("GET", "/jobs")["items"][0]
    api.finish(job["id"])
    asset = api.job(job["id"])["asset_id"]
    upload = api.upload("a.png", "image/png", b"\x89PNG\r\n\x1a\nx")
    stranger = new_project("strangers")
    decision = {"step": "refine", "revision": 0, "decision": "approved"}
    brief = {"project_id": api.project_id, "asset_type": "2D", "prompt": "a fox"}
    addresses: list[tuple[str, str, Any]] = [
        ("GET", f"/jobs/{job['id']}", None),
        ("GET", f"/jobs/{job['id']}/events", None),
        ("POST", f"/jobs/{job['id']}/review", decision),
        ("POST", f"/jobs/{job['id']}/cancel", None),
        ("POST", f"/jobs/{job['id']}/pause", None),
        ("POST", f"/jobs/{job['id']}/resume", None),
        ("GET", f"/artifacts/{artifact['id']}/content", None),
        ("GET", f"/assets/{asset}", None),
        ("GET", f"/assets/{asset}/versions/1", None),
        ("GET", f"/assets/{asset}/lineage", None),
        ("GET", f"/projects/{api.project_id}", None),
        ("GET", f"/projects/{api.project_id}/assets", None),
        ("GET", f"/projects/{api.project_id}/keys", None),
        ("PUT", f"/projects/{api.project_id}/gates", {"gates": []}),
        ("GET", f"/jobs?project_id={api.project_id}", None),
        ("POST", "/jobs", brief),
        ("POST", "/uploads", {**brief_upload(), "project_id": api.project_id}),
    ]
    for method, path, body in addresses:
        content = {} if body is None else {"json": body}
        refused = stranger.call(method, path, **content)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), (method, path)
        anonymous = httpx.request(method, api.where() + path, **content)
        assert anonymous.status_code == 401, (method, path)
    assert stranger.ok("GET", "/jobs")["items"] == []
    foreign = stranger.call(
        "POST", "/jobs", json={**brief, "project_id": stranger.project_id, "reference_uploads": [upload]}
    )
    assert foreign.status_code == 422
    assert foreign.json()["details"][0]["loc"][-1] == "reference_uploads"


def brief_upload() -> dict[str, Any]:
    """An announced file, without its project."""
    return {"name": "a.png", "media_type": "image/png", "bytes": 1, "sha256": "0" * 64}
