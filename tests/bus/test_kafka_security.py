"""What brokers hear of the settings of security, and who else hears of the secrets among them: nobody."""

from pathlib import Path

import pytest
from made import event
from secured_broker import Authority, secured_broker

from maquette.adapters.bus_kafka import KafkaBus
from maquette.services.ids import new_id
from maquette.settings import load
from maquette.wiring.sinks import kafka_configuration

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("mechanism", "claim"),
    [
        ("PLAIN", b"\0courier\0" + PASSWORD.encode()),
        ("SCRAM-SHA-256", b"n,,n=courier,r="),
        ("SCRAM-SHA-512", b"n,,n=courier,r="),
    ],
)
async def test_brokers_are_told_who_we_are_and_nobody_else_is(
    authority: Authority, mechanism: str, claim: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over TLS that both sides verify, user and password arrive as the mechanism has them; no error and no log has them."""
    certificate, key = authority.issue("maquette")
    caplog.set_level("DEBUG")
    with secured_broker(authority) as heard:
        variables = {
            "SERVERS": f"127.0.0.1:{heard.port}",
            "SECURITY": "sasl_ssl",
            "SASL_MECHANISM": mechanism,
            "USERNAME": "courier",
            "PASSWORD": PASSWORD,
            "CA_FILE": str(authority.file),
            "CERTIFICATE_FILE": str(certificate),
            "KEY_FILE": str(key),
        }
        settings = load({f"MAQUETTE_KAFKA_{name}": value for name, value in variables.items()}, tmp_path)
        bus = KafkaBus(kafka_configuration(settings), settings.kafka_topic, seconds_max=1.0)
        [answer] = await bus.publish([event(new_id(), 1)])
        await bus.close()
    assert (heard.certificates[0], heard.mechanisms[0]) == ("maquette", mechanism)
    assert heard.claims[0].startswith(claim)
    assert "nobody is let in here" in str(answer), "an operator is told what the broker said"
    assert PASSWORD not in f"{answer!r} {settings!r} {caplog.text}"


async def test_a_broker_that_nobody_vouches_for_hears_nothing(authority: Authority, tmp_path: Path) -> None:
    """A certificate of another authority ends it before anything is said."""
    (tmp_path / "others").mkdir()
    certificate, key = authority.issue("maquette")
    configuration = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "courier",
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(Authority(tmp_path / "others").file),
        "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(key),
    }
    with secured_broker(authority) as heard:
        bus = KafkaBus(
            {"bootstrap.servers": f"127.0.0.1:{heard.port}", **configuration}, "t", seconds_max=1.0
        )
        [answer] = await bus.publish([event(new_id(), 1)])
        await bus.close()
    assert "certificate" in str(answer).lower()
    assert heard.claims == []
