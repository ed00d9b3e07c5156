"""What months of work do to speed: steps and submissions beside an empty database, lists to their thousandth page, claims."""

import asyncio
import statistics
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg

from benchmarks import filling
from benchmarks.installation import Installation
from benchmarks.people import prepare_projects, session_of, submit
from benchmarks.report import Row, against, limited, plain
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.server import settle
from benchmarks.way import Way, run_steps
from benchmarks.work import SERVICE
from maquette.domain import typeid
from maquette.wire import Claim
from maquette.worker.client import Client

TITLE = "Growth: after many finished jobs, with many waiting tasks"
_PROJECTS = 10_000
_KEEPS_AT_LEAST = 0.9
_PAGE, _DEEP = 50, 1000
#: A page that nothing matches reads as much as there is, or an index: this bound tells the two apart.
_NOTHING_MS_MAX = 50.0
_TIMES = 9


@dataclass(frozen=True, slots=True)
class _List:
    """One list, asked as a member of the project; ``rows`` finds what it shows, for the cursor of a page far down."""

    name: str
    path: str
    prefix: str
    rows: str
    empty: bool = False


_LISTS = (
    _List("jobs", "/jobs?project_id={0}", "job", "jobs where project_id = $1"),
    _List(
        "jobs that succeeded",
        "/jobs?project_id={0}&status=succeeded",
        "job",
        "jobs where project_id = $1 and status = 'succeeded'",
    ),
    _List(
        "jobs that failed",
        "/jobs?project_id={0}&status=failed",
        "job",
        "jobs where project_id = $1 and status = 'failed'",
    ),
    _List("jobs, none is paused", "/jobs?project_id={0}&status=paused", "job", "", empty=True),
    _List("jobs, none is 2D", "/jobs?project_id={0}&asset_type=2D", "job", "", empty=True),
    _List("assets", "/projects/{0}/assets?", "ast", "assets where project_id = $1"),
    _List("assets by a word of all", "/projects/{0}/assets?q=rusty", "ast", "assets where project_id = $1"),
    _List("assets by a word of none", "/projects/{0}/assets?q=zeppelin", "ast", "", empty=True),
    _List("assets, none is 2D", "/projects/{0}/assets?type=2D", "ast", "", empty=True),
    _List("assets in a folder of none", "/projects/{0}/assets?path=vehicles", "ast", "", empty=True),
    _List("dead letters", "/dead-letters?project_id={0}", "dlq", "dead_letters where project_id = $1"),
)


def measured(run: Run) -> list[Row]:
    """Take turns between an empty installation and one that grows; then look at its lists, then at its queue."""
    sizes = (100_000, 1_000_000) if run.scale == "long" else run.sized((100_000,), (400,))
    rows: list[Row] = []
    with _house(run, "empty") as empty, _house(run, "grown") as grown:
        project = asyncio.run(filling.prepare(grown, run.sized(_PROJECTS, 20)))
        homes = {
            id(empty): asyncio.run(prepare_projects(empty)),
            id(grown): asyncio.run(prepare_projects(grown)),
        }
        before = 0
        for size in sizes:
            begun = time.perf_counter()
            asyncio.run(filling.finished(grown, size - before))
            before = size
            rows.append(plain(f"filling to {size:,} finished jobs", "s", time.perf_counter() - begun))
            rows += _rates(run, empty, grown, homes, size)
            rows += asyncio.run(_lists(grown, project, size))
        with empty.asleep():
            asyncio.run(filling.waiting(grown, project, sizes[-1]))
            rows += asyncio.run(_queue(run, grown, sizes[-1]))
    return rows


def _house(run: Run, name: str) -> Installation:
    folder = Path(run.folder, name)
    folder.mkdir()
    return Installation(folder, profile=run.profile)


def _rates(
    run: Run, empty: Installation, grown: Installation, homes: dict[int, list[str]], size: int
) -> list[Row]:
    way = Way("growth", 2, 1, 100, run.sized(600, 20))
    clients = run.sized(64, 8)

    def one(house: Installation, other: Installation) -> tuple[float, float, float]:
        with other.asleep():
            asyncio.run(settle(house.settings.database_url))
            posted = asyncio.run(submit(house, homes[id(house)], way.jobs, clients=clients))
            return asyncio.run(run_steps(house, way)).rate, posted.rate, posted.latencies.p50

    found = interleaved(
        run.sized(5, 1), {"empty": lambda: one(empty, grown), "grown": lambda: one(grown, empty)}
    )
    (steps, posts, p50), (steps0, posts0, p500) = (
        zip(*found[who], strict=True) for who in ("grown", "empty")
    )
    with_jobs = f"with {size:,} finished jobs"
    return [
        against(f"durable steps, {with_jobs}", "steps/s", steps, {"empty": steps0}, at_least=_KEEPS_AT_LEAST),
        against(f"POST /jobs, {with_jobs}", "jobs/s", posts, {"empty": posts0}, at_least=_KEEPS_AT_LEAST),
        plain(f"POST /jobs, p50, {with_jobs}", "ms", p50),
        plain("POST /jobs, p50, empty", "ms", p500),
    ]


async def _lists(house: Installation, project: str, size: int) -> list[Row]:
    rows = []
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        async with session_of(house) as operator:
            key = await _member(operator, project)
            session = aiohttp.ClientSession(house.settings.url, headers={"Authorization": f"Bearer {key}"})
            async with session:
                for item in _LISTS:
                    rows += await _pages(session, connection, item, project, size)
    finally:
        await connection.close()
    return rows


async def _pages(
    session: aiohttp.ClientSession, connection: asyncpg.Connection, item: _List, project: str, size: int
) -> list[Row]:
    path = f"{item.path.format(project)}&limit={_PAGE}"
    first = await _milliseconds(session, path)
    name = f"{item.name}, of {size:,}"
    if item.empty:
        return [limited(f"{name}: the page without any", "ms", first, at_most=_NOTHING_MS_MAX)]
    skip, last = await _far(connection, item, project)
    if not skip:
        return [plain(f"{name}: first page", "ms", first)]
    deep = await _milliseconds(session, f"{path}&cursor={last}")
    return [
        plain(f"{name}: first page", "ms", first),
        limited(f"{name}: page {skip // _PAGE + 1:,} over the first", "times", deep / first, at_most=1.5),
    ]


async def _far(connection: asyncpg.Connection, item: _List, project: str) -> tuple[int, str]:
    """Return how many rows are before the thousandth page, or the last one that is full, and its cursor."""
    own = typeid.decode("prj", project)
    there = await connection.fetchval(f"select count(*) from {item.rows}", own)
    skip = min(_DEEP - 1, there // _PAGE - 1) * _PAGE
    if skip <= 0:
        return 0, ""
    order = "created_at desc, id desc" if item.prefix == "dlq" else "id desc"
    last = await connection.fetchval(
        f"select id from {item.rows} order by {order} offset $2 limit 1", own, skip - 1
    )
    return skip, typeid.encode(item.prefix, last)


async def _member(session: aiohttp.ClientSession, project: str) -> str:
    """Make a key of one who belongs to the project: he reads behind the second wall."""
    body = {"name": f"reader {datetime.now(UTC):%H%M%S%f}", "role": "owner"}
    async with session.post(f"/projects/{project}/keys", json=body) as answer:
        answer.raise_for_status()
        return str((await answer.json())["key"])


async def _milliseconds(session: aiohttp.ClientSession, path: str) -> float:
    """Return the median of some requests, after one that warms up."""
    seconds = []
    for _ in range(_TIMES + 1):
        begun = time.perf_counter()
        async with session.get(path) as answer:
            await answer.read()
            answer.raise_for_status()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:]) * 1000


async def _queue(run: Run, house: Installation, size: int) -> list[Row]:
    """Claim one task at a time out of all that wait, and ask where the last one stands."""
    settings = house.settings
    seconds = []
    async with Client(settings.url, settings.worker_token) as client:
        for _ in range(run.sized(50, 3)):
            claim = Claim(
                claim_id=str(uuid.uuid4()),
                worker_epoch=str(uuid.uuid4()),
                worker="benchmark",
                services=[SERVICE],
            )
            begun = time.perf_counter()
            [_] = (await client.claim(claim)).tasks
            seconds.append(time.perf_counter() - begun)
    connection = await asyncpg.connect(settings.database_url)
    try:
        last = await connection.fetchval(
            "select job_id from ready order by service, step, priority desc, tag desc limit 1"
        )
    finally:
        await connection.close()
    async with session_of(house) as session:
        read = await _milliseconds(session, f"/jobs/{typeid.encode('job', last)}")
        page = await _milliseconds(session, "/jobs?status=queued&limit=50")
    return [
        plain(f"a claim of one, {size:,} tasks waiting", "ms", statistics.median(seconds) * 1000),
        plain(f"GET /jobs/{{id}} with its place in line, {size:,} tasks waiting", "ms", read),
        plain(f"a page of queued jobs of all projects, {size:,} tasks waiting", "ms", page),
    ]
