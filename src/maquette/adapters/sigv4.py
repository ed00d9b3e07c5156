"""AWS Signature Version 4 in the query: a URL that permits one request, with the headers it binds.

The steps of "Authenticating Requests: Using Query Parameters" of the S3 API reference, for a time that is given:
what is signed for a rounded time is the same URL for everybody who asks in that window, which botocore's signer cannot
make. A test holds it to botocore's, byte for byte.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
#: What S3 accepts at most.
SECONDS_MAX = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs. ``expires_at`` (Unix seconds) is when temporary ones end, and every URL signed with them."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


def presign(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    credentials: Credentials,
    region: str,
    at: float,
    seconds: int,
) -> str:
    """Return ``url`` with a query that permits ``method`` from ``at`` (Unix seconds) for ``seconds``.

    ``headers`` (names in lower case, without ``host``) must then be sent with just these values; ``url`` has no query.
    """
    parts = urlsplit(url)
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    bound = {"host": parts.netloc, **headers}
    names = ";".join(sorted(bound))
    fields = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": names,
    }
    if credentials.token:
        fields["X-Amz-Security-Token"] = credentials.token
    written = "&".join(f"{_quoted(name)}={_quoted(fields[name])}" for name in sorted(fields))
    lines = [f"{name}:{' '.join(bound[name].split())}" for name in sorted(bound)]
    request = "\n".join([method, parts.path or "/", written, *lines, "", names, "UNSIGNED-PAYLOAD"])
    text = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"{url}?{written}&X-Amz-Signature={signature}"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
