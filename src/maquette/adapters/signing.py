"""URLs that carry their own permission: HMAC-SHA256 over everything that the holder could change."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from maquette.domain.errors import Forbidden
from maquette.ports import Disposition

_VERSION = "maquette-files-v1"
_READ_FIELDS = ["kid", "expires", "type", "name", "as"]
_WRITE_FIELDS = ["kid", "expires", "type", "bytes", "sha256"]
_QUERY_LENGTH_MAX = 2048
_NOT_VALID = "This link is incomplete or was altered. Ask for a new one."


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One secret. Its ``kid`` travels in the URL, so that old links stay valid while keys rotate."""

    kid: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class ReadGrant:
    """What a verified GET or HEAD link permits, and how the file is to be presented."""

    media_type: str
    filename: str
    disposition: Disposition
    expires_at: int


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """What a verified PUT link permits: exactly these bytes under its key."""

    media_type: str
    bytes: int
    sha256: str
    expires_at: int


class UrlSigner:
    """Signs and verifies. The first key signs; all of them verify."""

    def __init__(self, keys: Sequence[SigningKey], *, base_url: str) -> None:
        if not keys:
            raise ValueError("At least one signing key is needed.")
        self._newest = keys[0]
        self._secrets = {key.kid: key.secret for key in keys}
        self._base_url = base_url.rstrip("/")

    def read_url(self, key: str, grant: ReadGrant) -> str:
        """Return the URL that lets its holder GET or HEAD one object."""
        fields = {"type": grant.media_type, "name": grant.filename, "as": grant.disposition}
        return self._url("GET", key, grant.expires_at, fields)

    def write_url(self, key: str, grant: WriteGrant) -> str:
        """Return the URL that lets its holder PUT one object, create-only."""
        fields = {"type": grant.media_type, "bytes": str(grant.bytes), "sha256": grant.sha256}
        return self._url("PUT", key, grant.expires_at, fields)

    def verify_read(self, key: str, query: str, *, now: float) -> ReadGrant:
        """Return what the query grants; ``Forbidden`` when altered, incomplete, expired or for another method."""
        fields = self._verified("GET", key, query, _READ_FIELDS, now)
        disposition: Disposition = "attachment" if fields["as"] == "attachment" else "inline"
        return ReadGrant(fields["type"], fields["name"], disposition, int(fields["expires"]))

    def verify_write(self, key: str, query: str, *, now: float) -> WriteGrant:
        """Return what the query grants; ``Forbidden`` when altered, incomplete, expired or for another method."""
        fields = self._verified("PUT", key, query, _WRITE_FIELDS, now)
        return WriteGrant(fields["type"], int(fields["bytes"]), fields["sha256"], int(fields["expires"]))

    def _url(self, method: str, key: str, expires_at: int, fields: Mapping[str, str]) -> str:
        """Put the signature behind the query that it signs. Keys need no quoting: their grammar sees to that."""
        query = _query({"kid": self._newest.kid, "expires": str(expires_at), **fields})
        signature = _signature(self._newest.secret, method, key, query)
        return f"{self._base_url}/files/{key}?{query}&signature={signature}"

    def _verified(
        self, method: str, key: str, query: str, expected: Sequence[str], now: float
    ) -> dict[str, str]:
        if len(query) > _QUERY_LENGTH_MAX:
            raise Forbidden(_NOT_VALID)
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError:  # no "=", or bytes that are no UTF-8
            raise Forbidden(_NOT_VALID) from None
        given = dict(pairs)
        if len(given) != len(pairs) or given.keys() != {*expected, "signature"}:
            raise Forbidden(_NOT_VALID)
        secret, signature = self._secrets.get(given["kid"]), given["signature"]
        # The comparison wants ASCII; what is not cannot be a signature of ours.
        if secret is None or not signature.isascii():
            raise Forbidden(_NOT_VALID)
        # Written anew: clients and proxies may order and quote a query differently without meaning anything else.
        fields = {name: given[name] for name in expected}
        if not hmac.compare_digest(signature, _signature(secret, method, key, _query(fields))):
            raise Forbidden(_NOT_VALID)
        if now >= int(fields["expires"]):
            raise Forbidden("This link has expired. Ask for a new one.")
        return fields


def _query(fields: Mapping[str, str]) -> str:
    # urlencode() takes three times as long, and a job's page signs a link for each of its files.
    return "&".join([f"{name}={_quoted(value)}" for name, value in fields.items()])


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    # Types, names and the second of expiry come again and again: quoting them was 3 % of the API's CPU a step.
    return quote(value, safe="")


def _signature(secret: bytes, method: str, key: str, query: str) -> str:
    """Sign method, key and quoted query. None of them, when signed, has a line break in it."""
    message = f"{_VERSION}\n{method}\n{key}\n{query}".encode()
    return base64.urlsafe_b64encode(hmac.digest(secret, message, hashlib.sha256)).rstrip(b"=").decode()
