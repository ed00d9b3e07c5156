"""Settings of the queues outside that tell workers of tasks."""

import re
from dataclasses import dataclass

from maquette.domain.pipeline import STEP_NAMES
from maquette.ports import Line
from maquette.settings.checks import address, between, parsed
from maquette.settings.field import setting

_SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def parse_lines(value: str) -> tuple[Line, ...]:
    """Return the queues in a list such as ``comfyui,studio/retopo+rig``; ``ValueError`` for what names none."""
    lines = tuple(_line(part.strip()) for part in value.split(",") if part.strip())
    told = [(line.service, step) for line in lines for step in line.steps]
    if len(set(told)) != len(told):
        raise ValueError("a step stands in two queues")
    return lines


def _line(text: str) -> Line:
    service, _, named = text.partition("/")
    steps = tuple(named.split("+")) if named else STEP_NAMES
    if not _SERVICE.fullmatch(service) or not set(steps) <= set(STEP_NAMES):
        raise ValueError(f"{text!r} is no service, nor a service with steps")
    return Line(f"{service}-{steps[0]}" if named else service, service, steps)


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """Amazon SQS. Off until services are named: workers ask the API."""

    sqs_services: str = setting(
        "",
        "Services whose workers hear of tasks through Amazon SQS, separated by commas; where a service's workers divide the "
        "steps among them, `SERVICE/STEP+STEP` for each kind. Empty: workers ask the API. Credentials come by AWS's own "
        "chain. Needs the extra `maquette[aws]`.",
        check=parsed(parse_lines, "services such as comfyui,studio/retopo+rig"),
    )
    sqs_prefix: str = setting(
        "maquette-", "What the names of queues begin with; the service follows, and the first of its steps."
    )
    sqs_region: str = setting("", "Region of the queues; empty: as AWS's own configuration says.")
    sqs_endpoint_url: str = setting(
        "", "Address of SQS, where it is not Amazon's own.", check=address("http", "https")
    )
    sqs_ahead: int = setting(
        100,
        "Tasks that a queue is told of ahead: for all but these the line's order holds.",
        check=between(1, 10_000),
    )
