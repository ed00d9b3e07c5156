"""What every ObjectStore must do, whatever stands behind it."""

import asyncio
import hashlib
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from s3_servers import CREDENTIALS

from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.objects_s3 import S3Objects
from maquette.adapters.signing import SigningKey
from maquette.domain.errors import Invalid, NotFound, ObjectConflict, TooLarge
from maquette.ports import ObjectStore, StoredObject

KEY = "projects/prj_1/jobs/job_1/0-text_to_image/r0/a1/concept-1.png"
DATA = bytes(range(256)) * 4096  # 1 MiB: several chunks
BYTES_MAX = 2 * len(DATA)
NOW = 1_800_000_000.0


@pytest.fixture(params=["local", "swift", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Give an empty store; a new adapter adds its name here."""
    if request.param == "local":
        keys = [SigningKey("k1", b"secret")]
        return LocalObjects(tmp_path, keys=keys, object_bytes_max=BYTES_MAX, now=lambda: NOW)
    place = request.getfixturevalue(request.param).place(uuid.uuid4().hex)
    return S3Objects(place, lambda: CREDENTIALS, object_bytes_max=BYTES_MAX)


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_of_text(text: str) -> str:
    return sha256(text.encode())


async def put(store: ObjectStore, key: str, data: bytes, media_type: str = "image/png") -> StoredObject:
    halves = stream(data[: len(data) // 2], data[len(data) // 2 :])
    return await store.put(key, halves, bytes_=len(data), sha256=sha256(data), media_type=media_type)


async def read(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start=start, end=end)])


async def test_stored_bytes_are_read_back(store: ObjectStore) -> None:
    """What was put is there: bytes, length, checksum and media type."""
    stored = await put(store, KEY, DATA)
    assert stored == StoredObject(KEY, len(DATA), sha256(DATA), "image/png")
    assert await store.stat(KEY) == stored
    assert await read(store, KEY) == DATA


@pytest.mark.parametrize("data", [b"", b"x"])
async def test_tiny_objects(store: ObjectStore, data: bytes) -> None:
    """An object may have no byte, or one."""
    await put(store, KEY, data)
    assert await read(store, KEY) == data


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (0, len(DATA)), (1, 2), (262_143, 262_145), (len(DATA) - 1, None), (5, 5), (len(DATA), None)],
)
async def test_a_range_gives_its_bytes(store: ObjectStore, start: int, end: int | None) -> None:
    """Start is inclusive, end exclusive, and chunk borders do not show."""
    await put(store, KEY, DATA)
    assert await read(store, KEY, start, end) == DATA[start:end]


async def test_equal_bytes_may_be_sent_again(store: ObjectStore) -> None:
    """A retry after a lost answer succeeds and changes nothing, not even the media type."""
    first = await put(store, KEY, DATA)
    assert await put(store, KEY, DATA, "application/octet-stream") == first
    assert await store.stat(KEY) == first


async def test_other_bytes_are_refused(store: ObjectStore) -> None:
    """A key is never rewritten."""
    await put(store, KEY, DATA)
    with pytest.raises(ObjectConflict):
        await put(store, KEY, b"other")
    assert await read(store, KEY) == DATA


async def test_a_retry_must_really_send_the_bytes(store: ObjectStore) -> None:
    """Announcing the stored checksum while sending other bytes is an error, not a success."""
    await put(store, KEY, DATA)
    with pytest.raises(Invalid):
        await store.put(
            KEY, stream(b"x" * len(DATA)), bytes_=len(DATA), sha256=sha256(DATA), media_type="image/png"
        )


@pytest.mark.parametrize(
    "sent", [DATA[:-1], DATA + b"x", b"x" * len(DATA), b""], ids=["short", "long", "other", "empty"]
)
async def test_what_was_not_announced_is_not_stored(store: ObjectStore, sent: bytes) -> None:
    """Length and checksum are verified before anything becomes visible; the right bytes succeed afterwards."""
    with pytest.raises(Invalid):
        await store.put(KEY, stream(sent), bytes_=len(DATA), sha256=sha256(DATA), media_type="image/png")
    assert await store.stat(KEY) is None
    await put(store, KEY, DATA)
    assert await read(store, KEY) == DATA


async def test_a_broken_stream_leaves_nothing(store: ObjectStore) -> None:
    """A sender that vanishes in the middle stores nothing."""

    async def broken() -> AsyncIterator[bytes]:
        yield DATA[:400_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.put(KEY, broken(), bytes_=len(DATA), sha256=sha256(DATA), media_type="image/png")
    assert await store.stat(KEY) is None


async def test_an_object_over_the_limit_is_refused(store: ObjectStore) -> None:
    """The limit holds for storing and for granting."""
    announced = {"bytes_": BYTES_MAX + 1, "sha256": sha256(b""), "media_type": "image/png"}
    with pytest.raises(TooLarge):
        await store.put(KEY, stream(b""), **announced)
    with pytest.raises(TooLarge):
        store.sign_put(KEY, **announced, ttl_seconds=60)


# Swift looks whether a key is free when a request begins and not when it ends: of writers at the same moment several
# may succeed there, and the last one's bytes stay. Each attempt at a step has keys of its own.
@pytest.mark.parametrize("store", ["local", "moto"], indirect=True)
async def test_one_of_many_writers_wins(store: ObjectStore) -> None:
    """Of writers with different bytes exactly one succeeds, and its bytes are the ones that stay."""
    bodies = [b"%d" % number * 100_000 for number in range(8)]
    results = await asyncio.gather(*(put(store, KEY, body) for body in bodies), return_exceptions=True)
    winners = [result for result in results if isinstance(result, StoredObject)]
    assert len(winners) == 1
    assert sum(isinstance(result, ObjectConflict) for result in results) == len(bodies) - 1
    assert sha256(await read(store, KEY)) == winners[0].sha256


async def test_equal_writers_all_succeed(store: ObjectStore) -> None:
    """Senders of the same bytes at the same time do not get in each other's way."""
    results = await asyncio.gather(*(put(store, KEY, DATA) for _ in range(6)))
    assert len(set(results)) == 1


async def test_a_missing_object(store: ObjectStore) -> None:
    """Reading what is not there is NotFound; asking and deleting are fine."""
    assert await store.stat(KEY) is None
    with pytest.raises(NotFound):
        await read(store, KEY)
    await store.delete(KEY)


async def test_a_deleted_object_is_gone_and_its_key_free(store: ObjectStore) -> None:
    """After deletion other bytes may take the key; a reader that had begun still gets the old ones."""
    await put(store, KEY, DATA)
    reader = store.read(KEY)
    head = await anext(reader)
    await store.delete(KEY)
    assert await store.stat(KEY) is None
    assert head + b"".join([chunk async for chunk in reader]) == DATA
    await put(store, KEY, b"other")
    assert await read(store, KEY) == b"other"


async def test_a_key_may_continue_another(store: ObjectStore) -> None:
    """``a`` and ``a/b`` are two objects, in either order of arrival."""
    for key in ("a", "a/b", "x/y/z", "x/y", "x"):
        await put(store, key, key.encode())
    for key in ("a", "a/b", "x/y/z", "x/y", "x"):
        assert await read(store, key) == key.encode()


#: In the order of their bytes: a dash and a dot come before the slash, digits and letters after it.
_ORDERED = ("a", "a-b", "a.b", "a/0", "a/b", "a/b/c", "a0", "aa/b", "b/B", "b/_", "b/b")


async def test_a_listing_is_in_order_of_key(store: ObjectStore) -> None:
    """Every object once, by the bytes of its key, with its length and a recent time."""
    for key in sorted(_ORDERED, key=sha256_of_text):
        await put(store, key, key.encode())
    await put(store, "gone", b"x")
    await store.delete("gone")
    listed = [item async for item in store.list()]
    assert [item.key for item in listed] == list(_ORDERED)
    assert [item.bytes for item in listed] == [len(key) for key in _ORDERED]
    assert all(abs(item.stored_at - time.time()) < 60 for item in listed)


async def test_a_listing_begins_where_it_is_told(store: ObjectStore) -> None:
    """``prefix`` and ``after`` cut the same list, wherever they cut it."""
    for key in _ORDERED:
        await put(store, key, key.encode())
    for prefix, after in itertools.product(
        ["", "a", "a/", "a/b", "aa", "b/", "c"], ["", *_ORDERED, "a/", "a/a", "zz"]
    ):
        expected = [key for key in _ORDERED if key.startswith(prefix) and key > after]
        assert [item.key async for item in store.list(prefix, after)] == expected, (prefix, after)


async def test_a_listing_survives_what_happens_meanwhile(store: ObjectStore) -> None:
    """Objects that come and go while a listing is read cost it nothing else."""
    for number in range(8):
        await put(store, f"x/{number}/y", b"1")
    seen = []
    async for item in store.list("x/"):
        seen.append(item.key)
        await store.delete("x/7/y")
        await put(store, f"w/{len(seen)}", b"2")
    assert seen[:7] == [f"x/{number}/y" for number in range(7)]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden"),
        *("a\\b", "a b", "a\x00", "a\n", "ä", "a~", "a/b~/content", "C:", "%2e%2e/a"),
        *("a/" * 400 + "b", "a" * 201),
    ],
)
async def test_keys_that_could_escape_are_refused(store: ObjectStore, key: str) -> None:
    """No key leaves the store, hides in it, or meets a file system's special cases, by any method."""
    with pytest.raises(Invalid):
        await put(store, key, b"x")
    with pytest.raises(Invalid):
        await store.stat(key)
    with pytest.raises(Invalid):
        await read(store, key)
    with pytest.raises(Invalid):
        await store.delete(key)
    with pytest.raises(Invalid):
        store.sign_get(key, media_type="image/png", filename="x.png", ttl_seconds=60)
    with pytest.raises(Invalid):
        store.sign_put(key, media_type="image/png", bytes_=1, sha256=sha256(b"x"), ttl_seconds=60)


def test_equal_grants_give_equal_urls(store: ObjectStore) -> None:
    """A browser that asks again finds the file in its cache, because the URL is the same."""

    def url(filename: str) -> str:
        return store.sign_get(KEY, media_type="image/png", filename=filename, ttl_seconds=3600).url

    assert url("a.png") == url("a.png")
    assert url("a.png") != url("b.png")
