"""Bytes on a socket that no client library would send: slow, endless, several at once, or no HTTP at all."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from live_api import Live, running
from traces import descriptors

from maquette.api import body, connection

HOST = b"host: maquette.test\r\n"


@pytest.fixture
async def address(live: Live) -> AsyncIterator[tuple[str, int]]:
    """Serve the API on a port."""
    async with running(live.app) as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


async def talk(address: tuple[str, int], *pieces: bytes, until_closed: bool = True) -> bytes:
    """Send pieces on one connection; return all that comes back until the server closes it."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if not until_closed:
            return await asyncio.wait_for(reader.read(65536), 10)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer on a connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


async def test_requests_in_one_go_are_answered_in_order(address: Any) -> None:
    """Pipelining: each request gets its own answer; what follows a refused one is answered, too."""
    asked = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    missing = b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET / HTTP/1.1\r\nconnection: close\r\n" + HOST + b"\r\n"
    assert statuses(await talk(address, asked + missing + asked + last)) == [200, 404, 200, 200]


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-correlation-id: a\rb: c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nx y: c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        b"POST /jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /jobs HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_refused_and_closed(address: Any, head: bytes) -> None:
    """400 (or an answer to what could be read, then 400), never two readings of one request, never a 5xx."""
    answered = statuses(await talk(address, head))
    assert answered, "closed without a word"
    assert all(400 <= status < 500 for status in answered), answered


@pytest.mark.parametrize("piece", [b"a" * 65_536, b"a: b\r\n" * 10_000], ids=["one header", "headers"])
async def test_a_head_without_end_is_refused(address: Any, piece: bytes) -> None:
    """Neither one endless header nor endless headers are collected: 431, or just the end for who goes on sending."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nx: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 40_000_000 and not reader.at_eof():
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
        assert statuses(await reader.read()) == [431]
    assert sent < 20_000_000, "it was collected"
    writer.close()


async def test_who_never_finishes_is_not_waited_for(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slowloris: a head that trickles, or never comes, ends with 408; others are served meanwhile; nothing is kept."""
    monkeypatch.setattr(connection, "HEAD_SECONDS_MAX", 0.4)
    async with running(live.app) as url:
        parts = urlsplit(url)
        address = str(parts.hostname), int(parts.port or 0)
        assert statuses(
            await talk(address, b"GET /healthz HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n")
        ) == [200]
        before = descriptors()

        async def trickle() -> bytes:
            reader, writer = await asyncio.open_connection(*address)
            reading = asyncio.create_task(reader.read())
            for byte in b"GET / HTTP/1.1\r\nx: " + b"a" * 1000:
                if reading.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)
            writer.close()
            try:
                return await reading
            except ConnectionResetError:  # a byte arrived behind the answer, and the network took both back
                return b""

        slow = [asyncio.create_task(trickle()) for _ in range(20)]
        silent = asyncio.create_task(talk(address))
        await asyncio.sleep(0.1)
        good = b"GET /healthz HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
        assert statuses(await talk(address, good)) == [200]
        assert statuses(await silent) == [408]
        told = [statuses(answer) for answer in await asyncio.gather(*slow)]
        assert all(answer in ([408], []) for answer in told), told
        for _ in range(100):
            if descriptors() <= before:
                break
            await asyncio.sleep(0.02)
        assert descriptors() <= before


async def test_a_head_in_two_pieces_is_read(address: Any) -> None:
    """Being late is no crime: bodies, and heads that come in pieces, are read as they are."""
    whole = b"GET /healthz HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection(*address)
    for piece in (whole[:10], whole[10:30], whole[30:]):
        writer.write(piece)
        await asyncio.sleep(0.05)
    assert statuses(await asyncio.wait_for(reader.read(), 10)) == [200]
    writer.close()


async def test_a_body_that_stops_holds_nothing_else_up(live: Live, address: Any, unchanged: Any) -> None:
    """A client that announces a body, sends half and leaves: nothing is written, no connection stays lent."""
    content = json.dumps({"project_id": live.project_id, "asset_type": "2D", "prompt": "a fox"}).encode()
    head = b"POST /jobs HTTP/1.1\r\nauthorization: Bearer " + live.tokens["user"].encode() + b"\r\n" + HOST
    head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
    async with unchanged():
        for cut in (0, 1, len(content) - 1):
            _, writer = await asyncio.open_connection(*address)
            writer.write(head + content[:cut])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        assert (await live.user.get("/healthz")).status_code == 200
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("path", [b"/jobs", b"/batches?project_id=x", b"/worker/claims"])
async def test_a_body_that_never_comes_is_not_waited_for(
    live: Live, address: Any, monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    """Half a body and then silence: 408 after a while, and the connection is closed."""
    monkeypatch.setattr(body, "_SILENCE_SECONDS_MAX", 0.3)
    role = "worker" if path.startswith(b"/worker") else "operator"
    head = (
        b"POST " + path + b" HTTP/1.1\r\nauthorization: Bearer " + live.tokens[role].encode() + b"\r\n" + HOST
    )
    head += b"content-type: application/json\r\ncontent-length: 100\r\n\r\n"
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head + b'{"project_id": ')
    told = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    if path.startswith(b"/batches"):  # its project is looked up before its body is read
        assert statuses(told) == [404]
    else:
        assert statuses(told) == [408]
        assert b'"code":"request_timeout"' in told
