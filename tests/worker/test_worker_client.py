"""Below the worker: backoff, the client's patience, and work directories that outlive nobody."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from protocol_server import TOKEN, ProtocolServer

from maquette.wire import Claim, Heartbeat
from maquette.worker import Unavailable, backoff
from maquette.worker.client import Client
from maquette.worker.folders import Folders

BEAT = Heartbeat(worker_epoch="e", worker="w", held=[])
CLAIM = Claim(claim_id="c", worker_epoch="e", worker="w", services=["studio"])


def test_backoff_is_jittered_bounded_and_patient_when_asked() -> None:
    """Delays spread from zero to a doubling bound of 10 s, and never undercut Retry-After."""
    for retries, bound in [(0, 0.1), (3, 0.8), (7, 10.0), (1000, 10.0)]:
        delays = [backoff.delay_seconds(retries) for _ in range(200)]
        assert 0 <= min(delays) < bound / 4
        assert bound * 3 / 4 < max(delays) <= bound
    assert 7.0 <= backoff.delay_seconds(0, 7.0) <= 7.1
    assert backoff.delay_seconds(0, 1e9) <= backoff.RETRY_AFTER_SECONDS_MAX + 0.1


def test_retry_after_is_read_in_both_forms() -> None:
    """Seconds, an HTTP date, a past date, and nonsense."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert backoff.retry_after({"Retry-After": "7"}) == 7.0
    assert backoff.retry_after({"Retry-After": soon}) == pytest.approx(60, abs=5)
    assert backoff.retry_after({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}) == 0.0
    assert backoff.retry_after({"Retry-After": "soon"}) is None
    assert backoff.retry_after({}) is None


async def test_a_heartbeat_gives_up_when_the_next_one_is_due(server: ProtocolServer) -> None:
    """An old heartbeat is worth nothing: after its time Unavailable is raised, without a delay that overruns it."""
    server.faults["/worker/heartbeats"].extend([503] * 1000)
    async with Client(server.url, TOKEN) as client:
        with pytest.raises(Unavailable, match="503"):
            await client.heartbeat(BEAT, give_up_seconds=0.05)
        server.faults["/worker/heartbeats"].appendleft((429, {"Retry-After": "60"}))
        with pytest.raises(Unavailable, match="429"):
            await client.heartbeat(BEAT, give_up_seconds=0.05)
    assert server.heartbeats == []


async def test_an_unreadable_answer_is_asked_for_again(server: ProtocolServer) -> None:
    """A proxy's page with status 200 is no answer."""
    server.faults["/worker/claims"].extend([200, 502])
    async with Client(server.url, TOKEN) as client:
        answer = await client.claim(CLAIM)
    assert answer.claim_id == "c"
    assert len(server.claims) == 1


async def test_a_server_that_is_not_there_is_waited_for(server: ProtocolServer) -> None:
    """Connection refused is a reason to come back; the error names the call and hides the token."""
    await server.stop()
    async with Client(server.url, TOKEN) as client:
        with pytest.raises(Unavailable, match=r"POST /worker/heartbeats: Client") as caught:
            await client.heartbeat(BEAT, give_up_seconds=0.01)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/files/a?sig=x%2Fy%3D", "http://host:1/files/a?sig=x%2Fy%3D"),
        ("files/a", "http://host:1/prod/files/a"),
        ("https://store/a%20b?X-Sig=%2B", "https://store/a%20b?X-Sig=%2B"),
    ],
)
def test_urls_are_resolved_without_touching_their_signature(url: str, expected: str) -> None:
    """Relative URLs are relative to the base URL, absolute ones are kept, and nothing is requoted."""
    assert str(Client("http://host:1/prod", TOKEN).resolve(url)) == expected


def test_folders_of_dead_processes_are_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    """A process that was killed leaves its folder behind; the next start removes it, but no other one."""
    script = (
        "import os, sys, pathlib; from maquette.worker.folders import Folders\n"
        "folders = Folders(pathlib.Path(sys.argv[1])).__enter__()\n"
        "(folders.create() / 'model.bin').write_bytes(b'x')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (left,) = tmp_path.glob("*/*/model.bin")
    with Folders(tmp_path) as living:
        mine = living.create()
        assert not left.exists()
        with Folders(tmp_path):
            assert mine.exists()
        assert len(list(tmp_path.iterdir())) == 2  # the living one's folder and lock
    assert list(tmp_path.iterdir()) == []


async def test_only_an_empty_directory_is_used_again(tmp_path: Path) -> None:
    """A directory that somebody may still write to, or that holds something, is removed instead."""
    with Folders(tmp_path) as folders:
        first, second, third = folders.create(), folders.create(), folders.create()
        (second / "left").write_text("over")
        await folders.discard(second, reuse=True)
        await folders.discard(third, reuse=False)
        await folders.discard(first, reuse=True)
        assert not second.exists()
        assert not third.exists()
        assert folders.create() == first
        assert folders.create() not in {first, second, third}
