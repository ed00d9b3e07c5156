"""Heads, queries, cursors, ranges and JSON that are legal HTTP and meant badly: refused by a code, or plainly handled."""

import json
from typing import Any

from live_api import Live

JSON = {"content-type": "application/json"}


async def test_odd_queries_are_refused_or_mean_one_thing(live: Live, unchanged: Any) -> None:
    """Numbers at their ends, other digits, two values for one name, unknown names: 422 or the plain reading, never a 5xx."""
    for _ in range(3):
        await live.brief()
    refused = [
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=1e9",
        "limit=1000000000",
        "limit=",
        "limit=x",
        "limit=1.5",
    ]
    refused += [
        "limit=" + "9" * 5000,
        "status=Running",
        "status=x' or 1=1 --",
        "asset_type=4D",
        "cursor=",
        "limit[]=1&limit=0",
    ]
    refused += ["cursor=x", "cursor=job_" + "0" * 60, "cursor=%F0%9F%A6%8A", "project_id="]
    lists = ["/jobs", "/projects", "/batches", "/webhooks", f"/projects/{live.project_id}/assets"]
    async with unchanged():
        for query in refused:
            response = await live.user.get(f"/jobs?{query}")
            assert response.status_code in {404, 422}, (query, response.text)
        for path in lists:
            for query in ("limit=0", "limit=101", "limit=x", "cursor=x", "cursor=%00"):
                response = await live.user.get(f"{path}?project_id={live.project_id}&{query}")
                assert response.status_code == 422, (path, query, response.text)
        for query in (
            "limit=2&limit=1",
            "limit=1&more=x",
            "limit=1&" + "&".join(f"x{n}=1" for n in range(2000)),
        ):
            response = await live.user.get(f"/jobs?{query}")
            assert (response.status_code, len(response.json()["items"])) == (200, 1), query
        too_long = await live.user.get("/jobs?" + "x" * 40_000)
        assert (too_long.status_code, too_long.json()["code"]) == (431, "headers_too_large")


async def test_a_forged_cursor_opens_no_other_project(live: Live, unchanged: Any) -> None:
    """A cursor is a place in a list, not a permission: another project's id shows the caller's own, older jobs."""
    mine = await live.brief()
    theirs = (await live.operator.post("/projects", json={"name": "Other"})).json()["id"]
    body = {"project_id": theirs, "asset_type": "2D", "prompt": "a secret"}
    secret = (await live.operator.post("/jobs", json=body)).json()["id"]
    async with unchanged():
        page = (await live.user.get("/jobs", params={"cursor": secret})).json()["items"]
        assert [job["id"] for job in page] == [mine["id"]]
        for cursor in (
            live.project_id,
            mine["id"].upper(),
            mine["id"].replace("job_", "ast_"),
            mine["id"] + "\u0301",
        ):
            assert (await live.user.get("/jobs", params={"cursor": cursor})).status_code == 422, cursor


async def test_odd_headers_are_refused_or_mean_one_thing(live: Live) -> None:
    """Two keys for one request, ids of 8 KiB, bytes that are no ASCII: the first counts, or 422, or a new id."""
    body = json.dumps({"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox"}).encode()
    token = live.tokens["user"].encode()

    async def submit(*headers: tuple[bytes, bytes]) -> Any:
        own = [(b"content-type", b"application/json"), (b"authorization", b"Bearer " + token)]
        return await live.nobody.post("/jobs", content=body, headers=[*own, *headers])

    first = await submit((b"idempotency-key", b"one"), (b"idempotency-key", b"two"))
    again = await submit((b"idempotency-key", b"one"))
    other = await submit((b"idempotency-key", b"two"))
    assert (first.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (
        201, first.json()["id"], "true",
    )  # fmt: skip
    assert other.json()["id"] != first.json()["id"]
    for key in (b"", b" ", b"x" * 201, b"\xc3\xa4", b"\xff", b"a\tb"):
        refused = await submit((b"idempotency-key", key))
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), key
    for correlation in (b"x" * 8192, b"\xff\xfe", b"a b", b"", b"{{7*7}}", b"../x"):
        made = await submit((b"x-correlation-id", correlation), (b"x-request-id", correlation))
        assert made.status_code == 201, correlation
        assert made.headers["x-correlation-id"].encode() != correlation
        assert made.json()["correlation_id"] == made.headers["x-correlation-id"]
    for scheme in (
        b"Bearer",
        b"bearer  ",
        b"Basic " + token,
        b"Bearer " + token + b" x",
        b"\xff",
        b"Bearer \xff",
        token,
    ):
        refused = await live.nobody.get("/jobs", headers=[(b"authorization", scheme)])
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated"), scheme


async def test_a_name_twice_in_json_has_one_reading(live: Live, unchanged: Any) -> None:
    """The last one counts for whoever looks: what is judged is what is made."""
    start = f'{{"project_id": "{live.project_id}", "asset_type": "2D", '
    raw = start + '"prompt": "a naked child", "prompt": "a red fox", "seed": 1, "seed": 2}'
    made = await live.user.post("/jobs", content=raw.encode(), headers=JSON)
    assert made.status_code == 201, made.text
    assert (made.json()["inputs"]["prompt"], made.json()["inputs"]["seed"]) == ("a red fox", 2)
    async with unchanged():
        raw = start + '"prompt": "a red fox", "prompt": "a naked child"}'
        refused = await live.user.post("/jobs", content=raw.encode(), headers=JSON)
        assert (refused.status_code, refused.json()["code"]) == (422, "content_policy_violation")


async def test_numbers_without_measure_are_refused(live: Live, unchanged: Any) -> None:
    """Beyond 64 bits, beyond floating point, or a text of digits: 422 in fields, parameters and metadata."""
    body = {"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox"}
    numbers = [
        "9" * 30,
        "-" + "9" * 30,
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "1" * 5000,
        "0x10",
        "01",
        '"5"',
        "1e400",
    ]
    async with unchanged():
        for number in numbers:
            for field in ('"seed": %s', '"variants": %s', '"params": {"text_to_image": {"width": %s}}'):
                raw = json.dumps(body)[:-1] + ", " + field % number + "}"
                refused = await live.user.post("/jobs", content=raw.encode(), headers=JSON)
                assert refused.status_code == 422, (field, number[:20], refused.text)
            if number != '"5"':
                raw = f'{json.dumps(body)[:-1]}, "metadata": {{"a": {number}}}}}'
                refused = await live.user.post("/jobs", content=raw.encode(), headers=JSON)
                assert refused.status_code == 422, (number[:20], refused.text)


async def test_ranges_without_measure_cost_nothing(live: Live) -> None:
    """A thousand ranges, overlapping or not, give the whole file once or 416; conditions that lie give the whole."""
    job = await live.brief()
    data = bytes(range(256)) * 400
    await live.work(data)
    [artifact] = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"]
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(1000))
    for header in (many, "bytes=" + "0-," * 5000, "bytes=0-0," + "9" * 5000 + "-", "bytes=-" + "9" * 5000):
        response = await live.nobody.get(artifact["url"], headers={"range": header})
        assert response.status_code in {200, 206, 416}, header[:30]
        assert len(response.content) <= len(data)
    for condition in ("x", '"' + "0" * 64 + '"', "W/*", "Thu, 01 Jan 1970 00:00:00 GMT", "\xff"):
        headers = [(b"range", b"bytes=0-9"), (b"if-range", condition.encode("latin-1"))]
        response = await live.nobody.get(artifact["url"], headers=headers)
        assert (response.status_code, response.content) == (200, data), condition
    for none_match in (", ".join(f'"{n}"' for n in range(3000)), '"' * 5000, "W/" * 5000, "\xff"):
        response = await live.nobody.get(
            artifact["url"], headers=[(b"if-none-match", none_match.encode("latin-1"))]
        )
        assert response.status_code == 200


async def test_batches_of_odd_lines_get_a_verdict_each(live: Live) -> None:
    """Lines that are no JSON, too deep, too long, half a pair, empty, or somebody else's: each alone is refused."""
    good = b'{"asset_type": "2D", "prompt": "a fox"}'
    bad = [
        b"{",
        b"[" * 50_000,
        b"null",
        b'{"prompt": "\\ud800", "asset_type": "2D"}',
        b'{"prompt": "' + b"x" * 100_000 + b'", "asset_type": "2D"}',
        b'{"asset_type": "2D", "prompt": "a", "seed": 1e999}',
        b'{"asset_type": "2D", "prompt": "\xff"}',
        b'{"asset_type": "2D", "prompt": "a", "project_id": "prj_00000000000000000000000000"}',
        b'{"asset_type": "2D", "prompt": "a", "library_path": "../x"}',
        b"\xef\xbb\xbf{}",
    ]
    made = await live.user.post(
        "/batches",
        params={"project_id": live.project_id, "name": "\u202eodd"},
        content=b"\n".join([good, *bad, good]),
        headers={"content-type": "application/jsonl"},
    )
    assert made.status_code == 201, made.text
    verdicts = [verdict["status"] for verdict in made.json()["verdicts"]]
    assert verdicts[0] == verdicts[-1] == 201
    assert all(400 <= status < 500 for status in verdicts[1:-1]), verdicts
    assert len(verdicts) == len(bad) + 2
