"""Settings of the sinks that events are published to besides webhooks."""

from dataclasses import dataclass
from typing import Literal

from maquette.settings.checks import address, between, parse_listen, parsed
from maquette.settings.field import setting


def parse_brokers(value: str) -> list[tuple[str, int]]:
    """Return host and port of each broker; ``ValueError`` for what is none."""
    return [parse_listen(part.strip()) for part in value.split(",")]


@dataclass(frozen=True, kw_only=True)
class SinkSettings:
    """Apache Kafka and Amazon EventBridge. Both are off until they are named."""

    kafka_servers: str = setting(
        "",
        "Kafka brokers that events are published to, `HOST:PORT`, separated by commas; empty: none. Needs the extra "
        "`maquette[kafka]`.",
        check=parsed(parse_brokers, "such as kafka-1.example.com:9092,kafka-2.example.com:9092"),
    )
    kafka_topic: str = setting("maquette.events", "Topic of the events; it must exist, or brokers make it.")
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = setting(
        "plaintext", "How brokers are spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = setting(
        "SCRAM-SHA-512", "How the user proves who it is, with `sasl_plaintext` and `sasl_ssl`."
    )
    kafka_username: str = setting("", "User at the brokers.")
    kafka_password: str = setting("", "Password of that user.", secret=True)
    kafka_ca_file: str = setting(
        "", "Certificates (PEM) of those who signed the brokers' own; empty: the system's."
    )
    kafka_certificate_file: str = setting("", "Our certificate (PEM), where brokers ask for one.")
    kafka_key_file: str = setting("", "Key (PEM, without a passphrase) of our certificate.")
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = setting(
        "lz4", "How batches of messages are compressed."
    )
    kafka_message_bytes_max: int = setting(
        1_000_000,
        "Largest message; not above the topic's `max.message.bytes`. Larger events go without their contents, with a "
        "reference to them.",
        check=between(10_000, 100_000_000),
    )
    eventbridge_bus: str = setting(
        "",
        "Name or ARN of the Amazon EventBridge bus that events are published to; empty: none. Credentials come by AWS's "
        "own chain. Needs the extra `maquette[aws]`.",
    )
    eventbridge_source: str = setting("maquette", "`source` of the entries there, for rules to match.")
    eventbridge_region: str = setting("", "Region of the bus; empty: as AWS's own configuration says.")
    eventbridge_endpoint_url: str = setting(
        "", "Address of EventBridge, where it is not Amazon's own.", check=address("http", "https")
    )
