"""A fault after each write of each command, and after each call outside: what comes of it is what would have come without.

The commands are those of `domain/commands`: one without a scenario fails here. `make test` draws a few faults for each;
`MAQUETTE_FAULTS=all` brings every one: before, after and instead of the answer to each statement, COMMIT included.
"""

import json
import random
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from choice import EVERYTHING, SEED
from house import House, furnish
from knife import AT_COMMIT, Knife, hold_knife, insist, sharpen
from ledger import violations
from locks import Locks
from played import play
from scenarios import OPERATOR, SCENARIOS, Stage, converge

from maquette.bootstrap import open_deps
from maquette.domain import commands as c
from maquette.domain import typeid
from maquette.domain.errors import Unavailable
from maquette.domain.lifecycle import name
from maquette.services import quotas
from maquette.services.deps import Deps
from maquette.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODES = ("before", "after", "error")
FAULTS_IN_SMOKE = 2
#: Drawn from sequences, clocks and chance: they tell tellings apart that are otherwise equal.
_DRAWN = frozenset(
    {"fence", "lost_fence", "tag", "last_tag", "worker_epoch", "claim_id", "xid", "shard", "seed", "seeds"}
)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[a-z]{3,5}_[0-9a-z]{26}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:\d\d)?)?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BYTES = re.compile(r"^\\x([0-9a-f]*)$")


class Objects:
    """The object store, away once: the ``away_at``-th call does its work and nobody hears of it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.away_at, self.calls = 0, 0

    def __getattr__(self, called: str) -> Any:
        found = getattr(self._store, called)
        if called not in {"stat", "delete"}:
            return found

        async def call(*given: Any) -> Any:
            self.calls += 1
            answer = await found(*given)
            if self.calls == self.away_at:
                raise Unavailable("The store is away.")
            return answer

        return call


class Site:
    """One installation for all tellings."""

    def __init__(self, deps: Deps, knife: Knife, eye: asyncpg.Connection) -> None:
        self.eye = eye
        """A connection that looks on."""
        self.objects = Objects(deps.objects)
        self.deps = replace(deps, objects=self.objects)
        self.knife = knife
        self.statements = self.calls = 0
        """What the last act said to the database, and how often it called the store."""

    async def tell(self, command: type[c.Command], mode: str = "", depth: int = 0) -> dict[str, Any]:
        """Lead up to a command, hurt it once, see the job to its end; return every row there is of it then."""
        house = await furnish(self.deps)
        budget = {"limits": {"cost_per_month": 1000}}
        await quotas.put(self.deps, OPERATOR, typeid.decode("prj", house.project), budget)
        stage = Stage(house)
        self.knife.resting = True
        act = await SCENARIOS[command](stage)
        self.objects.calls, self.objects.away_at = 0, depth if mode == "away" else 0
        self.knife.mode, self.knife.depth = mode, 0 if mode == "away" else depth
        self.knife.longest, self.knife.resting = 0, False
        await insist(act)
        self.knife.resting, self.objects.away_at = True, 0
        self.statements, self.calls = self.knife.longest, self.objects.calls
        job = await converge(stage)
        async with self.deps.database.connection() as connection:
            assert await violations(connection, [job.id]) == {}
            return await _rows(connection, job.id)


async def _rows(connection: asyncpg.Connection, job: UUID) -> dict[str, Any]:
    """Return all rows of a job in every table that has any, without what differs from telling to telling."""
    tables = await connection.fetch(
        "select c.relname as name, a.attname as key from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
        " and (a.attname in ('job_id', 'stream_id') or (c.relname, a.attname) = ('jobs', 'id'))"
    )
    found = {}
    for table in sorted(tables):
        statement = f"select to_jsonb(t) from {table['name']} t where {table['key']} = $1"
        rows = [_plain(json.loads(row[0])) for row in await connection.fetch(statement, job)]
        found[f"{table['name']} by {table['key']}"] = sorted(rows, key=json.dumps)
    said = await connection.fetch(
        "select to_jsonb(a) from audit a join jobs j on j.id = $1 and j.project_id = a.project_id order by a.at",
        job,
    )
    found["audit"] = [_plain(json.loads(row[0])) for row in said]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in _DRAWN}
        return {key: _plain(item) for key, item in kept.items() if key != "id" or not isinstance(item, int)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, str):
        return value
    if match := _BYTES.match(value):
        try:
            return _plain(json.loads(bytes.fromhex(match[1])))
        except ValueError:
            return f"{len(match[1]) // 2} bytes"
    return _DIGEST.sub("<digest>", _TIME.sub("<time>", _ID.sub("<id>", value)))


def _differences(told: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return the rows that are in one telling and not in the other."""
    found = []
    for table in sorted({*told, *expected}):
        ours, theirs = told.get(table, []), expected.get(table, [])
        found += [f"{table}: besides {row}" for row in ours if row not in theirs]
        found += [f"{table}: without {row}" for row in theirs if row not in ours]
        if len(ours) != len(theirs):
            found.append(f"{table}: {len(ours)} rows, not {len(theirs)}")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, migrated_template: str
) -> AsyncIterator[Site]:
    """Services over a database of the module's own, every lane's connection under a knife; every step costs something."""
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"create database every_command template {migrated_template}")
    url = f"{postgres_url.rpartition('/')[0]}/every_command"
    home: Path = tmp_path_factory.mktemp("every-command")
    settings = Settings(
        data_dir=home,
        database_url=url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    eye = await asyncpg.connect(url)
    with pytest.MonkeyPatch.context() as patch:
        knife = hold_knife(patch)
        knife.resting = True
        async with open_deps(settings) as deps:
            house = House(deps, OPERATOR, "")
            sharpen(knife, house)
            play(house)
            prices = {step: {"per_attempt": 0.1} for step in ("text_to_image", "retopo", "anim", "export")}
            for service in ("studio", "other"):
                await quotas.put_rates(deps, OPERATOR, service, prices)
            yield Site(deps, knife, eye)
    await eye.close()
    await admin.execute("drop database every_command with (force)")
    await admin.close()


async def test_every_command_has_a_scenario() -> None:
    """A command that is new has to say what leads up to it."""
    assert set(SCENARIOS) == set(c.COMMANDS)


@pytest.mark.parametrize("command", c.COMMANDS, ids=name)
async def test_a_fault_anywhere_in_a_command_changes_nothing(site: Site, command: type[c.Command]) -> None:
    """Cut off before or after a statement, refused by the disk, unheard at COMMIT, without the store: the end is the same."""
    site.knife.locks = locks = Locks(site.eye)
    undisturbed = await site.tell(command)
    site.knife.locks = None
    assert locks.wrong == []
    assert "jobs" in locks.seen or command is c.Create
    statements, calls = site.statements, site.calls
    faults = [(mode, depth) for mode in MODES for depth in range(1, statements + 1)]
    faults += [("during", AT_COMMIT)] * (3 if EVERYTHING else 1)
    faults += [("away", depth) for depth in range(1, calls + 1)]
    if not EVERYTHING:
        faults = random.Random(f"{SEED} {name(command)}").sample(faults, k=FAULTS_IN_SMOKE)
    assert statements > 3, "it is a transaction of several statements"
    for mode, depth in faults:
        before = site.knife.cuts
        told = await site.tell(command, mode, depth)
        assert not _differences(told, undisturbed), (mode, depth)
        assert site.knife.cuts > before or mode == "away", (mode, depth)


async def test_a_job_that_ends_late_in_a_batch_is_filed_without_waiting(site: Site) -> None:
    """An approval that changes what comes next takes its project's lock first: nobody is waited for at the asset then."""
    house = await furnish(site.deps)
    site.knife.resting = True
    for told in range(2):
        stage = Stage(house)
        await house.gates("export")
        await stage.submit(seed=told)
        await stage.work()
        await stage.work()
        view = await house.view(stage.job_id)
        site.knife.locks = locks = Locks(site.eye)
        await house.review(view, "approved", changes={"seed": 9})
        site.knife.locks = None
        assert (await stage.job()).asset_id is not None
        assert locks.wrong == []
        assert {"jobs", "projects"} | ({"assets"} if told else set()) == locks.seen


async def test_an_equal_job_that_ends_as_it_is_created_waits_for_nobody(site: Site) -> None:
    """It takes all its work over under its project's lock: its version is filed there, and nobody is waited for."""
    house = await furnish(site.deps)
    site.knife.resting = True
    await house.gates()
    first = Stage(house)
    await first.submit()
    await converge(first)
    await site.deps.transactor.board.exchange(site.deps.database)
    site.knife.locks = locks = Locks(site.eye)
    second = await Stage(house).submit()
    site.knife.locks = None
    assert second.asset_id == (await first.job()).asset_id
    assert (locks.wrong, locks.seen) == ([], {"projects", "assets"})
