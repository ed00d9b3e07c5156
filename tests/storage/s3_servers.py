"""Servers that speak S3, on loopback: Swift, which checks what it is sent, and moto, which believes it."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from maquette.adapters.s3_place import S3Place, parse_place
from maquette.adapters.sigv4 import Credentials, presign

REGION = "us-east-1"
BUCKET = "maquette"
HERE = Path(__file__).parent
CREDENTIALS = Credentials("test:tester", "testing")


@dataclass(frozen=True)
class S3Server:
    """One server with one bucket."""

    name: str
    url: str

    def place(self, prefix: str, **more: str) -> S3Place:
        """Return a place in the bucket that nobody else uses."""
        return parse_place(f"s3://{BUCKET}/{prefix}", endpoint=self.url, region=REGION, **more)


@contextlib.contextmanager
def s3_server(name: str) -> Iterator[S3Server]:
    """Run ``swift`` or ``moto`` with an empty bucket; half a second and 80 MB for Swift."""
    folder = tempfile.mkdtemp(prefix=f"{name}-")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / f"{name}_server.py"), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        server = S3Server(name, json.loads(process.stdout.readline())["url"])
        _make_bucket(server)
        yield server
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _make_bucket(server: S3Server) -> None:
    url = presign(
        "PUT",
        f"{server.url}/{BUCKET}",
        headers={},
        query={},
        credentials=CREDENTIALS,
        region=REGION,
        at=time.time(),
        seconds=60,
    )
    with urlopen(Request(url, method="PUT"), timeout=10) as answer:
        assert answer.status == 200
