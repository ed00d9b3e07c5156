"""Signatures and secrets against the specification's own numbers."""

import base64
from uuid import UUID

import pytest

from maquette.domain import webhook
from maquette.domain.errors import Invalid


def test_the_published_vector() -> None:
    """The reference libraries of Standard Webhooks all test this one."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = webhook.sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_secrets_differ_by_key_owner_and_version() -> None:
    """Nothing of a secret is kept, and none can be made from another."""
    made = {
        webhook.secret(key, UUID(int=owner), version)
        for key in (b"one key", b"another")
        for owner in (1, 2)
        for version in (1, 2)
    }
    assert (len(made), {len(item) for item in made}) == (8, {32})
    assert webhook.secret(b"one key", UUID(int=1), 1) in made
    with pytest.raises(ValueError, match="MAQUETTE_WEBHOOK_KEY"):
        webhook.secret(b"", UUID(int=1), 1)


def test_filters_name_events() -> None:
    """What is no event is refused by its place; repetitions are dropped."""
    assert webhook.check_events(["JobFailed", "JobFailed"]) == ["JobFailed"]
    with pytest.raises(Invalid) as refused:
        webhook.check_events(["JobFailed", "JobExploded"])
    assert refused.value.details[0].loc == ("events", 1)
