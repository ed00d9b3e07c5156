"""Pages far down a list read as little as the first one: the plan goes to where they begin."""

import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from maquette.store.database import statements

LISTS = (
    "assets.page",
    "audit.page",
    "batches.page",
    "dead_letters.page",
    "deliveries.deliveries",
    "reading.all_jobs",
    "reading.jobs",
    "safety.page",
    "webhooks.page",
)
#: Where a page goes on: ``x.id < $3``, or ``(x.created_at, x.id) < ($2, $3)``.
_BELOW = re.compile(r"id\)? < (?:ROW)?\(?\$\d")
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off"}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@pytest.fixture
async def tenant(database_url: str) -> Any:
    """Return a connection that reads as tenants do, and plans with indexes though the tables are empty."""
    connection = await asyncpg.connect(database_url, server_settings=_SETTINGS)
    try:
        role = await connection.fetchval("select quote_ident(left(current_user, 56) || '_tenant')")
        await connection.execute(f"set role {role}")
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_begins_at_its_place_in_an_index(tenant: asyncpg.Connection, name: str) -> None:
    """Looked at row by row from the newest on, the thousandth page would read 50,000 rows.

    Behind a policy that happens to every condition that might tell something of a row, ``coalesce`` among them.
    """
    module, statement = name.split(".")
    sql = statements(module)[statement]
    assert _BELOW.search(sql)
    unknown = ", ".join(["null"] * max(int(number) for number in re.findall(r"\$(\d)", sql)))
    await tenant.execute(f"prepare page as {sql}")
    [plan] = json.loads(await tenant.fetchval(f"explain (format json) execute page({unknown})"))
    nodes = list(_nodes(plan["Plan"]))
    assert [node for node in nodes if _BELOW.search(node.get("Index Cond", ""))]
    assert not [node["Filter"] for node in nodes if _BELOW.search(node.get("Filter", ""))]
