"""A played SQS for the tests of a process, and an installation whose studio hears of its tasks from there."""

import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from house import furnish
from told_by_sqs import Told

from maquette.adapters.queue_sqs import SqsQueue
from maquette.bootstrap import open_deps
from maquette.settings import Settings
from maquette.worker.source_sqs import sqs_client


@pytest.fixture(scope="session")
def sqs_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def client(sqs_url: str, credentials: None) -> AsyncIterator[Any]:
    async with sqs_client(endpoint=sqs_url, region="eu-central-1") as made:
        yield made


@pytest.fixture
async def told(tmp_path: Path, database_url: str, sqs_url: str, client: Any) -> AsyncIterator[Told]:
    listening = socket.create_server(("127.0.0.1", 0))
    settings = Settings(
        data_dir=tmp_path,
        public_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    async with open_deps(settings) as deps:
        house = await furnish(deps)
        await house.gates()
        yield Told(house, client, SqsQueue(client, prefix), prefix, sqs_url, settings, listening)
    listening.close()
