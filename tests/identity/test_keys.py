"""Keys of projects and operators, tokens of workers: what they open, how they change, how they end."""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from live_api import Live, client_of, open_live

from maquette.domain.credentials import Credential, check_scopes
from maquette.domain.errors import Invalid
from maquette.domain.permissions import Role
from maquette.domain.typeid import decode
from maquette.services.principals import TOKEN_BYTES_MAX

NOW = datetime(2026, 2, 3, tzinfo=UTC)
OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32


def credential(**more: Any) -> Credential:
    base: dict[str, Any] = {
        "id": UUID(int=1), "project_id": UUID(int=2), "kind": "user", "subject": "usr_x", "role": Role.ARTIST,
        "scopes": None, "services": None, "secret_hash": NEW, "previous_hash": None, "previous_until": None,
        "expires_at": None,
    }  # fmt: skip
    return Credential(**{**base, **more})


def test_a_secret_is_believed_until_its_end() -> None:
    """For two seconds at a time, less towards the end of the key or of the overlap, and not at all afterwards."""
    plain = credential()
    assert plain.believed_seconds(NEW, NOW, 2.0) == 2.0
    assert plain.believed_seconds(OTHER, NOW, 2.0) == 0.0
    ending = credential(expires_at=NOW + timedelta(seconds=1))
    assert ending.believed_seconds(NEW, NOW, 2.0) == 1.0
    assert ending.believed_seconds(NEW, NOW + timedelta(seconds=1), 2.0) == 0.0
    rotated = credential(previous_hash=OLD, previous_until=NOW + timedelta(hours=1))
    assert rotated.believed_seconds(NEW, NOW + timedelta(days=1), 2.0) == 2.0
    assert rotated.believed_seconds(OLD, NOW, 2.0) == 2.0
    assert rotated.believed_seconds(OLD, NOW + timedelta(seconds=3599.5), 2.0) == 0.5
    assert rotated.believed_seconds(OLD, NOW + timedelta(hours=1), 2.0) == 0.0
    assert rotated.believed_seconds(OTHER, NOW, 2.0) == 0.0
    both = replace(rotated, expires_at=NOW + timedelta(seconds=1.5))
    assert both.believed_seconds(OLD, NOW, 2.0) == 1.5


def test_scopes_are_those_of_the_table() -> None:
    """Each once, in the table's order; unknown ones and an empty list are refused."""
    assert check_scopes(["jobs:write", "jobs:read", "jobs:write"]) == ("jobs:read", "jobs:write")
    assert check_scopes(None) is None
    for wrong in ([], ["jobs:read", "jobs:everything"]):
        with pytest.raises(Invalid):
            check_scopes(wrong)


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    response = await client.post(path, json={"name": "x", **body})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_roles_and_scopes_hold_over_http(live: Live) -> None:
    """A viewer reads and is told what he lacks; a narrowed owner has his scopes alone, as RFC 6750 says it."""
    keys = f"/projects/{live.project_id}/keys"
    viewer = client_of(live.app, (await made(live.user, keys, role="viewer"))["key"])
    assert (await viewer.get("/jobs")).status_code == 200
    wish = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox"}
    refused = await viewer.post("/jobs", json=wish)
    assert (refused.status_code, refused.json()["role"]) == (403, "artist")
    assert "needs the role artist in the project; yours is viewer" in refused.json()["detail"]
    narrow = client_of(live.app, (await made(live.user, keys, role="owner", scopes=["jobs:read"]))["key"])
    assert (await narrow.get("/jobs")).status_code == 200
    refused = await narrow.post("/jobs", json=wish)
    assert refused.status_code == 403
    assert refused.headers["www-authenticate"].endswith('error="insufficient_scope", scope="jobs:write"')
    assert (await narrow.get("/me")).json() == {
        "kind": "user",
        "subject": (await narrow.get("/me")).json()["subject"],
        "projects": [{"project_id": live.project_id, "role": "owner"}],
        "scopes": ["jobs:read"],
        "services": None,
    }
    for body in ({"role": "king"}, {"scopes": []}, {"scopes": ["all"]}, {"role": 3}, {"subject": "usr_x"}):
        assert (await live.user.post(keys, json={"name": "x", **body})).status_code == 422, body


async def test_nobody_hands_on_more_than_he_has(live: Live) -> None:
    """A narrowed key makes no wider one and rotates none, for that would show it; it may take away."""
    keys = f"/projects/{live.project_id}/keys"
    wide = await made(live.user, keys, role="owner")
    maker = client_of(
        live.app, (await made(live.user, keys, role="owner", scopes=["keys:admin", "jobs:read"]))["key"]
    )
    same = await made(maker, keys, role="owner", scopes=["jobs:read"])
    for body in ({}, {"scopes": None}, {"scopes": ["jobs:read", "jobs:write"]}):
        refused = await maker.post(keys, json={"name": "x", "role": "viewer", **body})
        assert refused.status_code == 403, body
        assert "more than he has" in refused.json()["detail"]
    assert (await maker.post(f"{keys}/{wide['id']}/rotate", json={})).status_code == 403
    assert (await maker.post(f"{keys}/{same['id']}/rotate", json={})).status_code == 200
    assert (await client_of(live.app, wide["key"]).get("/jobs")).status_code == 200
    assert (await maker.delete(f"{keys}/{wide['id']}")).status_code == 204
    reviewer = client_of(live.app, (await made(live.user, keys, role="reviewer"))["key"])
    assert (await reviewer.post(keys, json={"name": "x", "role": "viewer"})).status_code == 403


async def test_a_rotated_key_overlaps(live: Live) -> None:
    """The new secret works at once, the old one until the overlap ends; another rotation ends it; revoking ends both."""
    keys = f"/projects/{live.project_id}/keys"
    first = await made(live.user, keys, role="viewer", scopes=["jobs:read"])
    address = f"{keys}/{first['id']}"

    async def status(text: str) -> int:
        live.deps.identity._known.clear()
        return (await client_of(live.app, text).get("/jobs")).status_code

    second = (await live.user.post(f"{address}/rotate", json={"overlap_seconds": 600})).json()
    assert second["id"] == first["id"]
    assert (second["role"], second["scopes"], second["subject"]) == (
        "viewer",
        ["jobs:read"],
        first["subject"],
    )
    assert second["overlap_until"] is not None
    assert [await status(item["key"]) for item in (first, second)] == [200, 200]
    third = (await live.user.post(f"{address}/rotate", json={"overlap_seconds": 600})).json()
    assert [await status(item["key"]) for item in (first, second, third)] == [401, 200, 200]
    async with live.deps.database.connection() as connection:
        await connection.execute(
            "update api_keys set previous_until = clock_timestamp() where previous_until is not null"
        )
    assert [await status(item["key"]) for item in (second, third)] == [401, 200]
    fourth = (await live.user.post(f"{address}/rotate", json={"overlap_seconds": 0})).json()
    assert fourth["overlap_until"] is None
    assert [await status(item["key"]) for item in (third, fourth)] == [401, 200]
    await live.user.post(f"{address}/rotate", json={})
    assert (await live.user.delete(address)).status_code == 204
    assert await status(fourth["key"]) == 401
    assert (await live.user.post(f"{address}/rotate", json={})).status_code == 404
    for wrong in ({"overlap_seconds": -1}, {"overlap_seconds": 2_592_001}, {"overlap_seconds": 1.5}):
        assert (await live.user.post(f"{address}/rotate", json=wrong)).status_code == 422


async def test_revocation_reaches_every_replica_within_two_seconds(live: Live, tmp_path: Path) -> None:
    """Two installations over one database: what one revokes, the other, who knew it, refuses 2 s later at the latest."""
    key = await made(live.user, f"/projects/{live.project_id}/keys", role="viewer")
    async with open_live(live.deps.database.url, tmp_path / "other") as other:
        there = client_of(other.app, key["key"])
        assert (await there.get("/jobs")).status_code == 200
        assert (await live.user.delete(f"/projects/{live.project_id}/keys/{key['id']}")).status_code == 204
        revoked = time.monotonic()
        while (await there.get("/jobs")).status_code != 401:
            assert time.monotonic() - revoked < 2.5
            await asyncio.sleep(0.05)
        assert time.monotonic() - revoked <= 2.2


async def test_a_stream_ends_with_its_key(live: Live) -> None:
    """What happens after a revocation is not sent to who was following before it; only what he had already is his."""
    keys = f"/projects/{live.project_id}/keys"
    key = await made(live.user, keys, role="viewer")
    job = await live.brief()
    lines: list[str] = []

    async def follow() -> None:
        response = await client_of(live.app, key["key"]).get(
            f"/projects/{live.project_id}/events?since=beginning"
        )
        lines.extend(response.text.splitlines())

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.5)
    assert not following.done()
    await live.user.delete(f"{keys}/{key['id']}")
    live.deps.identity._known.clear()
    await live.user.post(f"/jobs/{job['id']}/cancel")
    await asyncio.wait_for(following, 20)
    told = [line for line in lines if line.startswith("event: ")]
    assert "event: JobCreated" in told
    assert "event: JobCanceled" not in told


async def test_uses_are_written_down_coarsely(live: Live) -> None:
    """A use shows after the next flush; a second flush without news writes nothing."""
    keys = f"/projects/{live.project_id}/keys"
    key = await made(live.user, keys, role="viewer")
    client = client_of(live.app, key["key"])
    assert (await live.user.get(keys)).json()["items"][0]["last_used_at"] is None
    await client.get("/jobs")
    await live.deps.identity.flush()
    shown = (await live.user.get(keys)).json()["items"][0]
    used = datetime.fromisoformat(shown["last_used_at"])
    assert abs((datetime.now(UTC) - used).total_seconds()) < 30
    assert shown["created_by"] == (await live.user.get("/me")).json()["subject"]
    await live.deps.identity.flush()  # the list above has used another key
    version = await _row_version(live, key["id"])
    await live.deps.identity.flush()
    assert await _row_version(live, key["id"]) == version


async def _row_version(live: Live, key: str) -> str:
    async with live.deps.database.connection() as connection:
        found = await connection.fetchval("select xmin::text from api_keys where id = $1", decode("mq", key))
    return str(found)


async def test_operators_keep_a_key(live: Live) -> None:
    """Operators make, narrow and revoke each other's keys, but not the last; two at once do not get past that."""
    second = await made(live.operator, "/operators/keys")
    other = client_of(live.app, second["key"])
    assert (await other.get("/me")).json()["kind"] == "operator"
    narrow = await made(live.operator, "/operators/keys", scopes=["jobs:read"])
    narrowed = client_of(live.app, narrow["key"])
    assert (await narrowed.get("/jobs")).status_code == 200
    assert (await narrowed.get("/operators/keys")).status_code == 403
    assert (await live.user.get("/operators/keys")).status_code == 403
    assert (await live.operator.delete(f"/operators/keys/{narrow['id']}")).status_code == 204
    listed = (await live.operator.get("/operators/keys")).json()["items"]
    first = next(item for item in listed if item["name"] == "operator")
    assert [item["role"] for item in listed] == [None] * 3
    both = await asyncio.gather(
        live.operator.delete(f"/operators/keys/{first['id']}"),
        live.operator.delete(f"/operators/keys/{second['id']}"),
    )
    assert sorted(response.status_code for response in both) == [204, 409]
    live.deps.identity._known.clear()
    left = other if both[0].status_code == 204 else live.operator
    [last] = [
        item for item in (await left.get("/operators/keys")).json()["items"] if item["revoked_at"] is None
    ]
    refused = await left.delete(f"/operators/keys/{last['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


async def test_keys_of_one_kind_are_not_found_among_another(live: Live) -> None:
    """A project's key is no operator's, a worker's token no project's, another project's key nobody's."""
    ours = await made(live.user, f"/projects/{live.project_id}/keys")
    token = await made(live.operator, "/worker-tokens")
    theirs = (await live.operator.post("/projects", json={"name": "Other"})).json()["id"]
    for key, place in (
        (ours, "/operators/keys"), (ours, "/worker-tokens"), (ours, f"/projects/{theirs}/keys"),
        (token, "/operators/keys"), (token, f"/projects/{live.project_id}/keys"),
    ):  # fmt: skip
        assert (await live.operator.delete(f"{place}/{key['id']}")).status_code == 404
        assert (await live.operator.post(f"{place}/{key['id']}/rotate", json={})).status_code == 404
    assert (await client_of(live.app, ours["key"]).get("/jobs")).status_code == 200


async def test_bad_credentials_are_401_whatever_they_are(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    """Never a 500, never a hint: garbled, cut, lengthened, foreign and enormous ones; each is counted and logged by its reason."""
    caplog.set_level(logging.INFO, logger="maquette.identity")
    key = await made(live.user, f"/projects/{live.project_id}/keys")
    text, nobody = key["key"], live.nobody
    wrong = [
        "mq_", "mq", text[:-1], text + "x", text[:29], text[:30], text.upper(), text.replace("_", "-"), "mq_" + "0" * 26,
        "mq_" + "0" * 26 + "_x", "mq_" + "z" * 26 + "_x", "' or 1=1 --", "../../etc/passwd", "a.b.c", "null", "x" * 8192,
        text + "x" * 300, "eyJhbGciOiJub25lIn0.e30.", "\x7f",
    ]  # fmt: skip
    for token in wrong:
        response = await nobody.get("/jobs", headers={"authorization": f"Bearer {token}"})
        assert response.status_code == 401, token[:50]
        assert response.headers["www-authenticate"] == 'Bearer realm="maquette", error="invalid_token"'
        assert response.json()["detail"] == "This token is not valid."
    huge = await nobody.get("/jobs", headers={"authorization": f"Bearer {'x' * (TOKEN_BYTES_MAX + 1)}"})
    assert huge.status_code == 401
    raw = await nobody.get("/jobs", headers={"authorization": "Bearer ä".encode("latin-1")})
    assert raw.status_code == 401
    missing = await nobody.get("/jobs")
    assert missing.headers["www-authenticate"] == 'Bearer realm="maquette"'
    counted = (await nobody.get("/metrics")).text
    for reason in ("missing", "malformed", "key"):
        assert f'maquette_authentications_refused_total{{reason="{reason}"}}' in counted
    told = [record for record in caplog.records if record.name == "maquette.identity"]
    assert len(told) == len(wrong) + 3
    assert {record.fields["reason"] for record in told} == {"missing", "malformed", "key"}
    assert {record.fields["route"] for record in told} == {"/jobs"}
    secret = text[30:45]
    assert [record for record in told if secret in str(vars(record))] == []


async def test_a_worker_s_token_is_for_its_services(live: Live) -> None:
    """It claims, beats and reports for those alone; another's fence, guessed, changes nothing."""
    token = await made(live.operator, "/worker-tokens", services=["comfyui"])
    assert token["services"] == ["comfyui"]
    farm = client_of(live.app, token["key"])
    assert (await farm.get("/jobs")).status_code == 403
    refused = await farm.post("/worker/claims", json=live.claim(services=["comfyui", "studio"]))
    assert (refused.status_code, "'studio'" in refused.json()["detail"]) == (403, True)
    assert (await farm.post("/worker/claims", json=live.claim(services=["comfyui"]))).status_code == 200
    beat = {"worker_epoch": live.claim()["worker_epoch"], "worker": "w", "held": [], "services": ["studio"]}
    assert (await farm.post("/worker/heartbeats", json=beat)).status_code == 403

    await live.brief()
    [task] = (await live.worker.post("/worker/claims", json=live.claim())).json()["tasks"]
    held = {"task_id": task["task_id"], "fence": task["fence"]}
    failed = {**held, "status": "failed", "error_class": "invalid", "error_code": "x"}
    file = {"name": "a.png", "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}
    beat = {
        **beat,
        "worker_epoch": "00000000-0000-4000-8000-000000000001",
        "held": [held],
        "services": ["comfyui"],
    }
    for path, body, place in (
        ("outcomes", {"outcomes": [failed]}, "verdicts"),
        ("outcomes", {"outcomes": [{**held, "status": "canceled"}]}, "verdicts"),
        ("outcomes", {"outcomes": [{**held, "status": "succeeded"}]}, "verdicts"),
        ("uploads", {"uploads": [{**held, **file}]}, "grants"),
        ("heartbeats", beat, "verdicts"),
    ):
        answered = await farm.post(f"/worker/{path}", json=body)
        assert [item["verdict"] for item in answered.json()[place]] == ["stale"], (path, answered.text)
    assert (await live.report(task)).json()["verdicts"][0]["verdict"] == "applied"


async def test_a_revoked_worker_gets_nothing_it_waited_for(live: Live) -> None:
    """A claim that was waiting when its token was revoked is told so, and the task goes to somebody else."""
    token = await made(live.operator, "/worker-tokens", services=["studio"])
    farm = client_of(live.app, token["key"])
    waiting = asyncio.create_task(farm.post("/worker/claims", json=live.claim(wait_seconds=10.0)))
    await asyncio.sleep(0.3)
    assert (await live.operator.delete(f"/worker-tokens/{token['id']}")).status_code == 204
    live.deps.identity._known.clear()
    await live.brief()
    answered = await waiting
    assert (answered.status_code, "tasks" in answered.json()) == (401, False)
