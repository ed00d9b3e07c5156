"""URLs that carry their own permission: HMAC-SHA256 over everything that the holder could change."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from maquette.domain.errors import Forbidden

Disposition = Literal["inline", "attachment"]

_VERSION = "maquette-files-v1"
_READ_FIELDS = frozenset({"kid", "expires", "type", "name", "as", "signature"})
_WRITE_FIELDS = frozenset({"kid", "expires", "type", "bytes", "sha256", "signature"})
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
        return self._url("GET", key, fields, grant.expires_at)

    def write_url(self, key: str, grant: WriteGrant) -> str:
        """Return the URL that lets its holder PUT one object, create-only."""
        fields = {"type": grant.media_type, "bytes": str(grant.bytes), "sha256": grant.sha256}
        return self._url("PUT", key, fields, grant.expires_at)

    def verify_read(self, key: str, query: str, *, now: float) -> ReadGrant:
        """Return what the query grants; ``Forbidden`` when altered, incomplete, expired or for another method."""
        fields = self._verified("GET", key, query, _READ_FIELDS, now)
        disposition: Disposition = "attachment" if fields["as"] == "attachment" else "inline"
        return ReadGrant(fields["type"], fields["name"], disposition, int(fields["expires"]))

    def verify_write(self, key: str, query: str, *, now: float) -> WriteGrant:
        """Return what the query grants; ``Forbidden`` when altered, incomplete, expired or for another method."""
        fields = self._verified("PUT", key, query, _WRITE_FIELDS, now)
        return WriteGrant(fields["type"], int(fields["bytes"]), fields["sha256"], int(fields["expires"]))

    def _url(self, method: str, key: str, fields: Mapping[str, str], expires_at: int) -> str:
        signed = {"kid": self._newest.kid, "expires": str(expires_at), **fields}
        signature = _signature(self._newest.secret, method, key, signed)
        return f"{self._base_url}/files/{quote(key)}?{urlencode({**signed, 'signature': signature})}"

    def _verified(
        self, method: str, key: str, query: str, expected: frozenset[str], now: float
    ) -> dict[str, str]:
        if len(query) > _QUERY_LENGTH_MAX:
            raise Forbidden(_NOT_VALID)
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError:  # no "=", or bytes that are no UTF-8
            raise Forbidden(_NOT_VALID) from None
        fields = dict(pairs)
        if len(fields) != len(pairs) or fields.keys() != expected:
            raise Forbidden(_NOT_VALID)
        given = fields.pop("signature")
        secret = self._secrets.get(fields["kid"])
        # The comparison wants ASCII; whatever is not cannot be a signature of ours.
        if secret is None or not given.isascii():
            raise Forbidden(_NOT_VALID)
        if not hmac.compare_digest(given, _signature(secret, method, key, fields)):
            raise Forbidden(_NOT_VALID)
        if now >= int(fields["expires"]):
            raise Forbidden("This link has expired. Ask for a new one.")
        return fields


def _signature(secret: bytes, method: str, key: str, fields: Mapping[str, str]) -> str:
    """Sign method, key and fields; each part is preceded by its length, so that none can run into the next."""
    parts = [_VERSION, method, key]
    for name in sorted(fields):
        parts += [name, fields[name]]
    message = b"".join(b"%d:%b" % (len(part), part) for part in (text.encode() for text in parts))
    return base64.urlsafe_b64encode(hmac.digest(secret, message, hashlib.sha256)).rstrip(b"=").decode()
