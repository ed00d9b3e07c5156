"""Settings of the queue outside that tells workers of tasks."""

from dataclasses import dataclass

from maquette.settings_checks import address, between, parse_services, parsed
from maquette.settings_field import setting


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """Amazon SQS. Off until services are named: workers ask the API."""

    sqs_services: str = setting(
        "",
        "Services whose workers hear of tasks through Amazon SQS, separated by commas; empty: workers ask the API. "
        "Credentials come by AWS's own chain. Needs the extra `maquette[aws]`.",
        check=parsed(parse_services, "names of services, separated by commas"),
    )
    sqs_prefix: str = setting("maquette-", "What the names of queues begin with; the service follows.")
    sqs_region: str = setting("", "Region of the queues; empty: as AWS's own configuration says.")
    sqs_endpoint_url: str = setting(
        "", "Address of SQS, where it is not Amazon's own.", check=address("http", "https")
    )
    sqs_ahead: int = setting(
        100,
        "Tasks of a service that its queue is told of ahead: for all but these the line's order holds.",
        check=between(1, 10_000),
    )
