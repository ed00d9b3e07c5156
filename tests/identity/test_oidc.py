"""Tokens of OpenID providers against a real one on loopback: what is believed, what is not, and what that costs it."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from local_issuer import EC, ED, RSA, LocalIssuer, serving

from maquette.adapters import oidc_keys
from maquette.adapters.identity_oidc import OidcProvider
from maquette.cli.doctor.identity import providers
from maquette.cli.doctor.scene import Scene
from maquette.domain.errors import Unauthenticated, Unavailable
from maquette.domain.oidc import Claims, Grants, Issuer, parse_algorithms, parse_grants, subject_of
from maquette.domain.permissions import Role
from maquette.domain.typeid import decode
from maquette.outbound import Outbound, Policy

ALGORITHMS = parse_algorithms("RS256,PS256,ES256,EdDSA,Ed25519")
PROJECT = "prj_01kgh5s1d0f3c8m5y2w9x7v4tz"


@dataclass
class Clock:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with serving() as issuer:
        yield issuer


@asynccontextmanager
async def provider(
    issuer: LocalIssuer, *, clock: Clock | None = None, allow: str = "127.0.0.1", **more: Any
) -> AsyncIterator[OidcProvider]:
    """Give a provider that believes this issuer, with its loopback address allowed."""
    given: dict[str, Any] = {
        "algorithms": ALGORITHMS, "leeway_seconds": 30.0, "claims": Claims(), "grants": Grants(), **more
    }  # fmt: skip
    issuers = given.pop("issuers", [Issuer(issuer.url, frozenset({"maquette", "maquette-cli"}))])
    async with Outbound(Policy.parse(allow)) as outbound:
        made = OidcProvider(outbound, issuers, monotonic=clock or time.monotonic, **given)
        try:
            yield made
        finally:
            await made.close()


async def reason(made: OidcProvider, token: str) -> str:
    """Return why a token is refused, which the caller is not told."""
    with pytest.raises(Unauthenticated) as caught:
        await made.identify(token)
    assert str(caught.value) == "This token is not valid."
    return caught.value.reason


@pytest.mark.parametrize(
    ("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA"), (ED, "Ed25519")]
)
async def test_good_tokens_are_believed(issuer: LocalIssuer, key: Any, alg: str) -> None:
    """Every allowed signature, one of several audiences, unknown headers, an access token's type, a client id for an audience."""
    async with provider(issuer) as made:
        who = await made.identify(issuer.token(key, alg, email="ada@example.com"))
        assert who.subject == subject_of(issuer.url, "ada")
        assert (who.issuer, who.external_id, who.email) == (issuer.url, "ada", "ada@example.com")
        assert (who.operator, dict(who.roles)) == (False, {})
        assert 570 < who.valid_until - time.time() <= 630
        for token in (
            issuer.token(key, alg, aud=["other", "maquette-cli"]),
            issuer.token(key, alg, header={"typ": "at+JWT", "x5t": "abc", "ver": "2"}),
            issuer.token(key, alg, header={"typ": None}, aud=None, client_id="maquette"),
            issuer.token(key, alg, exp=int(time.time()) - 20),  # within the leeway
        ):
            assert (await made.identify(token)).subject == who.subject
    assert issuer.key_sets == [200]


async def test_bad_claims_are_not_believed(issuer: LocalIssuer) -> None:
    """Another audience, issuer or time, odd types, no subject: each is refused for its reason."""
    now = int(time.time())
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("audience", {"aud": "other"}),
        ("audience", {"aud": None}),
        ("audience", {"aud": ["maquett", 7, None]}),
        ("audience", {"aud": {"maquette": 1}}),
        ("audience", {"aud": "other", "client_id": "maquette"}),
        ("issuer", {"iss": "https://evil.example"}),
        ("issuer", {"iss": issuer.url + "/"}),
        ("issuer", {"iss": ["x"]}),
        ("issuer", {"iss": None}),
        ("expired", {"exp": now - 31}),
        ("expired", {"exp": 0}),
        ("claims", {"exp": None}),
        ("claims", {"exp": str(now + 100)}),
        ("claims", {"exp": True}),
        ("claims", {"exp": 1e300}),
        ("claims", {"exp": float("nan")}),
        ("claims", {"exp": -1}),
        ("not_yet_valid", {"nbf": now + 60}),
        ("not_yet_valid", {"iat": now + 60}),
        ("claims", {"nbf": "now"}),
        ("claims", {"sub": None}),
        ("claims", {"sub": ""}),
        ("claims", {"sub": 7}),
        ("claims", {"sub": "x" * 256}),
        ("claims", {"sub": "ada\n"}),
    ]
    async with provider(issuer) as made:
        for expected, claims in wrong:
            assert await reason(made, issuer.token(**claims)) == expected, claims


def segment(value: Any) -> str:
    """Return a segment of a token as it is written by hand."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_forged_signatures_are_not_believed(issuer: LocalIssuer) -> None:
    """No algorithm, a public key as shared secret, another's key, a key of another type, a changed claim, a key brought along."""
    payload = segment(issuer.claims())
    good = issuer.token()
    async with provider(issuer) as made:
        for alg in ("none", "None", "nOnE", "HS256", "HS512", "RS1", "", 7, None, ["RS256"]):
            header = segment({"alg": alg, "kid": "rsa-1"})
            assert await reason(made, f"{header}.{payload}.") in {"algorithm", "malformed"}, alg
        for secret in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
            head = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{payload}"
            mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
            assert await reason(made, f"{head}.{segment(mac)}") == "algorithm"
        mine = RSAKey.generate_key(2048, {"kid": "rsa-1"})
        assert await reason(made, issuer.token(mine)) == "signature"
        brought = {"jwk": mine.as_dict(private=False), "jku": "https://evil.example/jwks"}
        assert await reason(made, issuer.token(mine, header=brought)) == "signature"
        assert await reason(made, issuer.token(mine, header={"kid": "ec-1"})) == "kid"
        assert await reason(made, issuer.token(EC, "ES256", header={"kid": "rsa-1"})) == "kid"
        head, _, signature = good.split(".")
        assert await reason(made, f"{head}.{segment(issuer.claims(sub='root'))}.{signature}") == "signature"
        assert await reason(made, f"{head}.{good.split('.')[1]}.") == "signature"
        for header in (
            {"crit": ["exp"], "exp": 1},
            {"crit": []},
            {"b64": False},
            {"crit": ["b64"], "b64": True},
        ):
            forged = f"{segment({'alg': 'RS256', 'kid': 'rsa-1', **header})}.{good.split('.')[1]}.{signature}"
            assert await reason(made, forged) in {"critical", "malformed"}, header
        for kind in ("logout+jwt", "JWE", 7):
            forged = (
                f"{segment({'alg': 'RS256', 'kid': 'rsa-1', 'typ': kind})}.{good.split('.')[1]}.{signature}"
            )
            assert await reason(made, forged) in {"type", "malformed"}, kind
        async with provider(issuer, algorithms=parse_algorithms("ES256")) as narrow:
            assert await reason(narrow, good) == "algorithm"


async def test_what_is_no_token_is_refused(issuer: LocalIssuer) -> None:
    """Garbage in any part, deep nesting, huge numbers, odd key ids: refused without asking the issuer for anything."""
    head, payload, signature = issuer.token().split(".")
    huge = b'{"iss": "%b", "exp": %b}' % (issuer.url.encode(), b"9" * 4000)
    bad = [
        "..", "a.b.c", f".{payload}.{signature}", f"{head}..{signature}", f"{head}!.{payload}.{signature}",
        f"{head}.{segment(b'[' * 5000)}.{signature}", f"{head}.{segment([1])}.{signature}",
        f"{head}.{segment(huge)}.{signature}", f"{head}.{segment(b'{' + bytes([255]))}.{signature}",
        f"{segment([])}.{payload}.{signature}", f"{segment(b'{' * 300)}.{payload}.{signature}",
        f"{head}.{payload}.{signature}.x", "é.b.c",
    ]  # fmt: skip
    async with provider(issuer) as made:
        for token in bad:
            assert await reason(made, token) in {"malformed", "claims", "issuer", "audience"}, token[:80]
        for kid in (7, ["rsa-1"], {"a": 1}, "", "k" * 300):
            forged = f"{segment({'alg': 'RS256', 'kid': kid})}.{payload}.{signature}"
            assert await reason(made, forged) in {"kid", "malformed"}, kid
    assert issuer.asked == []


async def test_a_token_without_a_key_id_needs_there_to_be_one_key(issuer: LocalIssuer) -> None:
    """With two keys that fit nobody guesses."""
    nameless = RSAKey.import_key({**RSA.as_dict(private=True), "kid": "rsa-1"})
    async with provider(issuer) as made:
        assert (await made.identify(issuer.token(nameless, header={"kid": None}))).external_id == "ada"
    issuer.keys.append(RSAKey.generate_key(2048, {"kid": "rsa-2"}).as_dict(private=False))
    async with provider(issuer) as made:
        assert await reason(made, issuer.token(nameless, header={"kid": None})) == "kid"


async def test_unusable_keys_are_left_out(issuer: LocalIssuer) -> None:
    """Shared secrets, keys for encryption, weak, private and broken ones, other types: none verifies anything."""
    with warnings.catch_warnings(action="ignore"):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    for_encryption = RSAKey.generate_key(2048, {"kid": "enc"})
    other = ECKey.generate_key("P-384", {"kid": "p384"})
    issuer.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, weak.as_dict(private=False), {**for_encryption.as_dict(private=False), "use": "enc"},
        RSA.as_dict(private=True), {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "broken"}, {"kty": "EC"}, {"kty": 7}, 7,
        {**EC.as_dict(private=False), "kid": 7}, other.as_dict(private=False),
    ]  # type: ignore[list-item]  # fmt: skip
    async with provider(issuer) as made:
        assert await reason(made, issuer.token(for_encryption)) == "kid"
        assert await reason(made, issuer.token(RSA)) == "kid"
        assert await reason(made, issuer.token(EC, "ES256", header={"kid": "p384"})) == "kid"
        with_weak = (
            f"{segment({'alg': 'RS256', 'kid': 'weak'})}.{segment(issuer.claims())}.{segment(b'x' * 128)}"
        )
        assert await reason(made, with_weak) == "kid"
    assert issuer.key_sets == [200]


async def test_a_new_key_is_found_and_a_flood_is_not_passed_on(issuer: LocalIssuer) -> None:
    """An unknown key id asks once; a thousand invented ones within the cool-down ask no more; then the new key is found."""
    clock = Clock()
    new = RSAKey.generate_key(2048, {"kid": "rsa-2"})
    async with provider(issuer, clock=clock) as made:
        await made.identify(issuer.token())
        fake = [
            f"{segment({'alg': 'RS256', 'kid': f'invented-{n}'})}.{segment(issuer.claims())}.AAAA"
            for n in range(1000)
        ]
        clock.now += oidc_keys.COOL_DOWN_SECONDS
        refused = await asyncio.gather(*(reason(made, token) for token in fake))
        assert set(refused) == {"kid"}
        assert issuer.key_sets == [200, 304]
        issuer.keys.append(new.as_dict(private=False))
        assert await reason(made, issuer.token(new)) == "kid"
        clock.now += oidc_keys.COOL_DOWN_SECONDS
        assert (await made.identify(issuer.token(new))).external_id == "ada"
        assert issuer.key_sets == [200, 304, 200]


async def test_a_key_that_is_taken_back_ends(issuer: LocalIssuer) -> None:
    """Once what was published is no longer fresh, it is asked for again, behind the next caller's back."""
    clock = Clock()
    async with provider(issuer, clock=clock) as made:
        token = issuer.token()
        await made.identify(token)
        issuer.keys = [EC.as_dict(private=False)]
        clock.now += oidc_keys.FRESH_SECONDS_MIN + 1
        await made.identify(token)
        await made.problems()  # waits for who is asking
        assert await reason(made, token) == "kid"


async def test_keys_outlive_an_issuer_that_is_down(issuer: LocalIssuer) -> None:
    """For a day, and no longer; without any keys nobody can say, which is no refusal."""
    clock = Clock()
    async with provider(issuer, clock=clock) as made:
        token = issuer.token(exp=int(time.time()) + 10)
        await made.identify(token)
        issuer.status = 503
        clock.now += oidc_keys.STALE_SECONDS_MAX - 1
        assert (await made.identify(token)).external_id == "ada"
        assert "answers 503" in (await made.problems())[0]
        clock.now += oidc_keys.COOL_DOWN_SECONDS
        with pytest.raises(Unavailable):
            await made.identify(token)
        issuer.status = 200
        clock.now += oidc_keys.COOL_DOWN_SECONDS
        assert (await made.identify(token)).external_id == "ada"


@pytest.mark.parametrize(
    "what", ["away", "slow", "garbage", "nested", "list", "huge", "no keys", "another name", "private"]
)
async def test_an_issuer_gone_mad_harms_nobody(
    issuer: LocalIssuer, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it publishes, tokens wait for better times, one try a cool-down, and the operator is told which issuer."""
    monkeypatch.setattr(oidc_keys, "FETCH_SECONDS_MAX", 0.3)
    allow = "127.0.0.1"
    match what:
        case "away":
            issuer.status = 500
        case "slow":
            issuer.seconds = 1.0
        case "garbage":
            issuer.raw = b"\xff\x00{"
        case "nested":
            issuer.raw = b'{"keys": ' + b"[" * 100_000
        case "list":
            issuer.raw = b'["keys"]'
        case "huge":
            issuer.raw = b'{"keys": [], "x": "' + b"x" * (oidc_keys.DOCUMENT_BYTES_MAX + 1) + b'"}'
        case "no keys":
            issuer.raw = json.dumps({"keys": [{}] * 101}).encode()
        case "another name":
            issuer.calls_itself = "https://evil.example"
        case "private":
            allow = ""
    async with provider(issuer, allow=allow) as made:
        tokens = [issuer.token(sub=f"user-{n}") for n in range(5)]
        found = await asyncio.gather(*(made.identify(token) for token in tokens), return_exceptions=True)
        assert {type(error) for error in found} == {Unavailable}, found
        assert issuer.url in (await made.problems())[0]
    assert len(issuer.asked) <= 2


async def test_the_doctor_asks_the_providers(issuer: LocalIssuer, tmp_path: Path) -> None:
    """All well, nothing to ask, and a provider that is broken: a line that names it, and what to do."""

    async def found(**variables: str) -> Any:
        given = {f"MAQUETTE_{name.upper()}": value for name, value in variables.items()}
        return await asyncio.to_thread(providers, Scene(given, tmp_path))

    believed = {"oidc_issuers": f"{issuer.url}=maquette", "outbound_allow": "127.0.0.1"}
    assert (await found()).state == "skipped"
    assert (await found(**believed)).state == "ok"
    issuer.status = 500
    broken = await found(**believed)
    assert (broken.state, issuer.url in broken.says) == ("broken", True)
    refused = await found(oidc_issuers=believed["oidc_issuers"])
    assert (refused.state, "MAQUETTE_OUTBOUND_ALLOW" in refused.do) == ("broken", True)


async def test_groups_give_roles_and_operators(issuer: LocalIssuer) -> None:
    """Groups of the first issuer count, by the settings; another issuer's, unknown ones and odd types give nothing."""
    grants = parse_grants("admins", f"artists={PROJECT}:artist, leads={PROJECT}:reviewer")
    claims = Claims("preferred.name", "realm_access.roles")
    project = decode("prj", PROJECT)
    first, second = (
        Issuer(issuer.url, frozenset({"maquette"})),
        Issuer("https://other.example", frozenset({"x"})),
    )

    def token(groups: Any) -> str:
        return issuer.token(realm_access={"roles": groups}, preferred={"name": "Ada L."})

    async with provider(issuer, claims=claims, grants=grants, issuers=[first, second]) as made:
        who = await made.identify(token(["leads", "artists", "nobody", 7]))
        assert (who.external_id, dict(who.roles), who.operator) == ("Ada L.", {project: Role.REVIEWER}, False)
        assert dict((await made.identify(token("artists others"))).roles) == {project: Role.ARTIST}
        assert (await made.identify(token(["admins"]))).operator
        for odd in (None, 7, {"admins": 1}, [["admins"]]):
            who = await made.identify(token(odd))
            assert (dict(who.roles), who.operator) == ({}, False)
    async with provider(issuer, claims=claims, grants=grants, issuers=[second, first]) as made:
        who = await made.identify(token(["admins", "leads"]))
        assert (dict(who.roles), who.operator) == ({}, False)
