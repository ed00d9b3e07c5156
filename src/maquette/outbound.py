"""The one HTTP client for addresses that somebody else chose: guarded against being sent to places inside.

What is refused: anything that is no global unicast address (private, loopback, link-local with the metadata services,
carrier-grade NAT, multicast, unspecified, reserved) and every IPv6 form that carries an IPv4 address inside (mapped,
compatible, NAT64, 6to4, Teredo); ``http``; ports below 1024 other than the web's; user names in URLs. The check is made
where the socket is made, on the very address it connects to, so that no name, number format or second look-up gets
around it; and again on every redirect. ``MAQUETTE_OUTBOUND_ALLOW`` lets hosts and networks in.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

import maquette

URL_LENGTH_MAX = 2000
CONNECT_SECONDS_MAX = 10.0
TOTAL_SECONDS_MAX = 30.0
BYTES_MAX = 1024 * 1024
CONNECTIONS_MAX = 256
#: As many as webhooks at once: name servers that do not answer keep nobody else waiting.
_LOOKUPS_MAX = 128
_CHUNK = 16 * 1024
#: What the parser says of strange texts: `https://::1[0x7f]:@` makes it look beyond the end of a string.
_NO_URL = (ValueError, TypeError, LookupError)
_WEB_PORTS = frozenset({80, 443})
#: Stays with the origin that it was meant for.
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Of IPv6, what is given out to hosts; mapped, compatible and NAT64 forms lie outside.
_UNICAST = ip_network("2000::/3")
#: Inside of what some version of Python calls global, and still no host's: Teredo, 6to4 (both carry an IPv4 address)
#: and its relays, documentation, protocol assignments.
_NOT_HOSTS = tuple(
    ip_network(text) for text in ("2001::/32", "2002::/16", "3fff::/20", "192.88.99.0/24", "192.0.0.0/24")
)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.ASCII | re.IGNORECASE)
#: As people write it, before it is encoded for look-up; no wildcard, no port, no second name after a space.
_WRITTEN_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
#: The last label of a host that some resolver would read as an address: decimal, octal, hexadecimal.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name; ``OSError`` when it has none."""


class OutboundError(Exception):
    """The request failed; ``kind`` says how, for programs: one of those listed at the classes below."""

    kind = "connection_failed"


class Refused(OutboundError):
    """The guard did not let it go there; nothing was sent."""

    kind = "address_refused"


class TimedOut(OutboundError):
    """No whole answer in time."""

    kind = "timed_out"


class TooMuch(OutboundError):
    """The answer is larger than allowed, or there were too many redirects."""

    kind = "too_much"


class Insecure(OutboundError):
    """The server's certificate is not valid for its name, or TLS failed otherwise."""

    kind = "tls_failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. ``body`` holds at most as many bytes as were asked for."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str
    """Where it came from, after redirects."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Where requests may go besides the public internet: hosts by name, networks by address."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Read ``MAQUETTE_OUTBOUND_ALLOW``: names, addresses and CIDRs, separated by commas; ``ValueError``."""
        hosts, networks = set(), []
        for item in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ip_network(item.strip("[]")))
            except ValueError:
                if not _WRITTEN_NAME.fullmatch(item):
                    raise ValueError(f"{item!r} is no host name, address or network") from None
                hosts.add(_plain(item))
        return cls(frozenset(hosts), tuple(networks))

    def check_url(self, text: str) -> URL:
        """Return the parsed URL, or raise ``Refused`` with a sentence that says what is wrong; looks nothing up."""
        if len(text) > URL_LENGTH_MAX:
            raise Refused(f"The URL may have {URL_LENGTH_MAX} characters at most.")
        if not text.isprintable() or any(ch.isspace() or ch == "\\" for ch in text):
            raise Refused("The URL must not hold spaces, backslashes or control characters.")
        try:
            url = URL(text)
            host, port = url.host, url.port
        except _NO_URL:
            raise Refused("This is no URL.") from None
        if url.scheme not in {"http", "https"} or not host or not port:
            raise Refused("The URL must begin with https:// and name a host.")
        if not _literal(host) and not _NAME.fullmatch(url.raw_host or ""):
            raise Refused("The URL's host is no name that can be looked up.")
        if url.user is not None or url.password is not None or "@" in url.raw_authority:
            raise Refused("The URL must not hold a user name or password.")
        allowed = self._names(host)
        if url.scheme != "https" and not allowed:
            raise Refused("The URL must begin with https://.")
        if port < 1024 and port not in _WEB_PORTS and not allowed:
            raise Refused(f"Port {port} is not for the web.")
        plain = _plain(host)
        if not allowed and (
            plain == "localhost"
            or plain.endswith(".localhost")
            or ((_literal(plain) or _NUMERIC.fullmatch(plain)) and not self.allows(plain))
        ):
            raise Refused(f"{host} is not on the public internet.")
        return url

    def allows(self, address: str) -> bool:
        """Whether a socket may connect to an address (text of an IPv4 or IPv6 address, nothing else)."""
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if any(found in network for network in self.networks):
            return True
        if any(found in network for network in _NOT_HOSTS) or (
            isinstance(found, IPv6Address) and found not in _UNICAST
        ):
            return False
        return found.is_global and not found.is_multicast and not found.is_reserved

    def host_named(self, host: str) -> bool:
        """Whether a host is allowed by its name, wherever that leads."""
        return _plain(host) in self.hosts

    def _names(self, host: str) -> bool:
        """Whether the allowance names this host: by name, or as an address in one of its networks."""
        plain = _plain(host)
        return self.host_named(host) or (
            _literal(plain)
            and any(ip_address(plain.partition("%")[0]) in network for network in self.networks)
        )


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class Outbound:
    """The client: ``async with Outbound(policy) as outbound: await outbound.send("POST", url, …)``.

    No proxies from the environment, no cookies, no decompression (an answer cannot unfold), connections kept alive.
    ``lookup`` replaces the system's name service, for tests; ``tls`` its trust in certificates.
    """

    def __init__(
        self, policy: Policy, *, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.policy = policy
        self._pool = ThreadPoolExecutor(_LOOKUPS_MAX, thread_name_prefix="lookup")
        self._lookup = lookup or self._ask_system
        self._tls = tls or ssl.create_default_context()
        self._guarded: aiohttp.ClientSession | None = None
        self._named: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._guarded = self._session(self.policy.allows)
        self._named = self._session(lambda _address: True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (self._guarded, self._named):
            if session is not None:
                await session.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _session(self, allows: Callable[[str], bool]) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._lookup, allows),
            use_dns_cache=False,  # each connection resolves, checks and pins for itself
            socket_factory=_guard(allows),
            ssl=self._tls,
            limit=CONNECTIONS_MAX,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"user-agent": f"Maquette/{maquette.__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds_max: float = TOTAL_SECONDS_MAX,
        bytes_max: int = BYTES_MAX,
        cut: bool = False,
        redirects_max: int = 0,
    ) -> Answer:
        """Send a request and return the answer, whatever its status; ``OutboundError`` when there is none.

        An answer of more than ``bytes_max`` is ``TooMuch``, or with ``cut`` its beginning. Redirects are answers
        like others unless ``redirects_max`` lets them be followed: each is checked like the first address, and
        credentials are not sent on to another origin. ``seconds_max`` is for everything together.
        """
        until = time.monotonic() + seconds_max
        target, given = self.policy.check_url(url), {"accept-encoding": "identity", **(headers or {})}
        for left in range(redirects_max, -1, -1):
            answer = await self._once(
                method, target, given, body, until - time.monotonic(), bytes_max, cut=cut
            )
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or redirects_max == 0 or location is None:
                return answer
            if left == 0:
                break
            following = self.policy.check_url(_joined(target, location))
            if following.origin() != target.origin():
                given = {name: text for name, text in given.items() if name.lower() not in _CREDENTIALS}
            if answer.status == 303 or (answer.status in {301, 302} and method == "POST"):
                method, body = "GET", None
                given = {
                    name: text for name, text in given.items() if not name.lower().startswith("content-")
                }
            target = following
        raise TooMuch(f"More than {redirects_max} redirects.")

    async def _once(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        bytes_max: int,
        *,
        cut: bool,
    ) -> Answer:
        session = self._named if self.policy.host_named(url.host or "") else self._guarded
        assert session is not None, "enter the context first"
        timeout = aiohttp.ClientTimeout(total=max(seconds, 0.001), sock_connect=CONNECT_SECONDS_MAX)
        try:
            async with session.request(
                method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
            ) as response:
                content = await _read(response, bytes_max, cut=cut)
                found = {name.lower(): text for name, text in response.headers.items()}
                return Answer(response.status, found, content, str(url))
        except TimeoutError:
            raise TimedOut("No whole answer in time.") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError):
            raise Insecure("TLS failed: the server's certificate cannot be trusted.") from None
        except aiohttp.ClientConnectorDNSError:
            raise OutboundError("The host name leads nowhere.") from None
        except aiohttp.InvalidURL:
            raise Refused("The host is no name and no address in its usual form.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutboundError(f"The connection failed: {type(error).__name__}.") from None

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        # In threads of its own: a name service that hangs must not take those of the rest of the process.
        found = await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(entry[4][0]) for entry in found]


def _joined(base: URL, location: str) -> str:
    try:
        return str(base.join(URL(location)))
    except _NO_URL:
        raise Refused("The redirect leads to no URL.") from None


async def _read(response: aiohttp.ClientResponse, bytes_max: int, *, cut: bool) -> bytes:
    """Read an answer up to a limit; what is beyond it is never received, and where nothing is wanted, nothing awaited."""
    if cut and bytes_max == 0:
        return b""
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            response.close()
            if not cut:
                raise TooMuch(f"The answer has more than {bytes_max} bytes.")
            break
    return b"".join(parts)[:bytes_max]


@dataclass(slots=True)
class _Resolver(AbstractResolver):
    """Gives a name's allowed addresses alone: those are what is connected to."""

    lookup: Lookup
    allows: Callable[[str], bool]

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the base class's; every family is judged
    ) -> list[ResolveResult]:
        """Look a name up; ``Refused`` when all it leads to is forbidden."""
        found = await self.lookup(host, port)
        allowed = [address for address in found if self.allows(address)]
        if found and not allowed:
            raise Refused(f"{host} leads to an address that is not on the public internet.")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in allowed
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _guard(allows: Callable[[str], bool]) -> Callable[[Any], socket.socket]:
    """Return the last word: no socket is made for an address that is not allowed, whoever brought it here."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, target = info
        if not allows(target[0]):
            raise PermissionError(f"{target[0]} is refused")
        return socket.socket(family, kind, protocol)

    return make
