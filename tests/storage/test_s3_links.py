"""What links to S3 permit, asked of a real server (Swift): just what was signed, and nothing near it."""

import hashlib
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from s3_servers import CREDENTIALS, S3Server

from maquette.adapters.objects_s3 import S3Objects
from maquette.adapters.sigv4 import Credentials, presign
from maquette.ports import SignedRequest

KEY = "projects/p/jobs/j/0-text_to_image/r0/a1/owl.png"
DATA = b"an owl" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(swift: S3Server) -> S3Objects:
    return S3Objects(swift.place(uuid.uuid4().hex), lambda: CREDENTIALS)


def grant(store: S3Objects, key: str = KEY, **more: Any) -> SignedRequest:
    wanted = {"media_type": "image/png", "bytes_": len(DATA), "sha256": SHA256, "ttl_seconds": 900, **more}
    return store.sign_put(key, **wanted)


def send(signed: SignedRequest, body: bytes = DATA, **headers: str) -> int:
    return httpx.put(signed.url, content=body, headers={**signed.headers, **headers}).status_code


def ask(method: str, url: str, **more: Any) -> httpx.Response:
    return httpx.request(method, url, **more)


def link(store: S3Objects, **more: Any) -> str:
    return store.sign_get(
        KEY, **{"media_type": "image/png", "filename": "owl.png", "ttl_seconds": 900, **more}
    ).url


def changed(url: str, path: str = "", **fields: str) -> str:
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), **fields})
    return urlunsplit(parts._replace(path=path or parts.path, query=query))


async def test_a_link_stores_just_what_it_was_signed_for(store: S3Objects) -> None:
    """The bytes arrive with type, checksum and cache headers, and the store is believed about them."""
    assert send(grant(store)) == 200
    stored = await store.stat(KEY)
    assert stored is not None
    assert (stored.bytes, stored.sha256, stored.media_type) == (len(DATA), SHA256, "image/png")
    assert await store.holds_senders()
    assert not store._read_through


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * len(DATA), {}, 400),
        (DATA[:-1], {}, 403),
        (DATA + b"x", {}, 403),
        (b"x" * len(DATA), {"x-amz-checksum-sha256": "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="}, 403),
        (DATA, {"content-type": "text/html"}, 403),
        (DATA, {"x-amz-meta-maquette-by": "server"}, 403),
        (DATA, {"x-amz-meta-more": "of its own"}, 403),
    ],
    ids=["bytes", "short", "long", "checksum", "type", "claim", "metadata"],
)
async def test_what_a_link_does_not_say_is_not_stored(
    store: S3Objects, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Other bytes, lengths, types and claims are refused by the store itself, and nothing is left."""
    assert send(grant(store), body, **headers) == status
    assert await store.stat(KEY) is None


async def test_a_link_stores_once(store: S3Objects) -> None:
    """What is there stays: a second use of the link, and a link for other bytes, are told 412."""
    signed = grant(store)
    assert send(signed) == 200
    assert send(signed) == 412
    unconditional = {name: value for name, value in signed.headers.items() if name != "if-none-match"}
    assert ask("PUT", signed.url, content=DATA, headers=unconditional).status_code == 403
    other = b"x" * len(DATA)
    assert send(grant(store, sha256=hashlib.sha256(other).hexdigest()), other) == 412
    assert b"".join([piece async for piece in store.read(KEY)]) == DATA


async def test_a_link_reads_one_object_for_a_time(store: S3Objects) -> None:
    """It gives the bytes, whole or a range, with the bound headers; any other path, method or field is refused."""
    send(grant(store))
    url = link(store)
    answer = ask("GET", url)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'inline; filename="owl.png"'
    assert answer.headers["cache-control"] == "private, max-age=900, immutable"
    part = ask("GET", url, headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content) == (206, DATA[3:6])
    path = urlsplit(url).path
    signature = dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"]
    refused = {
        "other path": changed(url, path=path.replace("owl", "cat")),
        "other type": changed(url, **{"response-content-type": "text/html"}),
        "other name": changed(url, **{"response-content-disposition": "attachment"}),
        "longer": changed(url, **{"X-Amz-Expires": "604800"}),
        "later": changed(url, **{"X-Amz-Date": "20990101T000000Z"}),
        "signature": changed(url, **{"X-Amz-Signature": signature[::-1]}),
        "unsigned": urlunsplit(urlsplit(url)._replace(query="")),
    }
    statuses = {why: ask("GET", address).status_code for why, address in refused.items()}
    assert set(statuses.values()) <= {400, 403}, statuses
    assert [ask(method, url).status_code for method in ("PUT", "DELETE")] == [403, 403]
    assert (await store.stat(KEY)) is not None


async def test_a_link_ends(store: S3Objects, swift: S3Server) -> None:
    """A link whose time has passed is refused; so is one that another key signed."""
    send(grant(store))
    old = S3Objects(store._place, lambda: CREDENTIALS, now=lambda: time.time() - 3600)
    assert ask("GET", link(old)).status_code == 403
    stranger = S3Objects(store._place, lambda: Credentials("test:tester", "wrong"))
    assert ask("GET", link(stranger)).status_code == 403


async def test_scripts_are_not_shown(store: S3Objects) -> None:
    """A type that can carry scripts is a download, whatever was asked for, by links and by the stored object."""
    key = "projects/p/uploads/u/x.svg"
    assert send(grant(store, key, media_type="image/svg+xml")) == 200
    url = store.sign_get(key, media_type="image/svg+xml", filename="x.svg", ttl_seconds=60).url
    assert ask("GET", url).headers["content-disposition"] == 'attachment; filename="x.svg"'
    found = await store._store.get_async(key, options={"head": True})
    assert found.attributes["Content-Disposition"] == 'attachment; filename="x.svg"'
    assert "immutable" in found.attributes["Cache-Control"]


async def test_who_is_not_held_to_checksums_is_read(moto: S3Server) -> None:
    """Where a store takes other bytes than a link says, what arrived by one is read through: once, and not believed."""
    store = S3Objects(moto.place(uuid.uuid4().hex), lambda: CREDENTIALS)
    other = b"x" * len(DATA)
    signed = grant(store)
    headers = {name: value for name, value in signed.headers.items() if name != "x-amz-checksum-sha256"}
    assert ask("PUT", signed.url, content=other, headers=headers).status_code == 200
    stored = await store.stat(KEY)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(other).hexdigest()


@pytest.mark.parametrize("token", [None, "a/token+with=signs"])
def test_signatures_are_botocores(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the same moment botocore signs the same, with headers, fields and odd characters."""
    at = 1_800_000_000
    headers = {"content-type": "image/png", "x-amz-meta-a": "two   spaces", "if-none-match": "*"}
    query = {"response-content-disposition": "inline; filename=\"a b~.png\"; filename*=UTF-8''%C3%A4.png"}
    url = "https://bucket.s3.eu-west-1.amazonaws.com/pre/a-b_c.png"
    ours = presign(
        "PUT",
        url,
        headers=headers,
        query=query,
        region="eu-west-1",
        at=at,
        seconds=900,
        credentials=Credentials("AKIA", "secret/key", token),
    )
    request = AWSRequest("PUT", url, headers=headers, params=query)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(at, UTC))
    S3SigV4QueryAuth(BotoCredentials("AKIA", "secret/key", token), "s3", "eu-west-1", expires=900).add_auth(
        request
    )
    assert dict(parse_qsl(urlsplit(ours).query)) == dict(parse_qsl(urlsplit(request.url).query))
