"""The floor that `make bench` divides by is the product's own: the same statements, no more and no fewer."""

from collections import Counter
from typing import Any

import budget
import counting
import pytest
from benchmarks import floor

_ACTS = ("claim", *["complete and claim"] * 6, "last step")


async def test_the_bare_statements_are_those_that_a_batch_sends(
    cost_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch of the floor sends, by name and number, what the budget says of the same act."""
    apply = floor._apply
    found: dict[str, list[Counter[str]]] = {}

    async def watched(connection: Any, service: str, batch: Any) -> None:
        with counting.watched() as act:
            await apply(connection, service, batch)
        found.setdefault(service, []).append(act.statements)

    monkeypatch.setattr(floor, "_apply", watched)
    counting.install(monkeypatch)
    await floor.measure(cost_database_url, jobs_count=floor.CONNECTIONS, batch=1)
    statements = budget.read()["statements"]
    planned = [Counter({name: alone for name, (alone, _) in statements[act].items()}) for act in _ACTS]
    assert len(found) == floor.CONNECTIONS
    for lane in found.values():
        assert [one - other for one, other in zip(lane, planned, strict=True)] == [Counter()] * len(_ACTS)
        assert [other - one for one, other in zip(lane, planned, strict=True)] == [Counter()] * len(_ACTS)
