"""People's words on equal contents are written in one order, whatever order the jobs came in."""

import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest

from maquette.domain.decision import Decision
from maquette.domain.ruling import Override
from maquette.services import facts
from maquette.store.database import Connection


def _said(project: uuid.UUID, digest: bytes, by: str) -> Decision:
    word = Override(uuid.uuid4(), uuid.uuid4(), project, "allow", "seen", by, digest=digest)
    return cast(Decision, SimpleNamespace(ruling=None, override=word, unjudged=None, reach=None))


async def test_two_batches_about_the_same_contents_take_their_rows_in_one_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One had the row of x and waited for that of y, the other the other way round; the last word on each still wins."""
    project, written = uuid.UUID(int=7), []

    async def write(_connection: Connection, item: Override) -> None:
        written.append((item.digest, item.by))

    monkeypatch.setattr(facts.safety, "insert_override", write)
    nobody = cast(Any, None)
    await facts._safety(
        nobody, [_said(project, b"y", "a"), _said(project, b"x", "b"), _said(project, b"y", "c")]
    )
    assert written == [(b"x", "b"), (b"y", "a"), (b"y", "c")]
