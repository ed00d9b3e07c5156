"""Secrets out of what is written: the last wall, behind the care with which entries are made.

What is known by its form goes wherever it stands; what only the settings know goes as it is, in the forms that JSON and
addresses give it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

REDACTED = "[redacted]"
#: Shorter ones would take words of everybody's out of the logs.
SECRET_LENGTH_MIN = 8

_TOKEN = r"[A-Za-z0-9._~+/-]{12,}=*"  # noqa: S105 - RFC 6750's alphabet of bearer tokens
_SCHEME = r"(?i:bearer|basic|token|digest|apikey|key|aws4-hmac-sha256)\s+"
_PARAMETERS = (
    "signature|sig|x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature|key-pair-id|access_token|"
    "client_secret|api_key|apikey|password|passwd|pwd|secret|token"
)
#: In each, what stands before the secret is a group and stays: an operator has to find it.
_FORMS = (
    r"\b(mq_[0-9a-z]{26}_)[A-Za-z0-9_-]+",  # API keys and worker tokens; the first part is the key's public id
    r"\b(whsec_)[A-Za-z0-9+/]+=*",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",  # JSON web tokens
    rf"((?i:authorization)[\"']?\s*[:=]\s*[\"']?(?:{_SCHEME})?)[^\s,\"'}}<>]+",
    rf"(\b(?i:bearer|basic)\s+){_TOKEN}",
    rf"((?:[?&;]|\b)(?i:{_PARAMETERS})=)[^&\s\"'<>,;)}}]+",
    r"(://[^\s/:@\"'<>]*:)[^\s/\"'<>]+(?=@)",  # the password in an address
)
_SECRET = re.compile("|".join(f"(?:{form})" for form in _FORMS))
#: Fields whose value is a secret whatever it looks like.
_FIELDS = re.compile(rf"(?i:.*authorization|cookie|set-cookie|{_PARAMETERS})")

Redact = Callable[[str], str]


def redactor(secrets: Iterable[str] = ()) -> Redact:
    """Return what takes secrets out of a text: those of known forms, and these."""
    known = {form for secret in secrets if len(secret) >= SECRET_LENGTH_MIN for form in _written(secret)}
    exact = re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True)))) if known else None

    def redact(text: str) -> str:
        if exact is not None:
            text = exact.sub(REDACTED, text)
        return _SECRET.sub(_kept, text)

    return redact


def secrets_of(values: Iterable[str]) -> list[str]:
    """Return the secrets among settings' values: each as it is, of an address its password."""
    found = []
    for value in values:
        password = urlsplit(value).password if "://" in value else None
        found.append(password if password is not None else value)
    return found


def redacted(value: Any, redact: Redact) -> Any:
    """Return a value of JSON's with all texts in it redacted, and fields that are secrets by their name."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            redact(str(name)): REDACTED if _FIELDS.fullmatch(str(name)) else redacted(item, redact)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, redact) for item in value]
    return value if isinstance(value, bool | int | float) or value is None else redact(str(value))


def _written(secret: str) -> set[str]:
    """Return a secret as texts may have it: plain, quoted for an address, escaped for JSON, shown by ``repr``."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}


def _kept(found: re.Match[str]) -> str:
    return (found[found.lastindex] if found.lastindex else "") + REDACTED
