"""The disk below the objects full, unmounted or failing: 503, nothing half there, nothing deleted, then on as if nothing had been."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, furnish

from maquette.adapters import objects_local
from maquette.adapters.signing import SigningKey
from maquette.bootstrap import open_deps
from maquette.domain.errors import Unavailable
from maquette.services.cleaning import drain
from maquette.services.integrity import check
from maquette.settings import Settings
from maquette.store import retention

#: Writes through the real adapter under a real limit of the kernel's: 100 kB a file.
_LIMITED = """
import asyncio, hashlib, resource, signal, sys
from pathlib import Path
from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.domain.errors import Unavailable

async def main(root):
    store = LocalObjects(root, keys=[SigningKey("k", b"secret")])
    async def put(size):
        data = bytes(size)
        async def chunks():
            yield data
        return await store.put(f"a/{size}", chunks(), bytes_=size, sha256=hashlib.sha256(data).hexdigest(), media_type="a/b")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        await put(300_000)
    except Unavailable as error:
        print(error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(len(list((root / "staging").iterdir())), await store.stat("a/300000"), (await put(300_000)).bytes)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_write_that_the_kernel_refuses_leaves_nothing(tmp_path: Path) -> None:
    """A file larger than there is room for: `Unavailable`, no stage, no object; with room the same put succeeds."""
    command = [sys.executable, "-c", _LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told, after = done.stdout.splitlines()
    assert "full" in told
    assert after == "0 None 300000"


async def test_an_unmounted_folder_is_no_empty_one(database_url: str, tmp_path: Path) -> None:
    """Uploads, outcomes, downloads, checks and cleaning stop while the folder is away; then the same outcome is applied."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        house = await furnish(deps)
        view = await house.submit("2D")
        [task] = await house.claim()
        outcome = await house.succeeded(task)
        [other] = await _doomed(house)
        root, away = tmp_path / "objects" / "objects", tmp_path / "elsewhere"
        for empty in (False, True):
            root.rename(away)
            if empty:  # a mount point without its volume
                root.mkdir()
            for refused in (
                house.report(outcome),
                deps.objects.stat(other),
                deps.objects.delete(other),
                house.stored(task, "late.bin", b"late"),
                check(deps.database, deps.objects),
            ):
                with pytest.raises(Unavailable):
                    await refused
            assert await drain(deps.database, deps.objects, grace_seconds=-1) == 1
            if empty:
                root.rmdir()
            away.rename(root)
        assert (await house.view(view.job.id)).job.attempt == 1
        assert list((tmp_path / "objects" / "staging").iterdir()) == []
        answer = await house.report(outcome)
        assert [item.verdict for item in answer.verdicts] == ["applied"]
        assert await deps.objects.stat(other) is not None, "it was deleted while it could not be seen"
        async with deps.database.connection() as connection:
            assert await connection.fetchval("select count(*) from doomed_objects") == 1


async def _doomed(house: House) -> list[str]:
    """Store an object that nothing refers to, and doom it."""
    key = "projects/prj_x/orphan"

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    sha = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    await house.deps.objects.put(key, chunks(), bytes_=1, sha256=sha, media_type="a/b")
    async with house.deps.database.transaction() as connection:
        project = await connection.fetchval("select id from projects limit 1")
        await retention.doom(connection, project, [key])
    return [key]


async def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that get no answer end after their time; the store goes on when the disk does, with all its room."""
    monkeypatch.setattr(objects_local, "SECONDS_MAX", 0.2)
    store = objects_local.LocalObjects(tmp_path, keys=[SigningKey("k", b"secret")])
    hangs, real = threading.Event(), Path.read_bytes

    def slow(path: Path) -> bytes:
        hangs.wait(10)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", slow)
    looks = [store.stat("a/b") for _ in range(objects_local.THREADS + 5)]
    told = await asyncio.gather(*looks, return_exceptions=True)
    assert {type(item) for item in told} == {Unavailable}
    hangs.set()
    assert await store.stat("a/b") is None
    store._threads.shutdown()
    assert store._room._value == objects_local.WAITING_MAX
