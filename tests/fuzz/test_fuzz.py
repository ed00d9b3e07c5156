"""Whatever a client that has read the document may send, or may not: answers are as documented, none is a 5xx."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from choice import EVERYTHING, SEED
from fuzzing import Served, cut_streams, fuzz, operations, serve
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

#: Requests made up for each operation: one took 40 ms of CPU, nearly all of it in making it up.
EXAMPLES = int(os.environ.get("MAQUETTE_FUZZ_EXAMPLES", "2000" if EVERYTHING else "6"))
#: Operations by name, to look at some again.
ONLY = set(filter(None, os.environ.get("MAQUETTE_FUZZ_ONLY", "").split(",")))


@pytest.mark.timeout(0 if EXAMPLES > 20 else 300)
def test_no_operation_breaks_its_word(served: Served) -> None:
    """As operator, user and worker: no 5xx, documented statuses, types, headers and shapes, nothing wrong accepted."""
    failures, codes = [], set()
    wanted = [item for item in operations(served) if not ONLY or item.definition.raw["operationId"] in ONLY]
    for operation in wanted:
        tally = fuzz(served, operation, EXAMPLES, int(SEED))
        sys.stderr.write(f"{tally.line()}\n")
        failures += tally.failures.values()
        codes.update(tally.statuses)
    assert not failures, "\n".join(failures)
    assert ONLY or codes >= {200, 201, 204, 403, 404, 409, 422}, "the requests did not get far"


def planted(app: ASGIApp) -> ASGIApp:
    """Return the app with a defect: a 500 without a problem document, for a rare query of one list."""
    whole = cut_streams(app)

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if (
            scope["path"] == "/jobs"
            and scope["method"] == "GET"
            and b"status=" in query
            and b"batch_id=" in query
        ):
            await Response("Internal Server Error", 500, media_type="text/plain")(scope, receive, send)
        else:
            await whole(scope, receive, send)

    return answering


@pytest.fixture
def broken(database_url: str, tmp_path: Path) -> Iterator[Served]:
    """Give the real API with the defect in it."""
    with serve(database_url, tmp_path, planted) as served:
        yield served


def test_a_planted_defect_is_found(broken: Served) -> None:
    """The fuzzing can fail: a 500 for two filters at once is found, and told with the request that shows it."""
    [listing] = [item for item in operations(broken) if item.definition.raw["operationId"] == "list_jobs"]
    tally: Any = fuzz(broken, listing, 60, 1)
    assert tally.statuses[500] > 0
    [kinds] = [kinds for kinds in tally.failures if "ServerError 500" in kinds]
    assert "curl -X GET" in tally.failures[kinds]
