"""Behind a gateway: who a request is from, which ids it keeps, and what is agreed with what stands in front."""

import logging
from typing import Any

import httpx
import pytest
from live_api import Live

from maquette.api.arrival import Surroundings, arrived
from maquette.domain.network import client, parse_networks
from maquette.settings import SettingsError, load
from maquette.telemetry.tracer import OFF, Tracer

TRUSTED = parse_networks("10.0.0.0/8,2001:db8::/32,127.0.0.1")
ROOT = "67891233abcdef012345678912345678"
AMAZON = b"Root=1-67891233-abcdef012345678912345678"
BY = ("x-forwarded-for", "forwarded")


@pytest.mark.parametrize(
    ("peer", "given", "by", "expected"),
    [
        ("10.0.0.1", ["198.51.100.7"], BY[0], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7, 10.9.9.9"], BY[0], "198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7"], BY[0], "198.51.100.7"),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], BY[0], "10.1.1.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], BY[0], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db9::1]:4711"], BY[0], "2001:db9::1"),
        ("2001:db8::1", ["::ffff:198.51.100.7"], BY[0], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], BY[0], "198.51.100.7"),
        ("198.51.100.9", ["10.0.0.1"], BY[0], "198.51.100.9"),
        ("10.0.0.1", ["garbage"], BY[0], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, unknown"], BY[0], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 500)], BY[0], "10.0.0.2"),
        ("10.0.0.1", ["6.6.6.6, " + ", ".join(["10.0.0.2"] * 20)], BY[0], "10.0.0.2"),
        ("10.0.0.1", ['for=6.6.6.6;proto=http, for="198.51.100.7:1";proto=https'], BY[1], "198.51.100.7"),
        ("10.0.0.1", ['by=10.0.0.1; For="[2001:db9::17]:80"'], BY[1], "2001:db9::17"),
        ("10.0.0.1", ["for=_hidden"], BY[1], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], BY[1], "10.0.0.1"),
        ("", ["198.51.100.7"], BY[0], ""),
    ],
)
def test_who_a_request_is_from(peer: str, given: list[str], by: Any, expected: str) -> None:
    """Looking back from the nearest proxy, the first that is none of ours; nobody else is believed, and garbage never."""
    assert client(peer, given, TRUSTED, by) == expected


def _arrived(headers: list[tuple[bytes, bytes]], around: Surroundings, peer: str = "10.0.0.1") -> Any:
    return arrived({"headers": headers, "client": (peer, 1)}, "/jobs", around)


def test_without_trusted_proxies_nobody_is_believed() -> None:
    """Also not from this machine, where a server would by default."""
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"forwarded", b"for=6.6.6.6")]
    assert _arrived(headers, Surroundings(), "127.0.0.1").client == "127.0.0.1"


def test_the_other_header_is_the_clients_own() -> None:
    """A proxy that writes one header passes the other on as the client sent it."""
    headers = [(b"forwarded", b"for=6.6.6.6"), (b"x-forwarded-for", b"198.51.100.7")]
    assert _arrived(headers, Surroundings(TRUSTED)).client == "198.51.100.7"
    assert _arrived(headers, Surroundings(TRUSTED, "forwarded")).client == "6.6.6.6"


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ([(b"x-request-id", b"gw-1"), (b"x-amzn-trace-id", AMAZON)], "gw-1"),
        ([(b"x-amzn-trace-id", AMAZON)], "1-67891233-abcdef012345678912345678"),
        (
            [(b"x-amzn-trace-id", b"Self=1-67891234-12456789abcdef012345678;" + AMAZON)],
            "1-67891233-abcdef012345678912345678",
        ),
        ([(b"x-amzn-trace-id", b"Root=1-6789123x-abcdef012345678912345678")], None),
        ([(b"x-amzn-trace-id", AMAZON + b";" + b"x" * 300)], None),
        ([(b"x-request-id", b"a\nb")], None),
    ],
)
def test_a_gateways_id_is_kept(headers: list[tuple[bytes, bytes]], request_id: str | None) -> None:
    """Its own `x-request-id`, else the id in `x-amzn-trace-id`; what is neither is replaced."""
    found = _arrived(headers, Surroundings()).request_id
    assert found == request_id if request_id else len(found) == 32


def test_a_gateways_trace_goes_on() -> None:
    """X-Ray's trace and parent are W3C's in another form; a `traceparent` comes first, two of them are none."""
    on = Surroundings(tracer=Tracer(lambda _: None))
    amazon = _arrived([(b"x-amzn-trace-id", AMAZON + b";Parent=53995c3f42cd8ad8;Sampled=0")], on)
    assert (amazon.own.trace_id, amazon.parent.span_id, amazon.own.sampled) == (
        ROOT,
        "53995c3f42cd8ad8",
        False,
    )
    assert _arrived([(b"x-amzn-trace-id", AMAZON)], on).own.trace_id == ROOT
    mine = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert (
        _arrived([mine, (b"x-amzn-trace-id", AMAZON)], on).own.trace_id == "0af7651916cd43dd8448eb211c80319c"
    )
    assert _arrived([mine, mine], on).parent is None


def test_with_tracing_off_a_callers_trace_is_passed_on_as_it_came() -> None:
    """Nothing is recorded below it here, so nobody gets a parent that does not exist."""
    mine = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    found = _arrived([mine], Surroundings(tracer=OFF))
    assert (found.own, found.trace.foreign, found.trace.traceparent.encode()) == (None, True, mine[1])
    assert found.trace.child("anything") == found.trace
    assert _arrived([], Surroundings()).trace is None


def test_wrong_proxies_are_refused_at_the_start() -> None:
    """A network that is none is named, not ignored."""
    with pytest.raises(SettingsError, match="MAQUETTE_TRUSTED_PROXIES"):
        load({"MAQUETTE_TRUSTED_PROXIES": "10.0.0.1/8"})
    with pytest.raises(SettingsError, match="MAQUETTE_FORWARDED_BY"):
        load({"MAQUETTE_FORWARDED_BY": "x-real-ip"})


async def test_a_stages_prefix_is_in_every_link(staged: Live, caplog: pytest.LogCaptureFixture) -> None:
    """A job's `urls`, `Location`, signed files and the document's servers; and requests come with or without it."""
    caplog.set_level(logging.INFO, logger="maquette.access")
    body = {"project_id": staged.project_id, "asset_type": "2D", "prompt": "a red fox"}
    headers = {"x-forwarded-for": "6.6.6.6, 198.51.100.7", "x-amzn-trace-id": AMAZON.decode()}
    made = await staged.user.post("/jobs", json=body, headers=headers)
    assert made.status_code == 201, made.text
    job = made.json()
    assert made.headers["location"] == job["urls"]["self"] == f"/prod/jobs/{job['id']}"
    assert all(url.startswith(f"/prod/jobs/{job['id']}") for url in job["urls"].values())
    assert made.headers["x-request-id"] == "1-67891233-abcdef012345678912345678"
    [line] = [
        record.fields
        for record in caplog.records
        if record.name == "maquette.access" and record.fields["route"] == "/jobs"
    ]
    assert line["client"] == "198.51.100.7"
    await staged.work()
    for address in (f"/jobs/{job['id']}", job["urls"]["self"]):
        [step, *_] = (await staged.user.get(address)).json()["steps"]
    [file] = step["artifacts"]
    assert file["url"].startswith("https://api.example.com/prod/files/")
    content = await staged.user.get(f"/prod/artifacts/{file['id']}/content")
    assert content.status_code == 302
    assert content.headers["location"].startswith("https://api.example.com/prod/files/")
    assert (await staged.nobody.get(httpx.URL(file["url"]).raw_path.decode())).content == b"pixels"
    assert (await staged.nobody.get("/openapi.json")).json()["servers"] == [{"url": "/prod"}]
    assert [(await staged.nobody.get(path)).json()["name"] for path in ("/", "/prod", "/prod/")] == [
        "Maquette"
    ] * 3
    wrong = await staged.user.get("/prod/jobs/nothing")
    assert (wrong.status_code, wrong.json()["instance"]) == (404, "/prod/jobs/nothing")


async def test_the_agreed_limits_hold(staged: Live) -> None:
    """What is larger than passes in front is refused here as well; a claim never waits longer than the settings say."""
    large = await staged.worker.post(
        "/worker/outcomes", content=b" " * 20_001, headers={"content-type": "application/json"}
    )
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    claim = staged.claim(wait_seconds=30, services=["nobody"])
    answer = await staged.worker.post("/worker/claims", json=claim, timeout=5)
    assert answer.json()["tasks"] == []
