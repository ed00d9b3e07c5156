"""moto as a server on loopback: EventBridge with a rule that delivers to an SQS queue, so that a test reads what arrived.

It takes nothing for wrong that Amazon refuses; answers that only Amazon gives are played at the client.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
#: moto believes anybody, but botocore signs for nobody.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


@contextmanager
def aws_server() -> Iterator[str]:
    """Run it; yields its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _client(url: str, service: str) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def make_bus(url: str, name: str) -> str:
    """Make a bus whose entries of Maquette go to a queue of the same name; return the queue's address."""
    events, queues = _client(url, "events"), _client(url, "sqs")
    events.create_event_bus(Name=name)
    address = str(queues.create_queue(QueueName=name)["QueueUrl"])
    arn = queues.get_queue_attributes(QueueUrl=address, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["maquette"]})
    events.put_rule(Name="everything", EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule="everything", EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    return address


def received(url: str, queue: str) -> list[dict[str, Any]]:
    """Take what EventBridge delivered, in its order: the envelopes, with the event in ``detail``."""
    queues = _client(url, "sqs")
    found: list[dict[str, Any]] = []
    while True:
        answer = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=600)
        if not (batch := answer.get("Messages", [])):
            return found
        found += [json.loads(message["Body"]) for message in batch]


def sign_in() -> None:
    """Give this process and its children credentials by the chain that the adapter uses."""
    os.environ.update(CREDENTIALS)
