"""The S3 store beside what all stores do: large objects, encryption, and what it says when the other side is away."""

import asyncio
import hashlib
import logging
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from s3_servers import BUCKET, CREDENTIALS, REGION, S3Server

from maquette.adapters.objects_s3 import S3Objects
from maquette.adapters.s3_place import S3Place, parse_place
from maquette.adapters.sigv4 import Credentials
from maquette.cli.doctor.scene import Scene
from maquette.cli.doctor.store import objects as doctor_objects
from maquette.domain.errors import Invalid, ObjectConflict, Unavailable
from maquette.ports import StoredObject

MIB = 1024 * 1024
PART = 5 * MIB
BIG = bytes(range(256)) * (4 * 1024 * 11)  # 11 MiB: three parts
KEY = "projects/p/jobs/j/6-export/r0/a1/castle.glb"


async def stream(data: bytes, broken_at: int | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 300_000):
        if broken_at is not None and start > broken_at:
            raise ConnectionError
        yield data[start : start + 300_000]


async def put(store: S3Objects, data: bytes, sent: bytes | None = None) -> StoredObject:
    sha256 = hashlib.sha256(data).hexdigest()
    return await store.put(
        KEY,
        stream(data if sent is None else sent),
        bytes_=len(data),
        sha256=sha256,
        media_type="model/gltf-binary",
    )


async def pending(place: S3Place) -> list[str]:
    """List uploads in parts that were begun and not ended."""
    from maquette.adapters.s3_multipart import _client

    async with _client(place, CREDENTIALS) as client:
        answer = await client.list_multipart_uploads(Bucket=place.bucket)
    return [item["Key"] for item in answer.get("Uploads", []) if item["Key"].startswith(place.prefix)]


@pytest.mark.parametrize("server", ["swift", "moto"])
async def test_large_objects_go_in_parts(server: str, request: pytest.FixtureRequest) -> None:
    """They are stored whole, verified and once; what fails on the way leaves neither object nor parts."""
    place = request.getfixturevalue(server).place(uuid.uuid4().hex)
    store = S3Objects(place, lambda: CREDENTIALS, multipart_bytes=PART)
    with pytest.raises(Invalid):
        await put(store, BIG, sent=BIG[:-1] + b"x")
    with pytest.raises(ConnectionError):
        await store.put(
            KEY,
            stream(BIG, broken_at=7 * MIB),
            bytes_=len(BIG),
            sha256="0" * 64,
            media_type="model/gltf-binary",
        )
    assert await store.stat(KEY) is None
    assert await pending(place) == []
    stored = await put(store, BIG)
    assert await store.stat(KEY) == stored
    assert not store._read_through
    assert await put(store, BIG) == stored
    with pytest.raises(ObjectConflict):
        await put(store, BIG[::-1])
    pieces = [piece async for piece in store.read(KEY, start=PART - 10, end=PART + 10)]
    assert b"".join(pieces) == BIG[PART - 10 : PART + 10]


async def test_who_comes_second_with_a_large_object_is_told(swift: S3Server) -> None:
    """The last request is create-only: what was stored while the parts were sent stays."""
    store = S3Objects(swift.place(uuid.uuid4().hex), lambda: CREDENTIALS, multipart_bytes=PART)
    first = b"first"

    async def slow() -> AsyncIterator[bytes]:
        async for piece in stream(BIG):
            yield piece
        await store.put(
            KEY, stream(first), bytes_=5, sha256=hashlib.sha256(first).hexdigest(), media_type="text/plain"
        )

    sha256 = hashlib.sha256(BIG).hexdigest()
    with pytest.raises(ObjectConflict):
        await store.put(KEY, slow(), bytes_=len(BIG), sha256=sha256, media_type="model/gltf-binary")
    assert b"".join([piece async for piece in store.read(KEY)]) == first
    assert await pending(store._place) == []


@pytest.mark.parametrize("large", [False, True])
async def test_objects_are_encrypted_as_told(moto: S3Server, large: bool) -> None:
    """Both ways of storing, and links, name the algorithm and the key."""
    from maquette.adapters.s3_multipart import _client

    place = moto.place(uuid.uuid4().hex, encryption="aws:kms", kms_key="alias/files")
    store = S3Objects(place, lambda: CREDENTIALS, multipart_bytes=PART)
    await put(store, BIG if large else b"small")
    async with _client(place, CREDENTIALS) as client:
        found = await client.head_object(Bucket=BUCKET, Key=place.name(KEY))
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "alias/files")
    signed = store.sign_put(KEY, media_type="image/png", bytes_=1, sha256="0" * 64, ttl_seconds=60)
    assert signed.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/files"
    assert "x-amz-server-side-encryption" in signed.url


async def test_refused_credentials_are_told_without_them(
    swift: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    """One clear message, logged once, with no key, signature or address in it."""
    wrong = Credentials("test:tester", "not-the-secret")
    store = S3Objects(swift.place("p"), lambda: wrong)
    caplog.set_level(logging.INFO)
    for _ in range(2):
        with pytest.raises(
            Unavailable, match=r"refuses .* \((SignatureDoesNotMatch|PermissionDeniedError)\)"
        ) as told:
            await store.stat(KEY)
        with pytest.raises(Unavailable, match="refuses"):
            await put(store, b"x")
    said = caplog.text + str(told.value)
    assert [text for text in ("test:tester", "not-the-secret", swift.url, KEY) if text in said] == []
    assert caplog.text.count("cannot be used") == 1


async def test_a_missing_bucket_is_no_missing_object(swift: S3Server) -> None:
    """Nothing is said of objects by a store that has not got the bucket."""
    place = parse_place("s3://nowhere", endpoint=swift.url, region=REGION)
    store = S3Objects(place, lambda: CREDENTIALS)
    with pytest.raises(Unavailable, match="no such bucket"):
        await put(store, b"x")
    with pytest.raises(Unavailable, match="no such bucket"):
        _ = [item async for item in store.list()]


class _Slow(BaseHTTPRequestHandler):
    """Answers as Amazon does to who asks too much."""

    asked = 0

    def do_HEAD(self) -> None:
        type(self).asked += 1
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        type(self).asked += 1
        body = b"<Error><Code>SlowDown</Code></Error>"
        self.send_response(503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(429)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_throttling_store_is_asked_again_and_then_unavailable(slow: str) -> None:
    """503 SlowDown is tried again with backoff; then it is for the caller to come back later."""
    store = S3Objects(parse_place("s3://bucket", endpoint=slow), lambda: CREDENTIALS)
    with pytest.raises(Unavailable) as told:
        await store.stat(KEY)
    assert told.value.retry_after_seconds == 2
    assert _Slow.asked == 4
    with pytest.raises(Unavailable):
        _ = [item async for item in store.list()]


async def test_only_a_refused_checksum_proves_that_checksums_are_checked(slow: str) -> None:
    """A store that refuses whatever comes is not believed about what was uploaded to it."""
    store = S3Objects(parse_place("s3://bucket", endpoint=slow), lambda: CREDENTIALS)
    with pytest.raises(Unavailable, match="429"):
        await store.holds_senders()


async def test_a_store_that_is_away_is_unavailable() -> None:
    """Nobody listens: that is told within seconds, by every method."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        store = S3Objects(
            parse_place("s3://bucket", endpoint=f"http://127.0.0.1:{held.getsockname()[1]}"),
            lambda: CREDENTIALS,
        )
        began = time.monotonic()
        for asking in (store.stat(KEY), put(store, b"x"), store.delete(KEY), store.holds_senders()):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(asking, 15)
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("s3://", {}),
        ("s3://UPPER", {}),
        ("gs://bucket", {}),
        ("s3://bucket/../x", {}),
        ("s3://bucket//x", {}),
        ("s3://bucket/" + "x" * 201, {}),
        ("s3://bucket", {"kms_key": "k"}),
    ],
)
def test_addresses_that_name_no_place_are_refused(address: str, more: dict[str, str]) -> None:
    """What cannot be a bucket and prefix is told when the settings are read."""
    with pytest.raises(ValueError, match=r"expected|prefix|KMS"):
        parse_place(address, **more)


@pytest.mark.parametrize(
    ("address", "more", "url"),
    [
        ("s3://bucket/a/b/", {"region": "eu-west-1"}, "https://bucket.s3.eu-west-1.amazonaws.com/a/b/k"),
        ("s3://dotted.bucket", {}, "https://s3.us-east-1.amazonaws.com/dotted.bucket/k"),
        ("s3://bucket", {"endpoint": "https://minio:9000/"}, "https://minio:9000/bucket/k"),
        (
            "s3://bucket",
            {"endpoint": "https://r2.example", "addressing": "virtual"},
            "https://bucket.r2.example/k",
        ),
    ],
)
def test_objects_have_the_addresses_that_stores_expect(address: str, more: dict[str, str], url: str) -> None:
    """The bucket is in the host name at Amazon, in the path elsewhere, unless told otherwise."""
    assert parse_place(address, **more).url("k") == url


@pytest.mark.parametrize(
    ("address", "state", "says"),
    [
        ("s3://maquette/doctor", "ok", "checks their checksums"),
        ("s3://nowhere/doctor", "broken", "no such bucket"),
        ("", "skipped", "data directory"),
    ],
)
def test_doctor_tries_the_store(
    swift: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, state: str, says: str
) -> None:
    """It writes, reads and deletes, and says whether the store holds senders to their checksums."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)
    # The surroundings may name another region by now: the suites of AWS's other services sign in for good.
    variables = {"MAQUETTE_OBJECTS": address, "MAQUETTE_S3_ENDPOINT": swift.url, "MAQUETTE_S3_REGION": REGION}
    found = doctor_objects(Scene(variables, tmp_path))
    assert (found.state, says in found.says) == (state, True), found
