"""A whole 2D job with its files in S3 and its library behind CloudFront: real processes, every byte by signed links."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from s3_servers import CREDENTIALS, S3Server
from story import Api, step_of
from test_cloudfront import BASE, EDGE, PEM, PRIVATE, Edge
from up_process import Up

from maquette.adapters.objects_s3 import S3Objects


@pytest.fixture(scope="module")
def up(swift: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An installation whose files are in Swift, with a key of a CloudFront distribution before it."""
    home = tmp_path_factory.mktemp("s3")
    (home / "cloudfront.pem").write_bytes(PRIVATE.private_bytes(*PEM))
    installation = Up(
        home,
        heartbeat_seconds="1",
        lease_seconds="10",
        objects="s3://maquette/story",
        s3_endpoint=swift.url,
        s3_region="us-east-1",
        cdn_base_url=BASE,
        cloudfront_keys=f"KNEW={home / 'cloudfront.pem'}",
    )
    installation.environment |= {"AWS_ACCESS_KEY_ID": "test:tester", "AWS_SECRET_ACCESS_KEY": "testing"}
    try:
        installation.start()
        yield installation
    finally:
        status = installation.stop()
    assert (status, installation.leftovers()) == (0, []), installation.log_tail()


@pytest.fixture(scope="module")
def api(up: Up) -> Iterator[Api]:
    api = Api(lambda: up.url, up.key, up.project_id)
    yield api
    api.close()


def upload(api: Api, data: bytes) -> str:
    """Bring a picture by its link, twice: the second sending is told that it is there."""
    body = {"project_id": api.project_id, "name": "fox.png", "media_type": "image/png"}
    checked = {"bytes": len(data), "sha256": sha256(data)}
    made = api.ok("POST", "/uploads", json={**body, **checked})
    sent = [httpx.put(made["url"], content=data, headers=made["headers"]).status_code for _ in range(2)]
    assert sent == [200, 412]
    return str(made["id"])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "#d02020").save(out, "PNG")
    return out.getvalue()


def test_a_2d_job_keeps_its_files_in_s3(api: Api, up: Up, swift: S3Server) -> None:
    """Every artifact and every file of the asset is reached by its link, and by nothing less."""
    job = api.submit(
        prompt="a red fox", reference_uploads=[upload(api, picture())], library_path="animals/fox"
    )
    done = api.finish(job["id"])
    for step in done["steps"]:
        for item in step["artifacts"]:
            fetched(item["url"], item, swift)
    redirect = api.call("GET", f"/artifacts/{step_of(done, 'export')['artifacts'][0]['id']}/content")
    assert (redirect.status_code, redirect.headers["location"][: len(swift.url)]) == (302, swift.url)
    asset = api.ok("GET", f"/assets/{done['asset_id']}")
    assert asset["cdn_url"] in {file["cdn_url"] for file in asset["files"]}
    edge = Edge(EDGE.group, float(job_seconds(asset)))
    for file in asset["files"]:
        fetched(file["url"], file, swift)
        assert edge.admits(file["cdn_url"])
        assert not edge.admits(file["cdn_url"].partition("?")[0])
        # The distribution's origin path is the prefix: what it asks the bucket for is what the link names.
        assert urlsplit(file["cdn_url"]).path == urlsplit(file["url"]).path.removeprefix("/maquette/story")
    assert not (up.data_dir / "objects").exists()
    opened = api.ok("GET", f"/assets/{asset['id']}/versions/latest/folder")
    main = asset["cdn_url"].partition("?")[0]
    assert main.startswith(opened["url"])
    assert edge.admits(main, opened["cookies"])
    assert edge.admits(f"{main}?{opened['query']}")
    hidden = urlsplit(opened["url"]).path.strip("/") + "/undeclared.png"
    store = S3Objects(swift.place("story"), lambda: CREDENTIALS)
    signed = store.sign_put(hidden, media_type="image/png", bytes_=1, sha256=sha256(b"x"), ttl_seconds=60)
    assert httpx.put(signed.url, content=b"x", headers=signed.headers).status_code == 200
    refused = api.call("GET", f"/assets/{asset['id']}/versions/1/folder")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    asyncio.run(store.delete(hidden))


def job_seconds(asset: dict[str, Any]) -> float:
    return datetime.fromisoformat(asset["created_at"]).timestamp()


def fetched(url: str, file: dict[str, Any], swift: S3Server) -> None:
    assert url.startswith(f"{swift.url}/maquette/story/projects/")
    answer = httpx.get(url)
    assert (answer.status_code, sha256(answer.content)) == (200, file["sha256"])
    assert answer.headers["content-type"] == file["media_type"]
    assert httpx.get(url.partition("?")[0]).status_code in {400, 401, 403}


def test_the_bucket_agrees_with_the_database(up: Up, api: Api) -> None:
    """`maquette integrity` lists and reads the bucket: nothing is missing, differs, or belongs to nobody."""
    command = [sys.executable, "-m", "maquette", "integrity", "--deep", "--json"]
    told = subprocess.run(
        command, env=up.environment, capture_output=True, text=True, timeout=60, check=False
    )
    report = json.loads(told.stdout)
    assert (report["problems"], report["orphans"]) == (0, 0)
    assert report["objects"] >= 4
