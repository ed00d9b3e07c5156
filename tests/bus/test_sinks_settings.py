"""What the settings of sinks become, and one clear error for what cannot be."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from maquette.settings import Settings, SettingsError
from maquette.wiring.sinks import kafka_configuration, open_sinks

_DEPS: Any = SimpleNamespace(database=None, tracer=None)


def test_kafka_is_told_what_is_set_alone() -> None:
    """Plain brokers have no security to speak of; a signed-in user has all of it."""
    assert kafka_configuration(Settings(kafka_servers="k:9092")) == {
        "bootstrap.servers": "k:9092",
        "security.protocol": "plaintext",
        "compression.type": "lz4",
    }
    signed_in = Settings(
        kafka_servers="k:9093", kafka_security="sasl_ssl", kafka_username="u", kafka_password="hunter2"
    )
    told = kafka_configuration(signed_in)
    assert (told["sasl.mechanism"], told["sasl.username"], told["sasl.password"]) == (
        "SCRAM-SHA-512",
        "u",
        "hunter2",
    )


async def test_a_file_that_kafka_cannot_use_is_named() -> None:
    """Before anything is published, with the setting; what contradicts itself is found when settings are read."""
    settings = Settings(kafka_servers="k:9093", kafka_security="ssl", kafka_ca_file="/nowhere.pem")
    with pytest.raises(SettingsError, match="MAQUETTE_KAFKA_CA_FILE"):
        async with open_sinks(settings, _DEPS, lambda: None):
            pass


@pytest.mark.parametrize(
    ("values", "library", "extra"),
    [
        ({"kafka_servers": "k:9092"}, "confluent_kafka", r"maquette\[kafka\]"),
        ({"eventbridge_bus": "b"}, "aiobotocore.session", r"maquette\[aws\]"),
    ],
)
async def test_a_missing_extra_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], library: str, extra: str
) -> None:
    """It names what to install."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SettingsError, match=extra):
        async with open_sinks(Settings(**values), _DEPS, lambda: None):
            pass
