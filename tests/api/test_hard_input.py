"""Input that is meant to hurt: each piece is refused with a 4xx that says what is wrong, before it is used."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.api import json_guard
from maquette.api.problems import MalformedJson
from maquette.domain.errors import Invalid

JSON = {"content-type": "application/json"}
BODY_BYTES_MAX = 20_000

MALFORMED = {
    "nothing": b" ",
    "cut": b'{"text": "a',
    "trailing": b'{"text": "a"} x',
    "single quotes": b"{'text': 'a'}",
    "nan": b'{"number": NaN}',
    "infinity": b'{"number": Infinity}',
    "minus infinity": b'{"anything": [-Infinity]}',
    "overflowing float": b'{"number": 1e999}',
    "nested overflowing float": b'{"anything": {"a": -1e400}}',
    "5000 digits": b'{"anything": ' + b"9" * 5000 + b"}",
    "invalid utf-8": b'{"text": "\xff\xfe"}',
    "overlong utf-8": b'{"text": "\xc0\x80"}',
    "encoded surrogate": b'{"text": "\xed\xa0\x80"}',
    "utf-16": '{"text": "a"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "lone high surrogate": b'{"text": "\\ud800"}',
    "lone low surrogate": b'{"text": "a\\uDC00b"}',
    "swapped surrogates": b'{"text": "\\udc00\\ud800"}',
    "surrogate in a key": b'{"anything": {"\\ud800x": 1}}',
    "nul": b'{"text": "a\\u0000b"}',
    "nul in a key": b'{"anything": {"\\u0000": 1}}',
    "nul after backslashes": b'{"text": "\\\\\\u0000"}',
    "raw nul": b'{"text": "a\x00b"}',
    "raw newline": b'{"text": "a\nb"}',
    "deep arrays": b'{"anything": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep objects": b'{"anything": ' + b'{"a":' * 1500 + b"1" + b"}" * 1500 + b"}",
    "deep and mixed": b'{"anything": ' + b'[{"a":' * 40 + b"1" + b"}]" * 40 + b"}",
    "deep behind a bracket in a string": b'{"text": "[", "anything": ' + b"[" * 40 + b"]" * 40 + b"}",
    "depth hidden by brackets in strings": b'{"anything": ' + b'["]",' * 40 + b"1" + b',"["]' * 40 + b"}",
    "open brackets only": b"[" * BODY_BYTES_MAX,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """What is no sound JSON is a 422 with a code of its own."""
    response = await client.post("/echo", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (422, "malformed_json")


HARMLESS = {
    "duplicate keys": (b'{"text": "a", "text": "b"}', {"text": "b"}),
    "escaped backslash before u0000": (b'{"text": "\\\\u0000"}', {"text": "\\u0000"}),
    "a pair of surrogates": (b'{"text": "\\ud83e\\udd16"}', {"text": "🤖"}),
    "brackets in strings": (b'{"text": "' + b"[{" * 100 + b'"}', {"text": "[{" * 100}),
    "escaped quotes and brackets": (b'{"text": "\\"[[\\\\"}', {"text": '"[[\\'}),
    "long digits in a string": (b'{"text": "' + b"7" * 64 + b'"}', {"text": "7" * 64}),
    "64 bits": (
        b'{"anything": [9223372036854775807, -9223372036854775808]}',
        {"anything": [2**63 - 1, -(2**63)]},
    ),
    "nesting at the limit": (
        b'{"anything": ' + b"[" * 31 + b"]" * 31 + b"}",
        {"anything": json.loads("[" * 31 + "]" * 31)},
    ),
}


@pytest.mark.parametrize(("body", "expected"), HARMLESS.values(), ids=HARMLESS)
async def test_odd_but_sound_json_is_taken(
    client: httpx.AsyncClient, body: bytes, expected: dict[str, object]
) -> None:
    """The guard refuses nothing that can be stored."""
    response = await client.post("/echo", content=body, headers=JSON)
    assert response.status_code == 200
    assert expected.items() <= response.json().items()


TEXT = st.text(alphabet='[]{}"\\a🤖', max_size=4)


@given(
    st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
)
@settings(max_examples=80, deadline=None)
def test_depth_is_that_of_the_parsed_value(value: object) -> None:
    """The count on bytes equals the depth of the value, whatever its strings hold."""

    def depth(item: object) -> int:
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        return 0 if children is None else 1 + max(map(depth, children), default=0)

    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert json_guard.depth(body) == depth(value)


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\u0d8c1eE.-NaI ', max_size=60).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    """No input makes the guard itself fail, and what it takes PostgreSQL can store."""
    try:
        json_guard.check_form(body)
        value = json_guard.decode(body)
    except MalformedJson:
        return
    stored = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert b"\x00" not in stored.replace(b"\\u0000", b"\x00")


class Wire(msgspec.Struct):
    """A body of workers."""

    count: int = 0
    text: str = ""
    number: float = 0
    anything: object = None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_workers_integers_fit_into_64_bits(number: int) -> None:
    """No number of a worker, however deep inside, is larger than what can be stored; digits in texts do not count."""
    for body in ({"count": number}, {"anything": [{"a": number}]}):
        with pytest.raises(MalformedJson, match="64 bits"):
            json_guard.decode_as(json.dumps(body).encode(), Wire)
    fine = {"count": 2**63 - 1, "anything": {"text": str(number), "low": -(2**63)}}
    assert json_guard.decode_as(json.dumps(fine).encode(), Wire).anything == fine["anything"]


@pytest.mark.parametrize(
    ("body", "loc"), [(b'{"count": "5"}', ("body", "count")), (b"[]", ("body",)), (b"5", ("body",))]
)
def test_a_workers_wrong_type_is_named(body: bytes, loc: tuple[str, ...]) -> None:
    """What is sound JSON but not the protocol is a validation error at its place."""
    with pytest.raises(Invalid) as caught:
        json_guard.decode_as(body, Wire)
    assert caught.value.code == "invalid_request"
    assert caught.value.details[0].loc == loc


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_workers_malformed_json_is_refused(body: bytes) -> None:
    """What the protocol reads of workers' bodies is held to the same; fields it does not know are not read."""
    with pytest.raises(Invalid):
        json_guard.decode_as(body, Wire)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "äpp",
    ],
)
async def test_other_types_are_unsupported(client: httpx.AsyncClient, content_type: str) -> None:
    """A body that is not declared as JSON is not guessed at."""
    headers = [(b"content-type", content_type.encode())] if content_type else []
    response = await client.post("/echo", content=b'{"text": "a"}', headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"]
)
async def test_json_by_other_names_is_read(client: httpx.AsyncClient, content_type: str) -> None:
    """Parameters, case and ``+json`` types do not matter."""
    response = await client.post("/echo", content=b'{"text": "a"}', headers={"content-type": content_type})
    assert response.status_code == 200


async def test_compressed_bodies_are_not_read(client: httpx.AsyncClient) -> None:
    """No body can grow after it was measured."""
    response = await client.post("/echo", content=b"x", headers={**JSON, "content-encoding": "gzip"})
    assert response.status_code == 415


async def test_a_missing_body_is_named(client: httpx.AsyncClient) -> None:
    """No body at all is a validation error of the body."""
    response = await client.post("/echo")
    assert (response.status_code, response.json()["details"][0]["loc"]) == (422, ["body"])


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    """The limit is inclusive; one byte more is 413."""
    body = b'{"text": "' + b"a" * (BODY_BYTES_MAX - 12) + b'"}'
    assert len(body) == BODY_BYTES_MAX
    assert (await client.post("/echo", content=body, headers=JSON)).status_code == 200
    response = await client.post("/echo", content=body + b" ", headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_a_body_without_a_length_is_counted_while_it_arrives(client: httpx.AsyncClient) -> None:
    """An endless chunked body is refused after the limit, not collected."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2**40:
            await asyncio.sleep(0)
            sent += 65_536
            yield b" " * 65_536

    response = await client.post("/echo", content=endless(), headers=JSON)
    assert response.status_code == 413
    assert sent < 20_000_000


async def test_workers_have_a_limit_of_their_own(client: httpx.AsyncClient) -> None:
    """Batches of outcomes may be larger than people's bodies, but not endless."""
    fine = await client.post("/worker/raw", content=b"x" * (BODY_BYTES_MAX + 1))
    assert fine.json() == {"bytes": BODY_BYTES_MAX + 1}
    response = await client.post("/worker/raw", content=b"x" * (16 * 1024 * 1024 + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["/echo/x?limit=1&q=%00", "/echo/x?%00=1"])
async def test_nul_in_a_query_is_refused(client: httpx.AsyncClient, path: str) -> None:
    """NUL never reaches a statement's parameter."""
    assert (await client.get(path)).status_code == 422


async def test_invalid_utf8_in_path_and_query_is_not_fatal(client: httpx.AsyncClient) -> None:
    """Bytes that are no text are replaced; the request is answered normally."""
    assert (await client.get("/echo/%ff%fe?limit=1&q=%ff")).status_code == 200
