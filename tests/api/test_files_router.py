"""Signed links over HTTP: ranges, conditions, headers, and uploads that are exactly what was announced."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import httpx
import pytest
from fastapi import FastAPI

KEY = "projects/prj_1/jobs/job_1/0-text_to_image/r0/a1/concept-1.png"
DATA = bytes(range(256)) * 2048  # 512 KiB
SHA256 = hashlib.sha256(DATA).hexdigest()
ETAG = f'"{SHA256}"'


async def chunks(data: bytes = DATA) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def put_url(skeleton: Any, data: bytes = DATA, media_type: str = "image/png") -> str:
    digest = hashlib.sha256(data).hexdigest()
    url: str = skeleton.objects.sign_put(
        KEY, media_type=media_type, bytes_=len(data), sha256=digest, ttl_seconds=60
    ).url
    return url


def get_url(
    skeleton: Any, media_type: str = "image/png", filename: str = "concept-1.png", **more: Any
) -> str:
    url: str = skeleton.objects.sign_get(
        KEY, media_type=media_type, filename=filename, ttl_seconds=60, **more
    ).url
    return url


@pytest.fixture
async def stored(client: httpx.AsyncClient, skeleton: Any) -> str:
    """Store the file through its link; give the link to read it."""
    response = await client.put(put_url(skeleton), content=DATA, headers={"content-type": "image/png"})
    assert (response.status_code, response.headers["etag"]) == (204, ETAG)
    return get_url(skeleton)


async def test_a_stored_file_is_read_back(client: httpx.AsyncClient, stored: str) -> None:
    """GET gives the bytes with the headers that make them safe to show and good to cache."""
    response = await client.get(stored)
    assert response.status_code == 200
    assert response.content == DATA
    headers = response.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == str(len(DATA))
    assert headers["content-disposition"] == 'inline; filename="concept-1.png"'
    assert headers["etag"] == ETAG
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"
    kind, max_age, immutable = headers["cache-control"].split(", ")
    assert (kind, immutable) == ("private", "immutable")
    assert 0 < int(max_age.removeprefix("max-age=")) <= 90


async def test_head_tells_the_same_without_the_bytes(client: httpx.AsyncClient, stored: str) -> None:
    """HEAD has the headers of GET, and ignores ranges."""
    got, head = await client.get(stored), await client.head(stored, headers={"range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    ignored = {"x-request-id", "x-correlation-id", "cache-control"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in got.headers.items() if k not in ignored
    }


LAST = len(DATA) - 1


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=262143-262144", 262_143, 262_144),
        ("bytes=100-", 100, LAST),
        ("bytes=-1", LAST, LAST),
        ("bytes=-100", LAST - 99, LAST),
        ("bytes=-999999999", 0, LAST),
        (f"bytes={LAST}-{LAST}", LAST, LAST),
        (f"bytes={LAST}-999999999", LAST, LAST),
        ("BYTES= 5-6 ", 5, 6),
    ],
)
async def test_a_range_gives_exactly_its_bytes(
    client: httpx.AsyncClient, stored: str, header: str, first: int, last: int
) -> None:
    """One range is honoured, in each of its three forms."""
    response = await client.get(stored, headers={"range": header})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert response.headers["content-length"] == str(last - first + 1)
    assert response.content == DATA[first : last + 1]


@pytest.mark.parametrize("header", [f"bytes={len(DATA)}-", "bytes=-0", "bytes=999999999999-999999999999"])
async def test_a_range_outside_is_416(client: httpx.AsyncClient, stored: str, header: str) -> None:
    """A range without a byte of the file is told the file's size."""
    response = await client.get(stored, headers={"range": header})
    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(
    "header", ["bytes=0-1,5-6", "bytes=-", "bytes=a-b", "bytes=5-4", "lines=0-1", "bytes", "", "bytes=1" * 99]
)
async def test_other_ranges_count_as_none(client: httpx.AsyncClient, stored: str, header: str) -> None:
    """What is malformed, or several ranges at once, gives the whole file."""
    response = await client.get(stored, headers={"range": header})
    assert (response.status_code, len(response.content)) == (200, len(DATA))


@pytest.mark.parametrize(
    ("tag", "status"), [(ETAG, 304), (f'"x", W/{ETAG}', 304), ("*", 304), ('"x"', 200), (SHA256, 200)]
)
async def test_who_has_the_file_is_not_sent_it(
    client: httpx.AsyncClient, stored: str, tag: str, status: int
) -> None:
    """If-None-Match with the file's tag is a 304 without body."""
    response = await client.get(stored, headers={"if-none-match": tag})
    assert (response.status_code, len(response.content)) == (status, 0 if status == 304 else len(DATA))
    assert response.headers["etag"] == ETAG


@pytest.mark.parametrize(("tag", "status"), [(ETAG, 206), ('"x"', 200), (f"W/{ETAG}", 200)])
async def test_a_range_of_another_version_gives_the_whole(
    client: httpx.AsyncClient, stored: str, tag: str, status: int
) -> None:
    """If-Range lets a download be resumed only when the file is still the same."""
    response = await client.get(stored, headers={"range": "bytes=0-9", "if-range": tag})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("image/png", "inline"),
        ("image/webp", "inline"),
        ("model/gltf-binary", "inline"),
        ("application/json", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
async def test_only_harmless_types_are_shown(
    client: httpx.AsyncClient, skeleton: Any, stored: str, media_type: str, disposition: str
) -> None:
    """What could carry a script is a download, whatever the link says."""
    del stored
    response = await client.get(get_url(skeleton, media_type))
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"].startswith(f"{disposition};")


async def test_a_download_can_be_asked_for(client: httpx.AsyncClient, skeleton: Any, stored: str) -> None:
    """A link signed as an attachment downloads what would otherwise be shown."""
    del stored
    response = await client.get(get_url(skeleton, disposition="attachment"))
    assert response.headers["content-disposition"] == 'attachment; filename="concept-1.png"'


@pytest.mark.parametrize("text", ["a\r\nx-evil: 1", 'a"; x=y', "Größe 猫.png", "", "../../etc/passwd"])
async def test_file_names_and_types_cannot_break_headers(
    client: httpx.AsyncClient, skeleton: Any, stored: str, text: str
) -> None:
    """Whatever a worker called its file, the response has the headers that we set and no others."""
    del stored
    response = await client.get(get_url(skeleton, media_type=text, filename=text))
    assert response.status_code == 200
    assert "x-evil" not in response.headers
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].isascii()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("concept-1.png?", "concept-2.png?"),
        ("expires=", "expires=9"),
        ("kid=k1", "kid=k2"),
        ("as=inline", "as=attachment"),
        ("type=image%2Fpng", "type=text%2Fhtml"),
        ("signature=", "signature=A"),
        ("&as=inline", ""),
        ("as=inline", "as=inline&as=inline"),
        ("as=inline", "as=inline&more=1"),
        ("/files/projects/prj_1", "/files/projects/%2e%2e/projects/prj_1"),
        ("/files/projects/prj_1", "/files//projects/prj_1"),
    ],
)
async def test_an_altered_link_is_forbidden(
    client: httpx.AsyncClient, stored: str, old: str, new: str
) -> None:
    """Any change of path or query is a 403 problem, and tells nothing of the file."""
    assert old in stored
    response = await client.get(stored.replace(old, new))
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert "etag" not in response.headers


async def test_a_link_without_its_query_is_forbidden(client: httpx.AsyncClient, stored: str) -> None:
    """Knowing the path is not enough, whether or not the file exists."""
    assert (await client.get(stored.partition("?")[0])).status_code == 403
    assert (await client.get("/files/no/such/file")).status_code == 403


async def test_methods_do_not_stand_in_for_each_other(
    client: httpx.AsyncClient, skeleton: Any, stored: str
) -> None:
    """A link to read does not write, a link to write does not read, and nothing deletes."""
    assert (await client.put(stored, content=b"x")).status_code == 403
    assert (await client.get(put_url(skeleton))).status_code == 403
    assert (await client.head(put_url(skeleton))).status_code == 403
    assert (await client.delete(stored)).status_code == 405


async def test_a_signed_link_to_nothing_is_404(client: httpx.AsyncClient, skeleton: Any) -> None:
    """A valid link to a file that is not stored says so."""
    assert (await client.get(get_url(skeleton))).status_code == 404
    assert (await client.head(get_url(skeleton))).status_code == 404


async def test_sending_again_succeeds_and_other_bytes_conflict(
    client: httpx.AsyncClient, skeleton: Any, stored: str
) -> None:
    """A retry is fine; a link for other bytes under the same key is 409 and changes nothing."""
    headers = {"content-type": "image/png"}
    assert (await client.put(put_url(skeleton), content=DATA, headers=headers)).status_code == 204
    response = await client.put(put_url(skeleton, b"other"), content=b"other", headers=headers)
    assert (response.status_code, response.json()["code"]) == (409, "object_conflict")
    assert (await client.get(stored)).content == DATA


@pytest.mark.parametrize(
    ("sent", "content_type", "status"),
    [
        (DATA[:-1], "image/png", 422),
        (DATA + b"x", "image/png", 422),
        (b"x" * len(DATA), "image/png", 422),
        (DATA, "text/html", 403),
        (DATA, "", 403),
    ],
    ids=["short", "long", "other bytes", "other type", "no type"],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_only_what_was_announced_is_stored(
    client: httpx.AsyncClient, skeleton: Any, sent: bytes, content_type: str, status: int, chunked: bool
) -> None:
    """Length, checksum and type are those of the link, with or without Content-Length."""
    body = chunks(sent) if chunked else sent
    headers = {"content-type": content_type} if content_type else {}
    response = await client.put(put_url(skeleton), content=body, headers=headers)
    assert response.status_code == status
    assert await skeleton.objects.stat(KEY) is None


async def test_uploads_have_the_limit_that_was_signed(client: httpx.AsyncClient, skeleton: Any) -> None:
    """A file far over the limit for JSON bodies is stored, because its link says how long it is."""
    headers = {"content-type": "image/png"}
    assert (await client.put(put_url(skeleton), content=chunks(), headers=headers)).status_code == 204


async def test_links_and_credentials_stay_out_of_the_log(
    client: httpx.AsyncClient, stored: str, access_lines: Callable[[], list[dict[str, Any]]], caplog: Any
) -> None:
    """The access log names route, status and ids, but no query and no header."""
    await client.get(stored, headers={"authorization": "Bearer mqk_secret", "x-request-id": "r-1"})
    line = access_lines()[-1]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/files/{key:path}", 200)
    assert (line["path"], line["request_id"]) == (f"/files/{KEY}", "r-1")
    assert line["duration_ms"] > 0
    assert not any(secret in str(line) + caplog.text for secret in ("signature", "expires=", "mqk_secret"))


async def test_a_refused_upload_gets_its_answer_from_a_real_server(
    app: FastAPI, skeleton: Any, serve: Callable[[FastAPI], AbstractAsyncContextManager[str]]
) -> None:
    """A sender in the middle of its body reads the problem instead of a broken connection, and can go on."""
    big = b"x" * 1_000_000
    async with serve(app) as base, aiohttp.ClientSession(base) as session:
        for url, headers, expected in (
            (put_url(skeleton), {"content-type": "image/png"}, 422),
            (put_url(skeleton), {"content-type": "text/html"}, 403),
            (put_url(skeleton).replace("signature=", "signature=A"), {"content-type": "image/png"}, 403),
            ("/echo", {"content-type": "application/json"}, 413),
        ):
            for body in (big, chunks(big), chunks(big * 4)):
                method = "post" if url == "/echo" else "put"
                async with session.request(method, url, data=body, headers=headers) as response:
                    assert response.status == expected
                    assert (await response.json(content_type=None))["status"] == expected
        async with session.get("/healthz") as response:
            assert response.status == 200


async def test_a_refused_sender_that_stalls_is_not_waited_for(
    app: FastAPI, serve: Callable[[FastAPI], AbstractAsyncContextManager[str]]
) -> None:
    """Who announces a body and sends none gets the refusal after a second, and the connection ends."""
    async with serve(app) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        writer.write(b"PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in answer


async def test_a_sender_that_vanishes_leaves_nothing(
    app: FastAPI,
    skeleton: Any,
    serve: Callable[[FastAPI], AbstractAsyncContextManager[str]],
    access_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """An upload cut off in the middle is logged as 499, stores nothing, and does not disturb the next one."""

    async def half() -> AsyncIterator[bytes]:
        yield DATA[:200_000]
        raise ConnectionResetError

    async with serve(app) as base, aiohttp.ClientSession(base) as session:
        headers = {"content-type": "image/png", "content-length": str(len(DATA))}
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await session.put(put_url(skeleton), data=half(), headers=headers)
        async with session.put(
            put_url(skeleton), data=DATA, headers={"content-type": "image/png"}
        ) as response:
            assert response.status == 204
    assert sorted(line["status"] for line in access_lines()) == [204, 499]
