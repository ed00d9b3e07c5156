"""PostgreSQL stopped, silent, read-only, full: every request is answered in bounded time, and all goes on afterwards."""

import asyncio
import logging
import time
import uuid
from typing import Any

import asyncpg
import httpx
import pytest
from everybody import Somebody, World, key_of, populate
from wired import MORE_SECONDS, STATEMENT_SECONDS, WAIT_SECONDS, Wired

from maquette.domain.permissions import RULES
from maquette.services import follow, principals

#: The longest that is ever waited (s): for a connection, then for a statement or for the transactor's answer.
BOUND_SECONDS = WAIT_SECONDS + STATEMENT_SECONDS + MORE_SECONDS
#: For a busy machine: a hundred requests are made at once.
SLACK_SECONDS = 4.0
#: Answered without the database.
NEED_NOTHING: set[str] = {"get_me"}


async def _call_all(world: World) -> dict[str, tuple[int, str, str, float]]:
    """Call every operation at once, each as somebody who may; return status, code, Retry-After and seconds by name."""
    people = {who.name: who for who in world.people}

    async def call(method: str, path: str, operation: dict[str, Any]) -> tuple[int, str, str, float]:
        kinds = RULES[operation["operationId"]].kinds
        who: Somebody = people[
            "worker" if "worker" in kinds else "operator" if "operator" in kinds else "owner"
        ]
        began = time.monotonic()
        answer = await world.call(who, method, path, operation, key_of(world, path))
        took = time.monotonic() - began
        if answer is None:
            return 0, "streams", "", took
        problem = answer.json() if answer.status_code >= 400 else {}
        return answer.status_code, problem.get("code", ""), answer.headers.get("retry-after", ""), took

    names = [operation["operationId"] for _, _, operation in world.operations]
    return dict(zip(names, await asyncio.gather(*(call(*item) for item in world.operations)), strict=True))


@pytest.mark.parametrize("how", ["silent", "refusing"])
async def test_every_operation_answers_503_and_all_goes_on(
    wired: Wired, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with code, `retryable` and Retry-After within the bound, whatever is asked; one line in the log; then work."""
    monkeypatch.setattr(
        principals, "BELIEVED_SECONDS", 600.0
    )  # handlers, not the look-up of keys, are to fail
    monkeypatch.setattr("everybody.STREAM_SECONDS", 30.0)
    world = await populate(wired.live)
    for who in world.people:
        await who.client.get("/me")
    caplog.set_level(logging.INFO, logger="maquette.store")
    if how == "silent":
        wired.wire.stall(silent=True)
    else:
        await wired.gone()
    ready = asyncio.create_task(wired.live.nobody.get("/readyz"))
    answers = await _call_all(world)
    wrong = {
        name: found
        for name, found in answers.items()
        if name not in NEED_NOTHING
        and (found[:2] not in {(503, "unavailable"), (503, "outcome_unknown")} or not found[2])
    }
    assert wrong == {}
    assert max(found[3] for found in answers.values()) < BOUND_SECONDS + SLACK_SECONDS
    assert (await wired.live.nobody.get("/healthz")).status_code == 200
    assert (await ready).status_code == 503
    assert (await ready).json()["code"] == "unavailable"
    lines = [record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage()]
    assert len(lines) == 1

    if how == "silent":
        wired.wire.stall(silent=False)
    else:
        await wired.back()
    await _until_ready(wired.live.nobody)
    job = await wired.live.brief()
    assert job["status"] == "queued"
    assert any("is back" in record.getMessage() for record in caplog.records)


async def _until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while not (await client.get("/readyz")).is_success:  # noqa: ASYNC110 - somebody else's server tells
            await asyncio.sleep(0.05)


async def _submit(wired: Wired, key: str) -> httpx.Response:
    body = {"project_id": wired.live.project_id, "asset_type": "2D", "prompt": "a fox"}
    return await wired.live.user.post("/jobs", json=body, headers={"idempotency-key": key})


async def _submit_at_last(wired: Wired, key: str) -> None:
    """Send it again as it says, until it is taken: a busy machine may need more than the test's impatience."""
    async with asyncio.timeout(20):
        while (answer := await _submit(wired, key)).status_code == 503:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    assert answer.status_code == 201, answer.text


async def test_what_a_server_says_when_it_cannot_is_no_fault_of_the_request(wired: Wired) -> None:
    """A full disk, a read-only standby, no connection left, a backend that is terminated: 503, then the same request works."""
    name = wired.database_url.rpartition("/")[2]
    drop = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
    raising = (
        "create or replace function refuse() returns trigger language plpgsql as "
        "$$begin raise exception 'could not extend file' using errcode = '{}'; end$$"
    )
    for state in ("53100", "58030", "XX001"):
        await wired.tell(
            raising.format(state),
            "create trigger refuse before insert on jobs for each row execute function refuse()",
        )
        refused = await _submit(wired, state)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), refused.text
        assert refused.headers["retry-after"] == "1"
        await wired.tell("drop trigger refuse on jobs")
        await _submit_at_last(wired, state)
    for name_of, hurt, heal in (
        (
            "a standby",
            f"alter database {name} set default_transaction_read_only = on",
            f"alter database {name} reset all",
        ),
        (
            "full",
            f"alter database {name} allow_connections false",
            f"alter database {name} allow_connections true",
        ),
    ):
        other = await asyncpg.connect(wired.database_url.rpartition("/")[0] + "/postgres")
        await other.execute(hurt)
        await other.execute(drop)
        codes = set()
        for _ in range(3):
            refused = await _submit(wired, name_of)
            codes.add((refused.status_code, refused.json()["code"]))
        assert codes == {(503, "unavailable")}, name_of
        await other.execute(heal)
        await other.execute(drop)
        await other.close()
        await _submit_at_last(wired, name_of)


async def test_a_stream_ends_when_the_database_stays_away_and_is_gone_on_with(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream of a job ends without a word too many; the next one begins where it ended, and nothing is missing."""
    monkeypatch.setattr(follow, "QUIET_SECONDS", 0.5)
    job = await wired.live.brief()
    seen: list[int] = []

    async def listen() -> None:
        headers = {"last-event-id": str(seen[-1])} if seen else {}
        answer = await wired.live.user.get(job["urls"]["events"], headers=headers)
        seen.extend(int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: "))

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.3)
    await wired.gone()
    async with asyncio.timeout(10):
        await listening
    assert seen in ([], [1])
    await wired.back()
    await _until_ready(wired.live.nobody)
    assert (await wired.live.user.post(f"/jobs/{job['id']}/cancel")).is_success
    await listen()
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 1


async def test_tenants_reads_cannot_starve_workers(wired: Wired) -> None:
    """With every connection for reading lent and a crowd waiting for one, claims and submissions go on; readers get 503."""
    database = wired.live.deps.database
    await wired.live.brief()
    stop = asyncio.Event()

    async def hog() -> None:
        async with database.snapshot():
            await stop.wait()

    hogs = [asyncio.create_task(hog()) for _ in range(6)]
    await asyncio.sleep(0.2)
    readers = [asyncio.create_task(wired.live.user.get("/jobs")) for _ in range(20)]
    await asyncio.sleep(0)
    began = time.monotonic()
    claimed = await wired.live.worker.post("/worker/claims", json=wired.live.claim())
    beat = {"worker_epoch": str(uuid.uuid4()), "worker": "w", "held": [], "services": ["studio"], "steps": []}
    assert (await wired.live.worker.post("/worker/heartbeats", json=beat)).is_success
    took = time.monotonic() - began
    assert claimed.json()["tasks"]
    answers = await asyncio.gather(*readers)
    stop.set()
    await asyncio.gather(*hogs)
    assert {(item.status_code, item.headers["retry-after"]) for item in answers} == {(503, "2")}
    assert took < WAIT_SECONDS + SLACK_SECONDS
    assert (await wired.live.user.get("/jobs")).is_success
