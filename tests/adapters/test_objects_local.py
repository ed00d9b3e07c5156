"""What is particular to objects in a folder: faults of the disk, leftovers, and the links' expiry."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.domain.errors import Unavailable
from maquette.ports import StoredObject

KEY = "a/b/c.bin"
DATA = b"maquette" * 100_000
SHA256 = hashlib.sha256(DATA).hexdigest()
STORED = StoredObject(KEY, len(DATA), SHA256, "application/octet-stream")


def objects(root: Path, now: Callable[[], float] = lambda: 1_800_000_000.0) -> LocalObjects:
    return LocalObjects(root, keys=[SigningKey("k1", b"secret")], now=now)


async def chunks() -> AsyncIterator[bytes]:
    yield DATA[:300_000]
    yield DATA[300_000:]


async def put(store: LocalObjects) -> StoredObject:
    return await store.put(
        KEY, chunks(), bytes_=len(DATA), sha256=SHA256, media_type="application/octet-stream"
    )


async def content(store: LocalObjects) -> bytes:
    return b"".join([chunk async for chunk in store.read(KEY)])


@pytest.mark.parametrize(
    ("owner", "call", "times"),
    [(os, "fsync", 6), (Path, "mkdir", 3), (Path, "rename", 1), (Path, "open", 4)],
    ids=["fsync", "mkdir", "rename", "open"],
)
async def test_a_fault_at_every_step_then_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, call: str, times: int
) -> None:
    """Whichever call of the disk fails, no half object shows, nothing stays behind, and a retry succeeds."""
    real = getattr(owner, call)
    for nth in range(1, times + 1):
        store, seen = objects(tmp_path / str(nth)), 0

        def failing(*args: Any, nth: int = nth, **kwargs: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == nth:
                raise OSError(errno.EIO, "input/output error")
            return real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(owner, call, failing)
            with pytest.raises(Unavailable, match="cannot be used"):
                await put(store)
        assert await store.stat(KEY) in {None, STORED}
        assert list((tmp_path / str(nth) / "staging").iterdir()) == []
        assert await put(store) == STORED
        assert await content(store) == DATA
    assert seen == times, "the number of calls changed: cover the new ones"


async def test_a_full_disk_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space left is an error that passes: 503 for the caller, not a fault of the server."""
    store = objects(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="full"):
            await put(store)
    assert await put(store) == STORED


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_put_stores_all_or_nothing(tmp_path: Path, turns: int) -> None:
    """A client that disconnects at any moment leaves a whole object or none."""
    store = objects(tmp_path)
    task = asyncio.ensure_future(put(store))
    for _ in range(turns):
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await store.stat(KEY) in {None, STORED}
    assert await put(store) == STORED
    assert await content(store) == DATA


async def test_objects_outlive_the_process(tmp_path: Path) -> None:
    """Another store on the same folder finds the objects."""
    await put(objects(tmp_path))
    assert await objects(tmp_path).stat(KEY) == STORED


async def test_sweep_takes_old_leftovers_only(tmp_path: Path) -> None:
    """What a crash left is removed after an hour; an upload under way is not touched."""
    store = objects(tmp_path)
    await put(store)
    for name, age_seconds in (("old", 7200), ("busy", 7200), ("new", 0)):
        stage = tmp_path / "staging" / name
        stage.mkdir()
        (stage / "content").write_bytes(b"x")
        then = stage.stat().st_mtime - age_seconds
        if name == "old":
            os.utime(stage / "content", (then, then))
        os.utime(stage, (then, then))
    assert await store.sweep() == 1
    assert sorted(path.name for path in (tmp_path / "staging").iterdir()) == ["busy", "new"]
    assert await content(store) == DATA


async def test_a_lost_rename_is_found_by_the_retry(tmp_path: Path) -> None:
    """A directory that somebody removed from the tree by hand is simply not there."""
    store = objects(tmp_path)
    await put(store)
    shutil.rmtree(tmp_path / "objects" / "a")
    assert await store.stat(KEY) is None
    assert await put(store) == STORED


def test_links_are_stable_within_a_window_and_never_too_short(tmp_path: Path) -> None:
    """The same request gives the same URL for half of its lifetime, and always at least the time asked for."""
    time = 1_800_000_000.0
    store = objects(tmp_path, now=lambda: time)
    urls = []
    for _ in range(3600 // 10):
        grant = store.sign_get(KEY, media_type="image/png", filename="c.png", ttl_seconds=3600)
        assert 3600 <= grant.expires_at - time <= 5400
        assert store.verify_read(KEY, grant.url.partition("?")[2]).expires_at == grant.expires_at
        urls.append(grant.url)
        time += 10
    assert len(set(urls)) in {2, 3}
    assert max(map(urls.count, urls)) == 180


def test_a_put_grant_names_the_headers_to_send(tmp_path: Path) -> None:
    """The media type travels as a header, and the link binds length and checksum."""
    store = objects(tmp_path)
    grant = store.sign_put(KEY, media_type="image/png", bytes_=5, sha256=SHA256, ttl_seconds=60)
    assert (grant.method, grant.headers) == ("PUT", {"content-type": "image/png"})
    write = store.verify_write(KEY, grant.url.partition("?")[2])
    assert (write.media_type, write.bytes, write.sha256) == ("image/png", 5, SHA256)


def test_a_download_link_binds_its_disposition(tmp_path: Path) -> None:
    """A link signed as an attachment stays one."""
    grant = objects(tmp_path).sign_get(
        KEY, media_type="image/png", filename="c.png", ttl_seconds=60, disposition="attachment"
    )
    assert objects(tmp_path).verify_read(KEY, grant.url.partition("?")[2]).disposition == "attachment"
