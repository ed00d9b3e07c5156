"""Credentials of AWS's chain: renewed aside, never older than minutes, and links that say when they end with them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

from maquette.adapters.aws_credentials import AwsCredentials
from maquette.adapters.objects_s3 import S3Objects
from maquette.adapters.s3_place import parse_place
from maquette.domain.errors import Unavailable


class Source:
    """A chain that gives other credentials each time, or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def get_frozen_credentials(self) -> Any:
        if self.away:
            raise CredentialRetrievalError(provider="played", error_msg="away")
        self.asked += 1
        return SimpleNamespace(access_key=f"AKIA{self.asked}", secret_key="secret", token=None)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_they_are_renewed_aside_and_never_old() -> None:
    """After a minute a thread asks, and who signs has the old ones meanwhile; after five, signing waits."""
    source, clock = Source(), Clock()
    credentials = AwsCredentials(source, clock)
    assert [credentials.get().access_key for _ in range(3)] == ["AKIA1"] * 3
    clock.seconds = 61
    assert credentials.get().access_key == "AKIA1"
    assert credentials._renewal is not None
    credentials._renewal.result(5)
    assert credentials.get().access_key == "AKIA2"
    clock.seconds = 1000
    assert credentials.get().access_key == "AKIA3"
    assert source.asked == 3


def test_a_source_that_is_away_is_told_when_it_matters() -> None:
    """For five minutes what is there is good enough; then it is unavailable, and works again when the source does."""
    source, clock = Source(), Clock()
    credentials = AwsCredentials(source, clock)
    source.away, clock.seconds = True, 100
    assert credentials.get().access_key == "AKIA1"
    assert credentials._renewal is not None
    credentials._renewal.exception(5)
    assert credentials.get().access_key == "AKIA1"
    clock.seconds = 500
    with pytest.raises(Unavailable):
        credentials.get()
    source.away = False
    assert credentials.get().access_key == "AKIA2"


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
