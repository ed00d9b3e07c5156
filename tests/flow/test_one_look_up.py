"""However many present a key at once, it is looked up once."""

import asyncio
from typing import Any

import pytest
from house import House

from maquette.domain.errors import Unauthenticated
from maquette.services.principals import Authenticator
from maquette.store import identity


async def test_a_key_is_looked_up_once_for_all_who_present_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty at once: one read; they are all refused, each with an error of the same kind, and asked for anew afterwards."""
    authenticator = Authenticator(house.deps.database, "a worker's token")
    reads: list[Any] = []
    credential = identity.credential

    async def counted(*given: Any) -> Any:
        reads.append(given)
        return await credential(*given)

    monkeypatch.setattr(identity, "credential", counted)
    nobody = "mq_01m837vjtge5kb1pfw2ehnc4z1_" + "x" * 43
    found = await asyncio.gather(
        *(authenticator.authenticate(nobody) for _ in range(50)), return_exceptions=True
    )
    assert len(reads) == 1
    assert all(isinstance(item, Unauthenticated) for item in found)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(nobody)
    assert len(reads) == 2, "nothing is remembered of who was refused"
