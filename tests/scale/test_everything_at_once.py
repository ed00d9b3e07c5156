"""The whole demo job with everything that may stand at the ports at scale: SQS, S3, Kafka, EventBridge and CloudFront at once.

Swift speaks S3 and checks signatures, moto plays SQS and EventBridge, librdkafka's mock cluster speaks Kafka's protocol. With
``MAQUETTE_TEST_KAFKA`` the broker there is used instead (`make test-real` starts Apache's own).
"""

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aws_server import REGION, _client, aws_server, make_bus, received
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from kafka_cluster import KafkaCluster, messages
from s3_servers import CREDENTIALS
from s3_servers import REGION as S3_REGION
from story import Api
from test_cloudfront import Edge
from up_process import Up, until

#: Swift answers 400 to who brings no signature at all.
_REFUSED = {400, 401, 403}
EDGE = "https://d111111abcdef8.cloudfront.net"


@dataclass
class World:
    """An installation over all of it, and where to look."""

    up: Up
    api: Api
    topic: str
    servers: str
    aws: str
    bus_queue: str
    edge: Edge
    swift: str
    prefix: str


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    if address := os.environ.get("MAQUETTE_TEST_KAFKA"):
        yield address
        return
    cluster = KafkaCluster()
    yield cluster.servers
    cluster.close()


@pytest.fixture(scope="module")
def world(swift: Any, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = Path(tempfile.mkdtemp(prefix="maquette-scale-"))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = home / "cloudfront.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    name = f"all-{uuid.uuid4().hex[:8]}"
    with aws_server() as aws:
        bus_queue = make_bus(aws, name)
        up = Up(
            home,
            objects=f"s3://maquette/{name}",
            s3_endpoint=swift.url,
            s3_region=S3_REGION,
            kafka_servers=kafka,
            kafka_topic=name,
            eventbridge_bus=name,
            eventbridge_region=REGION,
            eventbridge_endpoint_url=aws,
            sqs_services="studio/text_to_image+refine+image_to_3d,studio/retopo+rig+anim+export",
            sqs_prefix=f"{name}-",
            sqs_region=REGION,
            sqs_endpoint_url=aws,
            cdn_base_url=EDGE,
            cloudfront_keys=f"KALL={pem}",
        )
        up.environment |= {
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        up.start()
        api = Api(lambda: up.url, up.key, up.project_id)
        try:
            edge = Edge({"KALL": key.public_key()}, now=0.0)
            yield World(up, api, name, kafka, aws, bus_queue, edge, swift.url, f"{name}-")
            assert up.stop() == 0, up.log_tail()
        finally:
            api.close()
            up.stop()
            shutil.rmtree(home, ignore_errors=True)


def test_the_demo_job_runs_over_all_of_it(world: World) -> None:
    """From brief to indexed asset; then every file is behind signed links alone, and every event arrived at both buses."""
    api = world.api
    job = api.submit("3D", prompt="a rusty robot courier", library_path="characters/courier")
    done = api.finish(job["id"], 120.0)
    assert {step["service"] for step in done["steps"]} == {"studio"}
    asset = api.ok("GET", f"/assets/{done['asset_id']}")
    _assert_links(world, asset["files"])
    listener = api.listen(job["id"])
    api.assert_told(listener)
    told = listener.events
    wanted = [(item["source"], int(item["sequence"])) for item in told]
    assert [number for _, number in wanted] == list(range(1, len(wanted) + 1))
    until(lambda: set(wanted) <= set(_at_kafka(world)), "every event is at Kafka", 60.0)
    of_job = [item for item in dict.fromkeys(_at_kafka(world)) if item[0] == wanted[0][0]]
    assert of_job == wanted, "in order once what came twice is dropped"
    arrived: dict[tuple[str, int], Any] = {}

    def bridged() -> bool:
        for envelope in received(world.aws, world.bus_queue):
            detail = envelope["detail"]
            arrived[detail["source"], int(detail["sequence"])] = envelope["detail-type"]
        return set(wanted) <= set(arrived)

    until(bridged, "every event is at EventBridge", 60.0)
    until(
        lambda: _left(world) == {"studio-text_to_image": 0, "studio-retopo": 0},
        "no message is left of any task",
        30.0,
    )


def _assert_links(world: World, files: list[dict[str, Any]]) -> None:
    """The store's own links work as they are and no other way; CloudFront's verify by the public key."""
    assert {file["role"] for file in files} >= {"model", "texture", "clip", "preview"}
    for file in files:
        assert file["url"].startswith(world.swift)
        answer = httpx.get(file["url"], timeout=30.0)
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"], file["name"]
        assert file["cdn_url"].startswith(f"{EDGE}/projects/")
        ends = int(parse_qs(urlsplit(file["cdn_url"]).query)["Expires"][0])
        world.edge.now = ends - 1.0
        assert world.edge.admits(file["cdn_url"])
        world.edge.now = ends + 1.0
        assert not world.edge.admits(file["cdn_url"])
    first, second = files[0]["url"], files[1]["url"]
    plain = urlsplit(first)._replace(query="").geturl()
    swapped = urlsplit(first)._replace(path=urlsplit(second).path).geturl()
    for wrong in (plain, swapped, first.replace("Signature=", "Signature=0")):
        assert httpx.get(wrong).status_code in _REFUSED, wrong
    assert httpx.put(first, content=b"x").status_code in _REFUSED, "a link to read is none to write"


def _at_kafka(world: World) -> list[tuple[str, int]]:
    found = []
    for message in messages(world.servers, world.topic):
        headers = {
            name: value.decode() for name, value in message.headers() or [] if isinstance(value, bytes)
        }
        found.append((headers["ce_source"], int(headers["ce_sequence"])))
    return found


def _left(world: World) -> dict[str, int]:
    queues = _client(world.aws, "sqs")
    left = {}
    for name in ("studio-text_to_image", "studio-retopo"):
        url = queues.get_queue_url(QueueName=world.prefix + name)["QueueUrl"]
        told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        kinds = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        left[name] = sum(int(told[kind]) for kind in kinds)
    return left
