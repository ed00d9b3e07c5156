"""Apache Kafka itself: one broker from its published jars, on a JVM, where Maven and a JVM are at hand. For `make test-real`.

``python tests/scale/real_kafka.py COMMAND…`` runs a command with ``MAQUETTE_TEST_KAFKA`` set to the broker's address.
"""

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.9.1"
#: Where the jars stay between runs: 46 MB.
JARS = Path(".cache") / f"kafka-{VERSION}"
_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>maquette</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log
num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def missing() -> str | None:
    """Return what a broker cannot run without here, or None."""
    found = [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"no {' and no '.join(found)}" if found else None


def _jars() -> Path:
    done = JARS / ".complete"
    if not done.exists():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "pom.xml").write_text(_POM.format(version=VERSION))
            goal = [
                "dependency:copy-dependencies",
                f"-DoutputDirectory={JARS.absolute()}",
                "-DincludeScope=runtime",
            ]
            subprocess.run(["mvn", "-q", "-B", *goal], cwd=folder, check=True, timeout=900)
        done.touch()
    return JARS.absolute()


def _ports() -> tuple[int, int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        first, second = (int(probe.getsockname()[1]) for probe in probes)
        return first, second


@contextlib.contextmanager
def kafka_broker() -> Iterator[str]:
    """Run a broker; yields its address. ``RuntimeError`` when it does not come up."""
    jars, (port, controller) = _jars(), _ports()
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        properties = Path(folder) / "server.properties"
        properties.write_text(_PROPERTIES.format(port=port, controller=controller, folder=folder))
        java = ["java", "-Xmx512m", "-cp", f"{jars}/*"]
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", name, "-c", str(properties)],
            check=True,
            capture_output=True,
            timeout=120,
        )
        broker = subprocess.Popen(
            [*java, "kafka.Kafka", str(properties)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await(port, broker)
            yield f"127.0.0.1:{port}"
        finally:
            broker.terminate()
            broker.wait(60)


def _await(port: int, broker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and broker.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise RuntimeError("Kafka did not come up within a minute.")


def main() -> int:
    """Run the command beside a broker; without what it takes, say so and do not run it."""
    if (lacking := missing()) is not None:
        sys.stdout.write(f"skipped: tests on Apache Kafka itself ({lacking} on this machine)\n")
        return 0
    with kafka_broker() as address:
        return subprocess.run(
            sys.argv[1:], env=os.environ | {"MAQUETTE_TEST_KAFKA": address}, check=False
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
