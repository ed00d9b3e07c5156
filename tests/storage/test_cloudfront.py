"""CloudFront's links and cookies, verified as its edge does: by the public key alone, over what the policy says."""

import base64
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from maquette.adapters.cdn_cloudfront import CloudFrontCdn, CloudFrontKey
from maquette.adapters.cdn_own import OwnCdn
from maquette.adapters.objects_local import LocalObjects
from maquette.adapters.signing import SigningKey
from maquette.domain.errors import Forbidden, Invalid
from maquette.settings import SettingsError, load
from maquette.wiring.stores import open_cdn, open_objects

BASE = "https://d111111abcdef8.cloudfront.net"
FOLDER = "projects/p/jobs/j/2-export/r0/a1"
KEY = f"{FOLDER}/courier.glb"
NOW = 1_800_000_000.0
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OLDER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
KEYS = (CloudFrontKey("KNEW", PRIVATE), CloudFrontKey("KOLD", OLDER))


@dataclass
class Edge:
    """What an edge server does with a request: the key group, and a clock."""

    group: dict[str, rsa.RSAPublicKey]
    now: float = NOW

    def admits(self, url: str, cookies: dict[str, str] | None = None) -> bool:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        given = query if cookies is None else {name[11:]: value for name, value in cookies.items()}
        own = {"Expires", "Policy", "Signature", "Key-Pair-Id"}
        left = [field for field in parts.query.split("&") if field and field.partition("=")[0] not in own]
        resource = url.partition("?")[0] + ("?" + "&".join(left) if left else "")
        try:
            if "Policy" in given:
                policy = plain(given["Policy"])
            else:
                condition = {"DateLessThan": {"AWS:EpochTime": int(given["Expires"])}}
                statement = {"Resource": resource, "Condition": condition}
                policy = json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()
            self.group[given["Key-Pair-Id"]].verify(
                plain(given["Signature"]), policy, padding.PKCS1v15(), SHA1()
            )
        except (KeyError, ValueError, InvalidSignature):
            return False
        [statement] = json.loads(policy)["Statement"]
        wanted: str = statement["Resource"]
        fits = resource.startswith(wanted[:-1]) if wanted.endswith("*") else resource == wanted
        return fits and self.now < statement["Condition"]["DateLessThan"]["AWS:EpochTime"]


def plain(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)


EDGE = Edge({"KNEW": PRIVATE.public_key(), "KOLD": OLDER.public_key()})


def cdn(*keys: CloudFrontKey, now: float = NOW) -> CloudFrontCdn:
    return CloudFrontCdn(BASE, keys or KEYS, now=lambda: now)


def link(of: Any = None, key: str = KEY, **more: Any) -> Any:
    return (of or cdn()).sign_get(
        key, **{"media_type": "model/gltf-binary", "filename": "courier.glb", "ttl_seconds": 900, **more}
    )


def test_a_link_is_admitted_until_it_ends() -> None:
    """The edge believes it for the time that it was asked for, to one and a half times that, and not longer."""
    signed = link()
    assert signed.url.startswith(f"{BASE}/{KEY}?Expires=")
    assert NOW + 900 <= signed.expires_at <= NOW + 1350
    assert EDGE.admits(signed.url)
    assert Edge(EDGE.group, signed.expires_at - 1).admits(signed.url)
    assert not Edge(EDGE.group, signed.expires_at).admits(signed.url)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("courier.glb", "other.glb"),
        ("courier.glb", "courier.glb/../secret"),
        ("Expires=1", "Expires=2"),
        ("Signature=", "Signature=A"),
        ("Key-Pair-Id=KNEW", "Key-Pair-Id=KOLD"),
        ("Key-Pair-Id=KNEW", "Key-Pair-Id=KELSE"),
        ("d111111abcdef8", "d222222abcdef8"),
        ("?Expires", "?response-content-type=text/html&Expires"),
        (f"{KEY}?", f"{KEY}&"),
    ],
)
def test_a_changed_link_is_not_admitted(old: str, new: str) -> None:
    """Another path, time, key, host or field is another link, and nobody signed that one."""
    url = link().url
    assert url.count(old) == 1
    assert not EDGE.admits(url.replace(old, new))
    assert not EDGE.admits(f"{BASE}/{KEY}")


def test_links_are_botocores() -> None:
    """botocore's signer makes the same link of the same policy, so CloudFront reads ours as it reads Amazon's."""
    signer = CloudFrontSigner("KNEW", lambda text: PRIVATE.sign(text, padding.PKCS1v15(), SHA1()))
    signed = link(disposition="attachment")
    bare = signed.url.partition("&Expires")[0]
    ends = datetime.fromtimestamp(signed.expires_at, UTC)
    assert signed.url == signer.generate_presigned_url(bare, date_less_than=ends)
    assert EDGE.admits(signed.url)
    folder = cdn().sign_folder(FOLDER, ttl_seconds=900)
    policy = signer.build_policy(f"{BASE}/{FOLDER}/*", datetime.fromtimestamp(folder.expires_at, UTC))
    assert f"{folder.url}?{folder.query}" == signer.generate_presigned_url(folder.url, policy=policy)


def test_equal_requests_give_equal_links_signed_once() -> None:
    """A browser finds the file in its cache; the next window gives another link."""
    one = cdn()
    assert link(one).url == link(one).url == link(cdn(now=NOW - 1)).url
    assert len(one._signatures) == 1
    assert link(cdn(now=NOW + 900)).url != link(one).url


def test_the_newest_key_signs_and_links_of_the_older_one_live_on() -> None:
    """Rotation: the new key comes first; what the old one signed is admitted as long as it is in the group."""
    before, after = link(cdn(KEYS[1])), link()
    assert before.url.endswith("Key-Pair-Id=KOLD")
    assert after.url.endswith("Key-Pair-Id=KNEW")
    assert EDGE.admits(before.url)
    assert EDGE.admits(after.url)
    assert not Edge({"KNEW": EDGE.group["KNEW"]}).admits(before.url)


def test_cookies_and_queries_admit_to_one_folder() -> None:
    """A custom policy: everything below the folder, for as long, and nothing beside it."""
    folder = cdn().sign_folder(FOLDER, ttl_seconds=900)
    assert set(folder.cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}
    for name in ("courier.glb", "textures/base.png"):
        assert EDGE.admits(f"{folder.url}{name}", dict(folder.cookies))
        assert EDGE.admits(f"{folder.url}{name}?{folder.query}")
    for other in (f"{BASE}/{FOLDER}2/x.glb", f"{BASE}/{FOLDER[:-1]}2/x.glb", f"{BASE}/projects/p/jobs/k/x"):
        assert not EDGE.admits(other, dict(folder.cookies))
    assert not Edge(EDGE.group, folder.expires_at).admits(f"{folder.url}courier.glb", dict(folder.cookies))
    wider = {**folder.cookies, "CloudFront-Policy": base64.b64encode(b"{}").decode()}
    assert not EDGE.admits(f"{folder.url}courier.glb", wider)


@pytest.mark.parametrize("key", ["", "/a", "a/../b", "a b", 'a"b', "a*", "a?b"])
def test_keys_cannot_widen_a_policy(key: str) -> None:
    """No key has a wildcard, a quote or a step upwards in it."""
    with pytest.raises(Invalid):
        link(key=key)
    with pytest.raises(Invalid):
        cdn().sign_folder(key, ttl_seconds=900)


def test_a_cdn_in_front_of_the_api_passes_on_our_own_links(tmp_path: Path) -> None:
    """The same signature at another address: what the CDN passes on, the API verifies."""
    keys = [SigningKey("k1", b"secret")]
    url = link(OwnCdn("https://cdn.example/", keys, now=lambda: NOW)).url
    assert url.startswith(f"https://cdn.example/files/{KEY}?")
    store = LocalObjects(tmp_path, keys=keys, now=lambda: NOW)
    assert store.verify_read(KEY, urlsplit(url).query).media_type == "model/gltf-binary"
    with pytest.raises(Forbidden):
        store.verify_read(f"{KEY}x", urlsplit(url).query)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give credentials by the environment, and the file of a CloudFront key."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "key.pem"
    file.write_bytes(PRIVATE.private_bytes(*PEM))
    (tmp_path / "ec.pem").write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*PEM))
    (tmp_path / "not.pem").write_text("no key")
    return file


def made(tmp_path: Path, **variables: str) -> Any:
    settings = load({f"MAQUETTE_{name.upper()}": value for name, value in variables.items()}, tmp_path)
    return open_cdn(settings, open_objects(settings))


def test_the_documents_example_works(aws: Path, tmp_path: Path) -> None:
    """What docs/storage.md says to set is a bucket behind CloudFront."""
    page = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()
    lines = page.split("```sh\n")[1].split("```")[0].split()
    variables = dict(line.split("=", 1) for line in lines)
    variables["MAQUETTE_CLOUDFRONT_KEYS"] = variables["MAQUETTE_CLOUDFRONT_KEYS"].replace(
        "/etc/maquette/cloudfront.pem", str(aws)
    )
    settings = load(variables, tmp_path)
    store = open_objects(settings)
    assert link(store).url.startswith(f"https://studio-assets.s3.eu-west-1.amazonaws.com/maquette/{KEY}?")
    assert link(open_cdn(settings, store)).url.startswith(f"{BASE}/{KEY}?")


def test_settings_make_store_and_cdn(aws: Path, tmp_path: Path) -> None:
    """A bucket and a distribution are four variables."""
    found = made(
        tmp_path,
        objects="s3://bucket/p",
        s3_region="eu-west-1",
        cdn_base_url=BASE,
        cloudfront_keys=f"KNEW={aws}",
    )
    assert Edge(EDGE.group, time.time()).admits(link(found).url)
    store = made(tmp_path, objects="s3://bucket/p", s3_region="eu-west-1")
    assert link(store).url.startswith(f"https://bucket.s3.eu-west-1.amazonaws.com/p/{KEY}?")
    own = made(tmp_path, cdn_base_url="https://cdn.example", signing_key="0123456789abcdef")
    assert link(own).url.startswith("https://cdn.example/files/")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"objects": "s3://bucket", "cdn_base_url": BASE}, "MAQUETTE_CLOUDFRONT_KEYS must be set"),
        ({"cdn_base_url": BASE, "cloudfront_keys": "KNEW={}/key.pem"}, "MAQUETTE_OBJECTS is not"),
        (
            {"objects": "s3://bucket", "cdn_base_url": BASE, "cloudfront_keys": "KNEW={}/gone.pem"},
            "No such file",
        ),
        ({"objects": "s3://bucket", "cdn_base_url": BASE, "cloudfront_keys": "KNEW={}/not.pem"}, "PEM form"),
        ({"objects": "s3://bucket", "cdn_base_url": BASE, "cloudfront_keys": "KNEW={}/ec.pem"}, "2,048 bits"),
        ({"objects": "s3://bucket", "cloudfront_keys": "knew"}, "MAQUETTE_CLOUDFRONT_KEYS: expected such as"),
        ({"objects": "s3://Bucket"}, "s3://bucket/prefix"),
        ({"objects": "/srv/files"}, "MAQUETTE_OBJECTS: expected an address"),
        ({"objects": "s3://bucket", "s3_kms_key": "k"}, "a KMS key goes with"),
        ({"objects": "s3://bucket", "upload_bytes_max": str(6 * 1024**3)}, "MAQUETTE_UPLOAD_BYTES_MAX"),
    ],
)
def test_settings_that_cannot_work_are_told(
    aws: Path, tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    """One error that names the variable, before anything is served; above all, no distribution without signatures."""
    with pytest.raises(SettingsError, match=says):
        made(tmp_path, **{name: value.format(tmp_path) for name, value in variables.items()})


def test_no_credentials_is_told(aws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket without credentials is an error at the start, and not at the first upload."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="has no credentials"):
        made(tmp_path, objects="s3://bucket")
