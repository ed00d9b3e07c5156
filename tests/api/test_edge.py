"""What every response carries, and what is written down about it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from maquette.api.app import build_app
from maquette.settings import Settings

BODY_BYTES_MAX = 20_000
Lines = Callable[[], list[dict[str, Any]]]


async def test_a_request_gets_an_id(client: httpx.AsyncClient) -> None:
    """Without one, an id is made; two requests have two."""
    first, second = await client.get("/healthz"), await client.get("/healthz")
    assert len(first.headers["x-request-id"]) == 32
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-correlation-id"] == first.headers["x-request-id"]


async def test_given_ids_are_kept(client: httpx.AsyncClient, access_lines: Lines) -> None:
    """A caller's ids come back and stand in the log, so that both sides talk of the same request."""
    response = await client.get("/healthz", headers={"x-request-id": "req-1", "x-correlation-id": "order:7"})
    assert (response.headers["x-request-id"], response.headers["x-correlation-id"]) == ("req-1", "order:7")
    assert (access_lines()[-1]["request_id"], access_lines()[-1]["correlation_id"]) == ("req-1", "order:7")


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, b"\xff", b"<script>", b'"'])
async def test_unusable_ids_are_replaced(client: httpx.AsyncClient, given: bytes) -> None:
    """An id that could break a log or a page is not taken over."""
    response = await client.get("/healthz", headers=[(b"x-request-id", given)])
    assert len(response.headers["x-request-id"]) == 32


async def test_answers_are_not_cached_or_sniffed(client: httpx.AsyncClient) -> None:
    """What an API tells a tenant stays in no cache; errors neither."""
    for path in ("/healthz", "/nowhere"):
        headers = (await client.get(path)).headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


async def test_the_log_has_one_line_a_request(client: httpx.AsyncClient, access_lines: Lines) -> None:
    """Also for refused ones; by route template, so that lines can be grouped."""
    await client.get("/echo/a?limit=1")
    await client.post("/echo", content=b"{", headers={"content-type": "application/json"})
    await client.get("/nowhere?token=secret")
    lines = [(line["method"], line["route"], line["status"]) for line in access_lines()]
    assert lines == [("GET", "/echo/{name}", 200), ("POST", "unmatched", 422), ("GET", "unmatched", 404)]
    assert "secret" not in str(access_lines())


async def test_a_path_cannot_forge_a_line(
    client: httpx.AsyncClient, access_lines: Lines, caplog: Any
) -> None:
    """A line break in the path does not begin a line of its own in the log."""
    await client.get("/echo/a%0A10:00:00%20INFO%20forged")
    assert access_lines()[-1]["path"] == "/echo/a%0A10%3A00%3A00%20INFO%20forged"
    assert all("\n" not in record.getMessage() for record in caplog.records)


async def test_metrics_count_by_template(fresh_app: FastAPI, skeleton: Any) -> None:
    """However many names and methods clients invent, the number of series stays small."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(fresh_app), base_url="http://maquette.test")
    skeleton.fails_with = RuntimeError("x")
    for number in range(5):
        await client.get(f"/echo/{number}")
        await client.request(f"INVENTED{number}", f"/nowhere/{number}")
    await client.get("/fail")
    text = (await client.get("/metrics")).text
    samples = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "maquette_http_requests_total"
    }
    assert samples == {
        ("/echo/{name}", "GET", "200"): 5,
        ("unmatched", "other", "404"): 5,
        ("/fail", "GET", "500"): 1,
    }
    assert "maquette_http_requests_in_flight 1.0" in text
    assert 'maquette_http_request_duration_seconds_count{method="GET",route="/echo/{name}"} 5.0' in text


async def test_half_an_answer_does_not_look_whole(
    fresh_app: FastAPI, serve: Callable[[FastAPI], AbstractAsyncContextManager[str]]
) -> None:
    """A failure after the response began cuts the connection, so that the client notices."""
    from fastapi.responses import StreamingResponse

    @fresh_app.get("/half", tags=["test"])
    async def half() -> StreamingResponse:
        async def body() -> Any:
            yield b"some"
            await asyncio.sleep(0)
            raise RuntimeError("in the middle")

        return StreamingResponse(body())

    async with serve(fresh_app) as base, httpx.AsyncClient(base_url=base) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/half")
        assert (await client.get("/healthz")).status_code == 200


async def test_a_gateways_prefix_does_not_matter(skeleton: Any) -> None:
    """With a root path, requests are served with and without the prefix, under the same limits."""
    app = build_app(skeleton, Settings(root_path="/prod", body_bytes_max=BODY_BYTES_MAX))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        for prefix in ("", "/prod"):
            assert (await client.get(f"{prefix}/healthz")).status_code == 200
            assert (await client.get(f"{prefix}/files/a")).status_code == 403
            big = {"content": b"x" * (BODY_BYTES_MAX + 1)}
            assert (await client.put(f"{prefix}/files/a", **big)).status_code == 403
            assert (await client.post(f"{prefix}/jobs", **big)).status_code == 413


async def test_an_oversized_head_is_refused(
    app: FastAPI, serve: Callable[[FastAPI], AbstractAsyncContextManager[str]]
) -> None:
    """More than 32 KiB of headers or address are 431, and the server goes on."""
    async with serve(app) as base, httpx.AsyncClient(base_url=base) as client:
        for path, header in (
            ("/healthz", "x" * 100_000),
            ("/healthz?" + "x" * 33_000, ""),
            ("/" + "y" * 33_000, ""),
        ):
            response = await client.get(path, headers={"x-big": header})
            assert (response.status_code, response.json()["code"]) == (431, "headers_too_large")
        assert (await client.get("/healthz", headers={"x-big": "x" * 30_000})).status_code == 200
