"""Where objects lie in S3: bucket, prefix, addresses, encryption. All from the settings, checked once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from obstore.store import S3Store

from maquette.adapters.sigv4 import Credentials

if TYPE_CHECKING:  # obstore has these names for type checkers alone
    from obstore.store import S3Config, S3Credential

Addressing = Literal["auto", "path", "virtual"]
Encryption = Literal["", "AES256", "aws:kms"]
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
#: With the longest key it stays below the 1,024 bytes that S3 has for one.
_PREFIX_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """One bucket at one address. ``prefix`` has no slash at either end."""

    bucket: str
    prefix: str
    region: str
    endpoint: str
    """Address of the service, without a bucket: ``https://s3.eu-west-1.amazonaws.com``."""
    virtual: bool
    """Whether the bucket is part of the host name."""
    encryption: Encryption = ""
    kms_key: str = ""

    @property
    def origin(self) -> str:
        """Where requests go: with the bucket in the host name where it belongs there."""
        if not self.virtual:
            return self.endpoint
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{self.bucket}.{parts.netloc}"

    def name(self, key: str) -> str:
        """Return the name of an object in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def url(self, key: str) -> str:
        """Return the address of an object, unsigned; every character of keys stands for itself."""
        return (
            f"{self.origin}/{self.name(key)}"
            if self.virtual
            else f"{self.origin}/{self.bucket}/{self.name(key)}"
        )

    def encryption_headers(self) -> dict[str, str]:
        """Return the headers that a request to store must have."""
        headers = {
            "x-amz-server-side-encryption": self.encryption,
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key,
        }
        return {name: value for name, value in headers.items() if value}

    def attributes(self, media_type: str, metadata: Mapping[str, str], cache_control: str) -> dict[str, Any]:
        """Return what an object says of itself, in the words of obstore."""
        return {"Content-Type": media_type, "Cache-Control": cache_control, **metadata}


def parse_place(
    address: str,
    *,
    endpoint: str = "",
    region: str = "",
    addressing: Addressing = "auto",
    encryption: Encryption = "",
    kms_key: str = "",
) -> S3Place:
    """Read ``s3://bucket/prefix`` and what belongs to it; ``ValueError`` says what is wrong.

    Addressing ``auto``: the bucket in the host name at Amazon (unless it has a dot, which certificates there do not
    cover), in the path at an ``endpoint`` of one's own.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket):
        raise ValueError("an address such as s3://bucket or s3://bucket/prefix was expected")
    if prefix and (len(prefix) > _PREFIX_LENGTH_MAX or not _PREFIX.fullmatch(prefix)):
        raise ValueError(
            f"the prefix may have {_PREFIX_LENGTH_MAX} characters: segments of letters, digits, '.', '_' and '-'"
        )
    if kms_key and encryption != "aws:kms":
        raise ValueError("a KMS key goes with the encryption aws:kms")
    region = region or "us-east-1"
    at_amazon = not endpoint
    return S3Place(
        bucket=bucket,
        prefix=prefix,
        region=region,
        endpoint=endpoint.rstrip("/") or f"https://s3.{region}.amazonaws.com",
        virtual=addressing == "virtual" or (addressing == "auto" and at_amazon and "." not in bucket),
        encryption=encryption,
        kms_key=kms_key,
    )


def connect(place: S3Place, credentials: Callable[[], Credentials]) -> S3Store:
    """Return obstore's client for a place."""

    def provide() -> "S3Credential":
        current = credentials()
        return {
            "access_key_id": current.access_key,
            "secret_access_key": current.secret_key,
            "token": current.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=60),
        }

    config: S3Config = {
        "endpoint": place.origin,
        "region": place.region,
        "virtual_hosted_style_request": place.virtual,
        "checksum_algorithm": "SHA256",
        "disable_bulk_delete": True,
    }
    if place.encryption:
        config["server_side_encryption"] = place.encryption
    if place.kms_key:
        config["sse_kms_key_id"] = place.kms_key
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        credential_provider=provide,
        config=config,
        # No limit for a whole request: a large file may take long, as long as bytes arrive.
        client_options={
            "allow_http": place.origin.startswith("http://"),
            "timeout": "86400s",
            "connect_timeout": "5s",
            "read_timeout": "20s",
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
    )
