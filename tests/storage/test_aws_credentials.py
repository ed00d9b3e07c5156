"""Credentials of AWS's chain: renewed aside, waited for by nobody, and links that say when they end with them."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

from maquette.adapters.aws_credentials import AwsCredentials
from maquette.adapters.objects_s3 import S3Objects
from maquette.adapters.s3_place import parse_place
from maquette.domain.errors import Unavailable


class Source(RefreshableCredentials):
    """A chain that gives other credentials each time, or fails, or does not answer."""

    def __init__(self, seconds: float = 3600) -> None:
        self.asked = 0
        self.away = False
        self.answering = threading.Event()
        self.answering.set()
        self._expiry_time = datetime.now(UTC) + timedelta(seconds=seconds)

    def get_frozen_credentials(self) -> Any:
        self.answering.wait(20)
        if self.away:
            raise CredentialRetrievalError(provider="played", error_msg="away")
        self.asked += 1
        return SimpleNamespace(access_key=f"AKIA{self.asked}", secret_key="secret", token=None)


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_nobody_waits_for_a_source_that_does_not_answer() -> None:
    """A thread asks now and then, and who signs has what there is, however long the answer takes."""
    source = Source()
    credentials = AwsCredentials(source, renewal_seconds=0.01)
    until(lambda: credentials.get().access_key != "AKIA1")
    source.answering.clear()
    began = time.monotonic()
    assert credentials.get().access_key.startswith("AKIA")
    assert time.monotonic() - began < 5
    source.answering.set()


def test_credentials_that_ended_are_unavailable_until_there_are_others() -> None:
    """What has ended is not signed with; whoever asks has the thread try again at once."""
    source = Source(seconds=0)
    credentials = AwsCredentials(source)
    source.away = True
    with pytest.raises(Unavailable):
        credentials.get()
    source.away, source._expiry_time = False, datetime.now(UTC) + timedelta(hours=1)

    def renewed() -> bool:
        try:
            return credentials.get().access_key == f"AKIA{source.asked}"
        except Unavailable:
            return False

    until(renewed)


def test_links_end_with_temporary_credentials() -> None:
    """A link says the earlier of both ends, and carries the session's token."""
    now = datetime.now(UTC).timestamp()
    ends = datetime.fromtimestamp(now + 1200, UTC)
    found = RefreshableCredentials("AKIA", "secret", "the-token", ends, dict, "played", advisory_timeout=60)
    store = S3Objects(parse_place("s3://bucket"), AwsCredentials(found).get, now=lambda: now)
    short, long = (
        store.sign_get("k", media_type="image/png", filename="k.png", ttl_seconds=seconds)
        for seconds in (60, 3600)
    )
    assert short.expires_at < int(ends.timestamp()) == long.expires_at
    assert "X-Amz-Security-Token=the-token" in long.url
