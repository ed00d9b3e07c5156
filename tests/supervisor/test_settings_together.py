"""Settings that do not fit together, or cannot be used: one line that names the variable, exit status 2, no traceback."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from maquette.cli.main import run
from maquette.settings import SettingsError, load
from maquette.settings.together import _NEEDS

_S3 = {"MAQUETTE_OBJECTS": "s3://bucket"}
_KAFKA = {"MAQUETTE_KAFKA_SERVERS": "127.0.0.1:9"}
_SASL = {**_KAFKA, "MAQUETTE_KAFKA_SECURITY": "sasl_ssl"}
_CDN = {"MAQUETTE_CDN_BASE_URL": "https://d1.cloudfront.net"}
_ISSUER = {"MAQUETTE_OIDC_ISSUERS": "https://login.example=maquette"}
#: What each setting takes besides any text.
_VALUES = {
    "database_direct_url": "postgresql://h/d",
    "oidc_role_groups": "artists=prj_01kgh5s1d0f3c8m5y2w9x7v4tz:artist",
    "otlp_headers": "x-api-key=secret",
    "s3_endpoint": "https://s3.example",
    "s3_encryption": "AES256",
    "cloudfront_keys": "K2JCJMDEHXQW5F=key.pem",
    "sqs_endpoint_url": "https://sqs.example",
    "eventbridge_endpoint_url": "https://events.example",
}

#: What contradicts itself is found when the settings are read, by every command.
CONTRADICTIONS = [
    ({"MAQUETTE_LEASE_SECONDS": "6"}, "MAQUETTE_LEASE_SECONDS"),
    ({"MAQUETTE_BULK_BYTES_MAX": "2048"}, "MAQUETTE_BULK_BYTES_MAX"),
    ({"MAQUETTE_FORWARDED_BY": "forwarded"}, "MAQUETTE_TRUSTED_PROXIES"),
    ({"MAQUETTE_DATABASE_URL": "postgresql://h/d", "MAQUETTE_DATABASE_POOLER": "transaction"}, "DIRECT_URL"),
    ({**_ISSUER, "MAQUETTE_OIDC_OPERATOR_GROUPS": "staff"}, "MAQUETTE_OIDC_GROUPS_CLAIM"),
    (_SASL, "MAQUETTE_KAFKA_USERNAME"),
    ({**_SASL, "MAQUETTE_KAFKA_USERNAME": "ada"}, "MAQUETTE_KAFKA_PASSWORD"),
    (
        {**_KAFKA, "MAQUETTE_KAFKA_USERNAME": "ada", "MAQUETTE_KAFKA_PASSWORD": "hunter2"},
        "MAQUETTE_KAFKA_SECURITY",
    ),
    ({**_KAFKA, "MAQUETTE_KAFKA_CA_FILE": "ca.pem"}, "MAQUETTE_KAFKA_SECURITY"),
    ({"MAQUETTE_KAFKA_SERVERS": "kafka"}, "MAQUETTE_KAFKA_SERVERS"),
    ({**_S3, **_CDN}, "MAQUETTE_CLOUDFRONT_KEYS"),
]
#: What only whoever needs it can tell: the command, and what it is started with.
UNUSABLE = [
    ("serve", {**_S3, "MAQUETTE_S3_KMS_KEY": "k"}, "MAQUETTE_S3_"),
    ("serve", {**_S3, "MAQUETTE_UPLOAD_BYTES_MAX": str(6 * 1024**3)}, "MAQUETTE_UPLOAD_BYTES_MAX"),
    ("serve", {**_S3, **_CDN, "MAQUETTE_CLOUDFRONT_KEYS": "K2=none.pem"}, "MAQUETTE_CLOUDFRONT_KEYS"),
    ("serve", {**_S3, "AWS_ACCESS_KEY_ID": ""}, "MAQUETTE_OBJECTS"),
    ("maintain", {"MAQUETTE_SQS_SERVICES": "studio"}, "MAQUETTE_SQS_SERVICES"),
    ("worker --role generation", {"MAQUETTE_SQS_SERVICES": "studio/rig"}, "MAQUETTE_SQS_SERVICES"),
    ("worker --role generation", {"MAQUETTE_SQS_SERVICES": "studio/refine"}, "MAQUETTE_SQS_SERVICES"),
    ("maintain", {"MAQUETTE_EVENTBRIDGE_BUS": "bus"}, "MAQUETTE_EVENTBRIDGE_"),
    (
        "maintain",
        {**_KAFKA, "MAQUETTE_KAFKA_SECURITY": "ssl", "MAQUETTE_KAFKA_CA_FILE": "none.pem"},
        "MAQUETTE_KAFKA_",
    ),
    ("maintain", {"MAQUETTE_METRICS_LISTEN": "TAKEN"}, "MAQUETTE_METRICS_LISTEN"),
    ("serve", {"MAQUETTE_PORT": "TAKEN"}, "MAQUETTE_PORT"),
]


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that sets nothing, with Amazon credentials and no region."""
    for variable in list(os.environ):
        if variable.startswith(("MAQUETTE_", "AWS_")):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    for variable, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "none"),
        ("AWS_SHARED_CREDENTIALS_FILE", "none"),
    ):
        monkeypatch.setenv(variable, value)
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def _ended(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must not start; return the one line that it says, besides its log."""
    with pytest.raises(SystemExit) as left:
        run(command.split())
    said = capsys.readouterr().err
    assert left.value.code == 2, said
    assert "Traceback" not in said
    [line] = [line for line in said.splitlines() if line.startswith("✖")]
    return line


@pytest.mark.parametrize(("variables", "named"), CONTRADICTIONS)
def test_a_contradiction_is_told_by_every_command(
    variables: dict[str, str],
    named: str,
    clean: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line with the variable, exit status 2; and no password."""
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    line = _ended("settings", capsys)
    assert named in line
    assert "hunter2" not in line


@pytest.mark.parametrize(("name", "other"), _NEEDS)
def test_what_does_nothing_alone_is_told(name: str, other: str, tmp_path: Path) -> None:
    """A setting without the one that it belongs to is an error that names both."""
    addresses = {"database_url": "postgresql://h/d", "moderator_url": "https://m", "objects": "s3://bucket"}
    addresses |= {"otlp_endpoint": "https://o", "cdn_base_url": "https://c", "kafka_servers": "k:9092"}
    addresses |= {"oidc_issuers": "https://login.example=maquette"}
    present = {name} | {item for first, item in _NEEDS if first == name and item != other}
    if other in {"kafka_key_file", "kafka_certificate_file"}:
        present |= {"kafka_servers"}
    values = {f"MAQUETTE_{item.upper()}": _VALUES.get(item) or addresses.get(item, "x") for item in present}
    with pytest.raises(SettingsError) as caught:
        load(values, tmp_path)
    assert str(caught.value).startswith(
        f"MAQUETTE_{name.upper()} is set, but MAQUETTE_{other.upper()} is not"
    )


@pytest.mark.parametrize(("command", "variables", "named"), UNUSABLE)
def test_what_cannot_be_used_is_told_at_the_start(
    command: str,
    variables: dict[str, str],
    named: str,
    clean: Path,
    taken: int,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is served: one line with the variable, exit status 2."""
    monkeypatch.setenv("MAQUETTE_DATABASE_URL", database_url)
    for variable, value in variables.items():
        place = f"127.0.0.1:{taken}" if variable == "MAQUETTE_METRICS_LISTEN" else str(taken)
        monkeypatch.setenv(variable, value.replace("TAKEN", place))
    assert named in _ended(command, capsys)
