"""What a crowd needs that other areas do not."""

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
