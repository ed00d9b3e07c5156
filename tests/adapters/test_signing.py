"""Signed URLs: whatever the holder changes, the link is worthless."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from maquette.adapters.signing import ReadGrant, SigningKey, UrlSigner, WriteGrant
from maquette.domain.errors import Forbidden

NOW = 1_800_000_000.0
KEY = "projects/prj_1/mesh.glb"
OLD, NEW = SigningKey("2026-01", b"old secret"), SigningKey("2026-02", b"new secret")
READ = ReadGrant("model/gltf-binary", "Möbius & Söhne.glb", "inline", int(NOW) + 60)
WRITE = WriteGrant("model/gltf-binary", 4096, "ab" * 32, int(NOW) + 60)
SIGNER = UrlSigner([NEW, OLD], base_url="https://cdn.example/stage/")


def query_of(url: str) -> str:
    return urlsplit(url).query


def verify_read(query: str, *, key: str = KEY, now: float = NOW) -> ReadGrant:
    return SIGNER.verify_read(key, query, now=now)


def test_a_read_link_grants_what_was_signed() -> None:
    """Media type, file name and disposition come back from the link unchanged."""
    url = SIGNER.read_url(KEY, READ)
    assert url.startswith("https://cdn.example/stage/files/projects/prj_1/mesh.glb?kid=2026-02&")
    assert verify_read(query_of(url)) == READ


def test_a_write_link_grants_what_was_signed() -> None:
    """Length, checksum and media type come back from the link unchanged."""
    assert SIGNER.verify_write(KEY, query_of(SIGNER.write_url(KEY, WRITE)), now=NOW) == WRITE


def test_an_older_key_still_verifies_and_a_removed_one_does_not() -> None:
    """Rotation: put the new key in front, take the old one away when its links have expired."""
    link = query_of(UrlSigner([OLD], base_url="").read_url(KEY, READ))
    assert verify_read(link) == READ
    with pytest.raises(Forbidden):
        UrlSigner([NEW], base_url="").verify_read(KEY, link, now=NOW)


@pytest.mark.parametrize("field", ["kid", "expires", "type", "name", "as", "signature"])
@pytest.mark.parametrize("change", ["altered", "missing", "doubled", "empty", "renamed"])
def test_every_part_of_a_read_link_is_bound(field: str, change: str) -> None:
    """A part that is changed, left out, sent twice, emptied or renamed makes the link worthless."""
    _assert_bound(SIGNER.read_url(KEY, READ), field, change, verify_read)


@pytest.mark.parametrize("field", ["kid", "expires", "type", "bytes", "sha256", "signature"])
@pytest.mark.parametrize("change", ["altered", "missing", "doubled", "empty", "renamed"])
def test_every_part_of_a_write_link_is_bound(field: str, change: str) -> None:
    """A part that is changed, left out, sent twice, emptied or renamed makes the link worthless."""
    _assert_bound(
        SIGNER.write_url(KEY, WRITE), field, change, lambda query: SIGNER.verify_write(KEY, query, now=NOW)
    )


def _assert_bound(url: str, field: str, change: str, verify: Callable[[str], object]) -> None:
    pairs = parse_qsl(query_of(url), strict_parsing=True)
    verify(urlencode(pairs))
    changed = {
        "altered": [
            (name, ("1" if value[0] == "0" else "0") + value[1:] if name == field else value)
            for name, value in pairs
        ],
        "missing": [pair for pair in pairs if pair[0] != field],
        "doubled": pairs + [pair for pair in pairs if pair[0] == field],
        "empty": [(name, "" if name == field else value) for name, value in pairs],
        "renamed": [("x" if name == field else name, value) for name, value in pairs],
    }[change]
    with pytest.raises(Forbidden):
        verify(urlencode(changed))


def test_a_link_is_good_for_one_key_only() -> None:
    """The path is signed."""
    with pytest.raises(Forbidden):
        verify_read(query_of(SIGNER.read_url(KEY, READ)), key="projects/prj_2/mesh.glb")


def test_a_link_is_good_for_one_method_only() -> None:
    """A read link does not write, and a write link does not read."""
    with pytest.raises(Forbidden):
        SIGNER.verify_write(KEY, query_of(SIGNER.read_url(KEY, READ)), now=NOW)
    with pytest.raises(Forbidden):
        verify_read(query_of(SIGNER.write_url(KEY, WRITE)))


def test_a_link_ends_at_its_expiry() -> None:
    """Valid until the second before, worthless from that second on."""
    link = query_of(SIGNER.read_url(KEY, READ))
    assert verify_read(link, now=READ.expires_at - 0.001) == READ
    with pytest.raises(Forbidden, match="expired"):
        verify_read(link, now=READ.expires_at)


def test_parts_cannot_run_into_each_other() -> None:
    """Moving characters from one part to the next, separators included, changes the signature."""
    grants = [
        ReadGrant(media_type, filename, "inline", READ.expires_at)
        for media_type, filename in (
            ("a", "b"),
            ("ab", ""),
            ("", "ab"),
            ("a&name=b", ""),
            ("a\n", "b"),
            ("a", "\nb"),
        )
    ]
    signatures = {SIGNER.read_url(KEY, grant).rpartition("=")[2] for grant in grants}
    signatures |= {SIGNER.read_url(f"{KEY}{letter}", grants[0]).rpartition("=")[2] for letter in "ab"}
    assert len(signatures) == len(grants) + 2


def test_another_spelling_of_the_same_link_is_the_same_link() -> None:
    """Clients and proxies may quote and order a query in their own way (aiohttp does)."""
    pairs = parse_qsl(query_of(SIGNER.read_url(KEY, READ)), strict_parsing=True)
    spelled = "&".join(
        f"{name}={''.join(f'%{byte:02x}' for byte in value.encode())}" for name, value in pairs[::-1]
    )
    assert verify_read(spelled) == READ
    assert verify_read(query_of(SIGNER.read_url(KEY, READ)).replace("%2F", "/").replace("%20", "+")) == READ


@pytest.mark.parametrize(
    "query",
    [
        "",
        "kid",
        "&&",
        "signature=%FF",
        "a=1;b=2",
        "kid=2026-02&expires=9&type=&name=&as=&signature=ä",
        "x" * 5000,
        "kid=2026-02&expires=9999999999&type=a&name=b&as=inline&signature=" + "A" * 43,
    ],
)
def test_garbage_is_refused(query: str) -> None:
    """No query, however odd, does more than be refused."""
    with pytest.raises(Forbidden):
        verify_read(query)


def test_the_signer_wants_a_key() -> None:
    """Without a key nothing can be signed; that is said at construction, not at the first request."""
    with pytest.raises(ValueError, match="signing key"):
        UrlSigner([], base_url="")
