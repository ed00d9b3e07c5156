"""Tokens of OpenID providers, once their signature holds: which are believed, and whom they stand for.

Methods: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7519 (claims), RFC 8725 (what went wrong elsewhere), RFC 9068 (types).
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import NotFound, Unauthenticated
from maquette.domain.permissions import Role

#: Signatures that can be allowed, and the kind of key (with its curves) that each takes. No ``none``, no shared secrets.
ALGORITHMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", ())),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519",)),
    "Ed25519": ("OKP", ("Ed25519",)),
}
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt", "application/jwt"})
EXTERNAL_ID_LENGTH_MAX = 255
_GROUPS_MAX = 500
_TIME_MAX = 2**53


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs tokens, and which of them are for us: one of the audiences must be named."""

    url: str
    audiences: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grants:
    """What groups of the first issuer give: everything, or a role in a project."""

    operators: frozenset[str] = frozenset()
    roles: Mapping[str, Sequence[tuple[UUID, Role]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claims:
    """Where a provider says what: names of claims, dots lead into objects."""

    subject: str = "sub"
    groups: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an issuer vouches for, and until when."""

    subject: str
    issuer: str
    external_id: str
    email: str | None
    operator: bool
    roles: Mapping[UUID, Role]
    """By groups; memberships come on top."""
    valid_until: float
    """Unix seconds, leeway included."""


def subject_of(issuer: str, external_id: str) -> str:
    """Return ``usr_…`` for a person of an issuer: the same each time, so it can be a member before the first visit."""
    return typeid.encode("usr", typeid.derive("oidc", issuer, external_id))


def refused(reason: str) -> Unauthenticated:
    """Return the one answer to every bad token; the reason is for the operator alone."""
    return Unauthenticated("This token is not valid.", reason=reason)


def parse_issuers(text: str) -> tuple[Issuer, ...]:
    """Read ``MAQUETTE_OIDC_ISSUERS``: ``URL=AUDIENCE|AUDIENCE``, separated by commas; ``ValueError`` says what is wrong."""
    found: list[Issuer] = []
    for item in _listed(text):
        url, equals, listed = item.rpartition("=")
        audiences = frozenset(filter(None, (part.strip() for part in listed.split("|"))))
        parts = urlsplit(url)
        if not equals or not audiences or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{item!r} is not https://ISSUER=AUDIENCE")
        if parts.query or parts.fragment or any(issuer.url == url for issuer in found):
            raise ValueError(f"{url!r} is named twice, or has more than a path")
        found.append(Issuer(url, audiences))
    return tuple(found)


def parse_algorithms(text: str) -> frozenset[str]:
    """Read ``MAQUETTE_OIDC_ALGORITHMS``; ``ValueError`` for one that is not known or not safe."""
    found = frozenset(_listed(text))
    unknown = sorted(found - set(ALGORITHMS))
    if unknown or not found:
        raise ValueError(f"{unknown[0] if unknown else 'nothing'} is not among {', '.join(ALGORITHMS)}")
    return found


def parse_grants(operators: str, roles: str) -> Grants:
    """Read the settings of groups: ``GROUP,…`` and ``GROUP=prj_…:ROLE,…``; ``ValueError`` says what is wrong."""
    by_group: dict[str, list[tuple[UUID, Role]]] = {}
    for item in _listed(roles):
        group, _, grant = item.rpartition("=")
        project, _, role = grant.partition(":")
        try:
            found = (typeid.decode("prj", project), Role(role))
        except (ValueError, NotFound):
            raise ValueError(f"{item!r} is not GROUP=prj_…:ROLE") from None
        by_group.setdefault(group, []).append(found)
    return Grants(frozenset(_listed(operators)), by_group)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def check_header(header: Mapping[str, Any], algorithms: Collection[str]) -> str | None:
    """Return the id of the key that a token says it was signed with; ``Unauthenticated`` for what is never believed."""
    if "crit" in header or "b64" in header:  # names what must be understood, and we understand none of it
        raise refused("critical")
    algorithm, kind, kid = header.get("alg"), header.get("typ", ""), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise refused("algorithm")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refused("type")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 255):
        raise refused("kid")
    return kid


def suits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a published key may verify an algorithm's signatures: its type, its curve, and what it says it is for."""
    kind, curves = ALGORITHMS[algorithm]
    operations = key.get("key_ops")
    return (
        key.get("kty") == kind
        and (not curves or key.get("crv") in curves)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )


def check_claims(claims: Mapping[str, Any], issuer: Issuer, now: float, leeway: float) -> float:
    """Return until when (Unix seconds) a token's claims hold; ``Unauthenticated`` when they do not now, or not for us."""
    if claims.get("iss") != issuer.url:
        raise refused("issuer")
    # Some providers (Amazon Cognito's access tokens) name the client instead; API gateways take that, too.
    named = claims["aud"] if "aud" in claims else claims.get("client_id")
    audiences = named if isinstance(named, list) else [named]
    if not any(isinstance(item, str) and item in issuer.audiences for item in audiences):
        raise refused("audience")
    expires = _time(claims, "exp")
    if expires is None:
        raise refused("claims")
    if now >= expires + leeway:
        raise refused("expired")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and now < begins - leeway:
            raise refused("not_yet_valid")
    return expires + leeway


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _TIME_MAX:
        raise refused("claims")
    if not math.isfinite(value):
        raise refused("claims")
    return float(value)


def identity(
    claims: Mapping[str, Any], issuer: Issuer, names: Claims, grants: Grants, valid_until: float
) -> Identity:
    """Return whom checked claims stand for."""
    external_id = _at(claims, names.subject)
    if not isinstance(external_id, str) or not 0 < len(external_id) <= EXTERNAL_ID_LENGTH_MAX:
        raise refused("claims")
    if not external_id.isprintable():
        raise refused("claims")
    groups = _groups(_at(claims, names.groups)) if names.groups else frozenset()
    roles: dict[UUID, Role] = {}
    for group in groups & grants.roles.keys():
        for project, role in grants.roles[group]:
            roles[project] = larger(role, roles.get(project))
    return Identity(
        subject_of(issuer.url, external_id),
        issuer.url,
        external_id,
        _email(claims),
        not groups.isdisjoint(grants.operators),
        roles,
        valid_until,
    )


def larger(role: Role, other: Role | None) -> Role:
    """Return the role that covers the other."""
    return role if other is None or role.covers(other) else other


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name; where none has it, dots lead into objects (``realm_access.roles``)."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _groups(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list):
        return frozenset()
    return frozenset(item for item in value[:_GROUPS_MAX] if isinstance(item, str))


_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")


def _email(claims: Mapping[str, Any]) -> str | None:
    """Return the e-mail address for people to recognise each other by; it grants nothing."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is False or not email.isprintable():
        return None
    return email if _EMAIL.fullmatch(email) else None
