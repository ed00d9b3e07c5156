"""Cdn by any service that fetches from this API: our own signed paths at another address.

The API verifies what the CDN passes on, so the whole query must be part of the CDN's cache key, and of what it forwards.
"""

import time
from collections.abc import Callable, Sequence

from maquette.adapters.object_rules import check_key, expiry
from maquette.adapters.signing import ReadGrant, SigningKey, UrlSigner
from maquette.ports import Disposition, SignedRequest


class OwnCdn:
    """Links below ``base_url`` to what this API serves below ``/files``. ``now`` gives Unix seconds."""

    def __init__(
        self, base_url: str, keys: Sequence[SigningKey], now: Callable[[], float] = time.time
    ) -> None:
        self._signer = UrlSigner(keys, base_url=base_url)
        self._now = now

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,
        filename: str,
        ttl_seconds: int,
        disposition: Disposition = "inline",
    ) -> SignedRequest:
        """Grant reading one key; equal requests give equal links."""
        check_key(key)
        expires_at = expiry(self._now(), ttl_seconds)
        url = self._signer.read_url(key, ReadGrant(media_type, filename, disposition, expires_at))
        return SignedRequest("GET", url, {}, expires_at)
