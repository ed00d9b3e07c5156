"""Where events are published to, as the settings say. A library that only one sink needs is imported for that one."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from maquette.adapters.bus_traced import TracedBus
from maquette.adapters.bus_webhook import WebhookBus
from maquette.ports import EventBus
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.settings import Settings, SettingsError

#: librdkafka names its own properties where a file cannot be used.
_FILES: Mapping[str, str] = {
    "ssl.ca.location": "MAQUETTE_KAFKA_CA_FILE",
    "ssl.certificate.location": "MAQUETTE_KAFKA_CERTIFICATE_FILE",
    "ssl.key.location": "MAQUETTE_KAFKA_KEY_FILE",
}


@contextlib.asynccontextmanager
async def open_sinks(
    settings: Settings, deps: Deps, queued: Callable[[], None]
) -> AsyncIterator[list[EventBus]]:
    """Open the sinks, and close them in the end.

    ``queued`` is called when there is something to deliver to webhooks. ``SettingsError`` for what a sink cannot use.
    """
    async with contextlib.AsyncExitStack() as closing:
        sinks: list[EventBus] = [WebhookBus(deps.database, new_id, queued)]
        if settings.kafka_servers:
            sinks.append(_kafka(settings, closing))
        if settings.eventbridge_bus:
            sinks.append(await closing.enter_async_context(open_eventbridge(settings)))
        # The first one, which every installation has, records the traces of jobs as well.
        yield [
            TracedBus(sink, deps.database, deps.tracer, jobs=number == 0) for number, sink in enumerate(sinks)
        ]


def kafka_configuration(settings: Settings) -> Mapping[str, Any]:
    """Return what librdkafka calls the settings (its CONFIGURATION.md)."""
    signs_in = settings.kafka_security.startswith("sasl_")
    values = {
        "bootstrap.servers": settings.kafka_servers,
        "security.protocol": settings.kafka_security,
        "sasl.mechanism": settings.kafka_sasl_mechanism if signs_in else "",
        "sasl.username": settings.kafka_username if signs_in else "",
        "sasl.password": settings.kafka_password if signs_in else "",
        "ssl.ca.location": settings.kafka_ca_file,
        "ssl.certificate.location": settings.kafka_certificate_file,
        "ssl.key.location": settings.kafka_key_file,
        "compression.type": settings.kafka_compression,
    }
    return {name: value for name, value in values.items() if value}


def _kafka(settings: Settings, closing: contextlib.AsyncExitStack) -> EventBus:
    configuration = kafka_configuration(settings)
    try:
        from confluent_kafka import KafkaException

        from maquette.adapters.bus_kafka import KafkaBus
    except ImportError:
        raise missing_extra("MAQUETTE_KAFKA_SERVERS", "kafka") from None
    try:
        bus = KafkaBus(configuration, settings.kafka_topic, bytes_max=settings.kafka_message_bytes_max)
    except KafkaException as error:
        told = str(error.args[0].str())
        for theirs, ours in _FILES.items():
            told = told.replace(theirs, ours)
        raise SettingsError(f"MAQUETTE_KAFKA_*: {told}.") from None
    closing.push_async_callback(bus.close)
    return bus


@contextlib.asynccontextmanager
async def open_eventbridge(settings: Settings) -> AsyncIterator[EventBus]:
    """Open the bus of the settings; ``SettingsError`` for what Amazon's library cannot use."""
    try:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import AioSession
        from botocore.exceptions import BotoCoreError

        from maquette.adapters.bus_eventbridge import EventBridgeBus
    except ImportError:
        raise missing_extra("MAQUETTE_EVENTBRIDGE_BUS", "aws") from None
    opening = AioSession().create_client(
        "events",
        region_name=settings.eventbridge_region or None,
        endpoint_url=settings.eventbridge_endpoint_url or None,
        # Few tries: the courier comes again by itself, at a pace of its own.
        config=AioConfig(
            connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}
        ),
    )
    async with contextlib.AsyncExitStack() as closing:
        try:
            client = await closing.enter_async_context(opening)
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(f"MAQUETTE_EVENTBRIDGE_*: {error}") from None
        yield EventBridgeBus(client, settings.eventbridge_bus, source=settings.eventbridge_source)


def missing_extra(variable: str, extra: str) -> SettingsError:
    """Return what to tell who set a variable without what it needs."""
    return SettingsError(
        f"{variable} is set, but what it needs is not installed: pip install 'maquette[{extra}]'."
    )
