import dataclasses
from pathlib import Path

import pytest

from maquette.cli.settings_page import documented, markdown
from maquette.settings import Settings, SettingsError, environment, load

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_variable_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    """The variable wins over the file, the file over the default, and an empty variable counts as absent."""
    (tmp_path / "maquette.toml").write_text('port = 9000\nhost = "localhost"\nopen_jobs_max = 7\n')
    settings = load({"MAQUETTE_PORT": "9001", "MAQUETTE_HOST": ""}, tmp_path)
    assert (settings.port, settings.host, settings.open_jobs_max) == (9001, "localhost", 7)
    assert settings.url_ttl_seconds == Settings().url_ttl_seconds


def test_relative_paths_are_relative_to_where_they_are_written(tmp_path: Path) -> None:
    """A path in the file starts at the file, a path in a variable at the working directory."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "m.toml").write_text('data_dir = "state"\n')
    assert load({"MAQUETTE_CONFIG": "etc/m.toml"}, tmp_path).data_dir == tmp_path / "etc" / "state"
    assert load({"MAQUETTE_DATA_DIR": "state"}, tmp_path).data_dir == tmp_path / "state"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MAQUETTE_PORT", "eighty", "a whole number"),
        ("MAQUETTE_PORT", "65536", "from 0 to 65535"),
        ("MAQUETTE_PORT", "-1", "from 0 to 65535"),
        ("MAQUETTE_OUTBOUND_ALLOW", "http://inside", "host names, addresses and networks"),
        ("MAQUETTE_OUTBOUND_ALLOW", "10.0.0.1/8", "host names, addresses and networks"),
        ("MAQUETTE_HEARTBEAT_SECONDS", "nan", "a number"),
        ("MAQUETTE_HEARTBEAT_SECONDS", "0", "from 0.1"),
        ("MAQUETTE_LOG_FORMAT", "xml", "one of text, json"),
        ("MAQUETTE_LOG_LEVEL", "LOUD", "one of debug, info, warning, error"),
        ("MAQUETTE_URL", "localhost:8470", "http://"),
        ("MAQUETTE_DATABASE_URL", "mysql://u:hunter2@h/d", "postgresql://"),
        ("MAQUETTE_SIGNING_KEY", "short", "16"),
        ("MAQUETTE_ROOT_PATH", "prod/", "/prod"),
        ("MAQUETTE_LEASE_SECONDS", "6", "MAQUETTE_HEARTBEAT_SECONDS"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str, expected: str, tmp_path: Path) -> None:
    """One error, which names the variable and says what it should have been."""
    with pytest.raises(SettingsError, match=expected) as caught:
        load({variable: value}, tmp_path)
    assert variable in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "unknown key 'prot'. Did you mean 'port'"),
        ("port = true", "port in .*: expected a whole number"),
        ("port = 80.5", "port in .*: expected a whole number"),
        ("host = 5", "host in .*: expected a text"),
        ("host = ", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(text: str, expected: str, tmp_path: Path) -> None:
    """Errors in the file name the file and the key; a misspelt key is an error and not silence."""
    (tmp_path / "maquette.toml").write_text(text)
    with pytest.raises(SettingsError, match=expected) as caught:
        load({}, tmp_path)
    assert str(tmp_path / "maquette.toml") in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """MAQUETTE_CONFIG that points nowhere is an error; an absent maquette.toml is not."""
    with pytest.raises(SettingsError, match="MAQUETTE_CONFIG"):
        load({"MAQUETTE_CONFIG": "absent.toml"}, tmp_path)
    assert load({}, tmp_path).port == 8470


def test_secrets_show_nowhere(tmp_path: Path) -> None:
    """No secret is in a representation, nor in the error about its own value."""
    secrets = {info.variable: f"hunter2-{'x' * 16}" for info in documented() if info.secret}
    secrets |= {name: "postgresql://u:hunter2@h/d" for name in secrets if "DATABASE" in name}
    secrets |= {"MAQUETTE_OTLP_HEADERS": "x-api-key=hunter2"}
    assert len(secrets) >= 9
    belonging = {"MAQUETTE_MODERATOR_URL": "https://m", "MAQUETTE_OTLP_ENDPOINT": "https://o"}
    belonging |= {"MAQUETTE_KAFKA_SERVERS": "k:9092", "MAQUETTE_KAFKA_SECURITY": "sasl_ssl"}
    belonging |= {"MAQUETTE_KAFKA_USERNAME": "ada"}
    assert "hunter2" not in repr(load(secrets | belonging, tmp_path))
    with pytest.raises(SettingsError) as caught:
        load({"MAQUETTE_DATABASE_URL": "mysql://u:hunter2@h/d"}, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_children_get_equal_settings(tmp_path: Path) -> None:
    """The variables handed to a child process load to the very same value."""
    written = {
        "MAQUETTE_PORT": "0",
        "MAQUETTE_DATABASE_URL": "postgresql:///d?host=/run/pg",
        "MAQUETTE_LOG_LEVEL": "debug",
    }
    settings = load(written, tmp_path)
    (tmp_path / "maquette.toml").write_text('public_url = "https://m.example"')
    outer = {"MAQUETTE_ROOT_PATH": "/prod", "MAQUETTE_CONFIG": "other.toml", "HOME": "/home/me"}
    inner = environment(settings, outer)
    assert load(inner, tmp_path) == settings
    assert inner["HOME"] == "/home/me"


def test_local_address_can_be_called() -> None:
    """A wildcard or IPv6 host still gives an address that a process on this machine can call."""
    assert Settings(host="0.0.0.0").local_url == "http://127.0.0.1:8470"
    assert dataclasses.replace(Settings(), host="::").local_url == "http://[::1]:8470"
    assert Settings(public_url="https://m.example/").base_url == "https://m.example"


def test_the_page_lists_every_setting() -> None:
    """docs/settings.md is what `maquette settings --markdown` writes."""
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: maquette settings --markdown > docs/settings.md"
    )
