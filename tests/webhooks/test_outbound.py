"""The guarded client: where it does not go, however it is asked, and what it bounds."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from maquette.outbound import Insecure, Outbound, OutboundError, Policy, Refused, TimedOut, TooMuch

STRICT = Policy()
LOOPBACK = Policy.parse("127.0.0.1")

#: Every way that was thought of to say "inside".
INSIDE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.100",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "no address",
    "",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    """Nothing but global unicast addresses, and none that carries another one inside."""
    assert not STRICT.allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_outside_are_allowed(address: str) -> None:
    """The public internet is where webhooks go."""
    assert STRICT.allows(address)


#: URLs that are refused before anything is looked up.
BAD_URLS = [
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "//example.com/",
    "example.com",
    "https://",
    "https:///path",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://:secret@example.com/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://①②⑦.0.0.1/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://ⓛocalhost/",
    "https://api.localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[fe80::1%25lo]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://example.com:x/",
    "https://exa mple.com/",
    "https://::1[0x7f]:@",
    "https://[]/",
    "https://%00/",
    "https://\ud800.example/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\r\nHost: inside",
    "https://example.com/" + "a" * 2000,
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_urls_are_refused(url: str) -> None:
    """What is no https URL of a public host is refused with a sentence, before any look-up."""
    with pytest.raises(Refused, match=r"\.$"):
        STRICT.check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://8.8.8.8:8443/x?y=z", "https://bücher.example/"]
)
def test_good_urls_pass(url: str) -> None:
    """Ordinary addresses are fine."""
    assert STRICT.check_url(url).host


@pytest.mark.parametrize(
    "text", ["10.0.0.0/33", "http://inside", "a:b", "10.0.0.1/8", "a b", "*.inside", "me@inside"]
)
def test_a_wrong_allowance_is_an_error(text: str) -> None:
    """A typing error must not silently allow something else, or nothing."""
    with pytest.raises(ValueError, match="no host name, address or network"):
        Policy.parse(text)


#: How a number can be written so that a system's resolver reads 127.0.0.1; the client asks the real one.
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::1]"]
)
async def test_a_client_that_skips_the_first_check_still_reaches_nothing(
    receiver: Any, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check on URLs is for people; what holds is the one on sockets."""
    from yarl import URL

    monkeypatch.setattr(Policy, "check_url", lambda _self, text: URL(text))
    async with Outbound(STRICT) as outbound:
        with pytest.raises(OutboundError):
            await outbound.send("GET", receiver.url(host=host))
    assert receiver.got == []


async def test_a_name_that_leads_inside_is_refused(receiver: Any) -> None:
    """Names are judged by where they lead."""

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["10.0.0.1", "127.0.0.1"]

    async with Outbound(STRICT, lookup=lookup) as outbound:
        with pytest.raises(Refused, match="not on the public internet"):
            await outbound.send("GET", f"https://inside.example:{receiver.port}/")
    assert receiver.got == []


async def test_of_a_names_addresses_only_the_allowed_are_used(receiver: Any) -> None:
    """One good address among bad ones is the one that is connected to."""

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["::1", "10.0.0.1", "127.0.0.1"]

    async with Outbound(LOOPBACK, lookup=lookup) as outbound:
        with pytest.raises(Insecure):  # the receiver speaks no TLS: it was reached
            await outbound.send("GET", f"https://both.example:{receiver.port}/")


async def test_a_name_that_changes_its_mind_is_caught(receiver: Any) -> None:
    """A name that was public when it was checked and is private now: what is connected to is what was checked."""
    answers = [["10.255.255.1"], ["127.0.0.1"]]
    asked = []

    async def lookup(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    policy = Policy.parse("10.255.255.0/24")  # stands for the public address that it pretended to have
    async with Outbound(policy, lookup=lookup) as outbound:
        with pytest.raises(OutboundError):
            await outbound.send("GET", "https://rebinding.example/", seconds_max=0.2)
        assert asked == ["rebinding.example"]  # once: no second look-up between check and use
        with pytest.raises(Refused):
            await outbound.send("GET", f"https://rebinding.example:{receiver.port}/")
    assert receiver.got == []


async def test_allowed_hosts_and_networks_may_be_inside(receiver: Any) -> None:
    """An allowance is by name or by network; http goes with it, and with nothing else."""

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    policy = Policy.parse("hooks.intranet, 127.0.0.0/8")
    async with Outbound(policy, lookup=lookup) as outbound:
        for host in ("hooks.intranet", "HOOKS.intranet.", "127.0.0.1"):
            answer = await outbound.send("POST", receiver.url(host=host), body=b"x")
            assert (answer.status, receiver.got[-1].body) == (200, b"x")
        with pytest.raises(Refused, match="https"):
            await outbound.send("GET", receiver.url(host="other.intranet"))


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "//169.254.169.254/",
        "https://localhost/",
        "https://user:pw@example.com/",
        "https://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "http://[broken",
    ],
)
async def test_every_redirect_is_checked(receiver: Any, location: str) -> None:
    """A public address that sends us inside gets one request, and the inside none."""

    async def redirect(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": location})

    receiver.answers = [redirect]
    async with Outbound(LOOPBACK) as outbound:
        with pytest.raises(Refused):
            await outbound.send("GET", receiver.url(), redirects_max=3)
        answer = await outbound.send("GET", receiver.url())
    assert (answer.status, answer.headers["location"], len(receiver.got)) == (302, location, 2)


async def test_redirects_are_followed_without_credentials_and_without_end(receiver: Any) -> None:
    """Another origin gets no credentials; a 303 makes a GET; a loop ends."""

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async def away(_request: web.Request) -> web.Response:
        return web.Response(
            status=303, headers={"location": receiver.url("/there", "b.test"), "set-cookie": "a=b"}
        )

    receiver.answers = [away, 200]
    async with Outbound(Policy.parse("a.test,b.test"), lookup=lookup) as outbound:
        answer = await outbound.send(
            "POST",
            receiver.url(host="a.test"),
            headers={"authorization": "secret", "content-type": "text/plain", "x-kept": "1"},
            body=b"x",
            redirects_max=1,
        )
        assert answer.url == receiver.url("/there", "b.test")
        first, second = receiver.got
        assert (first.headers["authorization"], first.body) == ("secret", b"x")
        assert (second.method, second.path, second.body) == ("GET", "/there", b"")
        assert {"authorization", "cookie", "content-type"}.isdisjoint(second.headers)
        assert second.headers["x-kept"] == "1"

        async def here(_request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"location": "/again"})

        receiver.answers = [here]
        with pytest.raises(TooMuch, match="redirects"):
            await outbound.send(
                "POST",
                receiver.url(host="a.test"),
                body=b"x",
                headers={"authorization": "s"},
                redirects_max=2,
            )
        assert [item.body for item in receiver.got[2:]] == [b"x"] * 3  # 307 keeps method and body
        assert receiver.got[-1].headers["authorization"] == "s"  # the same origin


async def test_answers_are_bounded(receiver: Any) -> None:
    """An endless answer is cut or refused, and neither unfolds nor is received whole."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-encoding": "gzip"})
        await response.prepare(request)
        while True:
            await response.write(b"\x00" * 65536)

    receiver.answers = [endless]
    async with Outbound(LOOPBACK) as outbound:
        with pytest.raises(TooMuch, match="1000 bytes"):
            await outbound.send("GET", receiver.url(), bytes_max=1000)
        answer = await outbound.send("GET", receiver.url(), bytes_max=1000, cut=True)
    assert answer.body == b"\x00" * 1000


async def test_time_is_bounded_as_a_whole(receiver: Any) -> None:
    """A server that drips its answer gains nothing."""

    async def dripping(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    receiver.answers = [dripping]
    async with Outbound(LOOPBACK) as outbound:
        with pytest.raises(TimedOut):
            await outbound.send("GET", receiver.url(), seconds_max=0.2)


async def test_the_environment_has_no_say(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would resolve names by itself, behind the guard's back."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Outbound(LOOPBACK) as outbound:
        assert (await outbound.send("GET", receiver.url())).status == 200


async def test_no_cookie_is_kept(receiver: Any) -> None:
    """What one answer sets, the next request does not bring."""

    async def sweet(_request: web.Request) -> web.Response:
        return web.Response(headers={"set-cookie": "a=b"})

    receiver.answers = [sweet]
    async with Outbound(LOOPBACK) as outbound:
        await outbound.send("GET", receiver.url())
        await outbound.send("GET", receiver.url())
    assert "cookie" not in receiver.got[1].headers


async def test_failures_have_a_name_and_no_address_in_them() -> None:
    """Nobody listening and a name that leads nowhere are both told without more than is known."""

    async def nowhere(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with Outbound(LOOPBACK, lookup=nowhere) as outbound:
        with pytest.raises(OutboundError, match="connection failed"):
            await outbound.send("GET", "http://127.0.0.1:1/")
        with pytest.raises(OutboundError, match="leads nowhere"):
            await outbound.send("GET", "https://nowhere.example/")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.test that signs itself, with its key."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    path = tmp_path_factory.mktemp("tls") / "hooks.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=hooks.test", "-addext", "subjectAltName=DNS:hooks.test",
         "-keyout", str(path), "-out", str(path) + ".crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


async def test_certificates_are_verified_for_the_name(certificate: Path) -> None:
    """A certificate nobody vouches for, or one of another name, ends the connection before anything is sent."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    got = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with server:
        async with Outbound(LOOPBACK, lookup=lookup) as outbound:
            with pytest.raises(Insecure):
                await outbound.send("POST", f"https://hooks.test:{port}/", body=b"secret")
        async with Outbound(LOOPBACK, lookup=lookup, tls=trusting) as outbound:
            with pytest.raises(Insecure):
                await outbound.send("POST", f"https://other.test:{port}/", body=b"secret")
            assert got == []
            assert (await outbound.send("POST", f"https://hooks.test:{port}/")).status == 204
    assert got == [b"POST / HTTP/1.1\r\n"]
