"""Backup, restore and integrity as commands, on a database of one's own, without any process beside them."""

import asyncio
import io
import json
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from house import House, furnish

from maquette.bootstrap import open_deps
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.domain.typeid import decode
from maquette.services import projects, webhooks
from maquette.services.ids import new_id
from maquette.settings import load
from maquette.store import deliveries
from maquette.store.deliveries import NewDelivery
from maquette.supervisor.data_dir import with_secrets
from maquette.wiring.provision import provision

Command = Callable[..., Any]


def in_house(story: Callable[[House], Awaitable[Any]]) -> Any:
    """Run a story on the installation that the environment names."""

    async def run() -> Any:
        async with open_deps(with_secrets(load())) as deps:
            return await story(await furnish(deps))

    return asyncio.run(run())


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], Path]:
    """Turns to an installation: a data directory and a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def turn(name: str, url: str) -> Path:
        monkeypatch.setenv("MAQUETTE_DATA_DIR", str(tmp_path / name))
        monkeypatch.setenv("MAQUETTE_DATABASE_URL", url)
        return tmp_path / name

    return turn


async def running_job(house: House) -> tuple[UUID, UUID, list[int]]:
    """Leave a job at a gate and one that runs, and fences that were given out."""
    gate = await house.submit("2D")
    await house.work()
    running = await house.submit("2D")
    [task] = await house.claim()
    return gate.job.id, running.job.id, [task.fence]


@pytest.fixture
def backup(
    maquette: Command, at: Callable[[str, str], Path], database_url: str, tmp_path: Path
) -> tuple[Path, tuple[UUID, UUID, list[int]]]:
    """A backup of two jobs, without secrets."""
    at("old", database_url)
    made = in_house(running_job)
    result = maquette("backup", "b", "--json")
    assert result.status == 0, result.err
    return tmp_path / "b", made


def test_a_restored_database_forgets_the_old_server(
    backup: tuple[Path, tuple[UUID, UUID, list[int]]],
    maquette: Command,
    at: Callable[[str, str], Path],
    empty_database_url: str,
) -> None:
    """What ran is given away by the sweeper, fences are ahead, events belong to no transaction of this server; without
    secrets the operator's key is made anew, in the project that there is."""
    folder, (gate, running, fences) = backup
    at("new", empty_database_url)
    restored = maquette("restore", str(folder))
    assert (restored.status, "nothing" in restored.out) == (0, False), restored.err

    async def look() -> tuple[Any, ...]:
        settings = with_secrets(load())
        made = await provision(settings)
        async with open_deps(settings) as deps, deps.database.connection() as connection:
            project = await connection.fetchval("select project_id from jobs where id = $1", gate)
            house = House(deps, Principal("user", "usr_test", {project: Role.OWNER}), "")
            await connection.execute("update leases set leased_at = leased_at - interval '1 hour'")
            await house.sweeper().run_once()
            await house.sweeper().run_once()
            [task] = await house.claim()
            xids = [
                int(row["xid"])
                for row in await connection.fetch("select xid::text from outbox where job_id = $1", gate)
            ]
            listed = await projects.list_projects(deps, Principal("operator", "usr_x"), before=None, limit=10)
            await house.report(await house.succeeded(task))
            view = await house.view(running)
            return made.project_id, project, task.fence, xids, len(listed), view.job.gate_open

    first, project, fence, xids, count, gate_open = asyncio.run(look())
    assert decode("prj", first) == project
    assert fence > max(fences) + 1_000_000_000
    assert xids
    assert max(xids) < 300, "older than anything that a new server does"
    assert (count, gate_open) == (1, True)
    checked = maquette("integrity", "--deep", "--json").json
    assert (checked["problems"], checked["orphans"], checked["objects"]) == (0, 0, 2)


@pytest.mark.parametrize(
    ("options", "disabled", "pending"), [([], 2, 0), (["--keep-webhooks"], 0, 1)], ids=["safe", "kept"]
)
def test_receivers_do_not_hear_of_the_same_jobs_from_two_installations(
    maquette: Command,
    at: Callable[[str, str], Path],
    database_url: str,
    empty_database_url: str,
    options: list[str],
    disabled: int,
    pending: int,
) -> None:
    """A restore disables the webhooks of projects and jobs, drops what is pending, tells each one's stream and says so;
    with --keep-webhooks all stays."""

    async def with_webhooks(house: House) -> None:
        url = "https://receiver.example/hook"
        made = await webhooks.create(
            house.deps, house.user, decode("prj", house.project), url=url, name="", events=[]
        )
        gone = await webhooks.create(
            house.deps, house.user, decode("prj", house.project), url=url, name="", events=[]
        )
        await webhooks.set_enabled(house.deps, house.user, gone.webhook.id, enabled=False)
        view = await house.submit("2D", webhook_url=url)
        event = NewDelivery(
            new_id(), made.webhook.project_id, made.webhook.id, view.job.id, 1, new_id(), "JobCreated", b"{}"
        )
        async with house.deps.database.transaction() as connection:
            await deliveries.enqueue(connection, [event], None)

    at("old", database_url)
    in_house(with_webhooks)
    assert maquette("backup", "b").status == 0
    at("new", empty_database_url)
    restored = maquette("restore", "b", *options)
    assert restored.status == 0, restored.err
    assert ("2 webhooks are disabled" in restored.err) == (disabled == 2)

    async def look() -> tuple[list[str], int, int]:
        async with open_deps(with_secrets(load())) as deps, deps.database.connection() as connection:
            reasons = await connection.fetch(
                "select disabled_reason as why from webhooks where disabled_at is not null"
            )
            waiting = await deliveries.backlog(connection)
            told = await connection.fetchval("select count(*) from outbox where type = 'WebhookDisabled'")
            return [row["why"] for row in reasons], waiting.pending, told

    reasons, left, told = asyncio.run(look())
    assert sorted(reasons) == ["disabled by hand", *[webhooks.RESTORED] * disabled]
    assert (left, told) == (pending, 1 + disabled), "the one by hand was told, too"


def test_nothing_is_ever_overwritten(
    backup: tuple[Path, Any],
    maquette: Command,
    at: Callable[[str, str], Path],
    database_url: str,
    empty_database_url: str,
) -> None:
    """A data directory with anything in it, or a database with any table, is refused, and stays as it was."""
    folder, _ = backup
    target = at("new", empty_database_url)
    target.mkdir()
    (target / "note").write_text("mine")
    refused = maquette("restore", str(folder))
    assert (refused.status, "is not empty" in refused.err) == (1, True)
    assert [path.name for path in target.iterdir()] == ["note"]
    other = at("other", database_url)
    refused = maquette("restore", str(folder))
    assert (refused.status, "database is not empty" in refused.err) == (1, True)
    assert not other.exists()


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda root: _flip(next(root.glob("*.dump"))), "damaged"),
        (lambda root: change(next(root.glob("*.jsonl")), b"0-text", b"1-text"), "damaged"),
        (lambda root: next(root.glob("*.jsonl")).unlink(), "damaged"),
        (lambda root: _flip(next(root.glob("objects/*/*"))), "damaged"),
        (lambda root: next(root.glob("objects/*/*")).unlink(), "damaged"),
        (lambda root: change(root / "manifest.json", b'"format": 1', b'"format": 9'), "another version"),
        (lambda root: change(root / "manifest.json", b"0001_pre_spine", b"9999_pre_later"), "newer one"),
        (lambda root: change(root / "manifest.json", b'"jobs": 2', b'"jobs": 3'), "does not have"),
        (lambda root: (root / "manifest.json").write_text("{"), "damaged"),
        (lambda root: (root / "manifest.json").unlink(), "no finished backup"),
    ],
    ids=[
        "dump",
        "listing",
        "listing-lost",
        "content",
        "content-lost",
        "format",
        "newer",
        "counts",
        "json",
        "none",
    ],
)
def test_a_damaged_backup_is_refused(
    backup: tuple[Path, Any],
    maquette: Command,
    at: Callable[[str, str], Path],
    empty_database_url: str,
    damage: Callable[[Path], Any],
    told: str,
) -> None:
    """Every part is verified, and what cannot be restored whole leaves no directory behind."""
    folder, _ = backup
    damage(folder)
    target = at("new", empty_database_url)
    refused = maquette("restore", str(folder), "--json")
    assert (refused.status, told in json.loads(refused.err)["error"]["message"]) == (1, True), refused.err
    assert not target.exists()


def test_a_backup_is_one_file_when_asked(
    maquette: Command,
    at: Callable[[str, str], Path],
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
) -> None:
    """FILE.tar holds the same as a folder, readable by its owner only; the database alone can be had, too. What an
    interrupted restore left in the directory does not keep the next one from it."""
    at("old", database_url)
    in_house(running_job)
    packed = maquette("backup", "b.tar", "--secrets", "--json").json
    assert "signing.key" in packed["secrets"]
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir() if "b.tar" in path.name] == ["b.tar"]
    target = at("new", empty_database_url)
    (target / ".restoring" / "objects").mkdir(parents=True)
    assert maquette("restore", "b.tar").status == 0
    assert not (target / ".restoring").exists()
    assert (target / "signing.key").read_text() == (tmp_path / "old" / "signing.key").read_text()
    assert (target / "signing.key").stat().st_mode & 0o077 == 0
    assert maquette("integrity", "--deep", "--json").json["problems"] == 0
    alone = maquette("backup", "c", "--no-files", "--json").json
    assert (alone["listing"], alone["objects"], alone["secrets"]) == (None, 0, [])
    assert not (tmp_path / "c" / "objects").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("/tmp/evil", tarfile.REGTYPE),
        ("b/link", tarfile.SYMTYPE),
        ("", tarfile.REGTYPE),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(
    maquette: Command,
    at: Callable[[str, str], Path],
    empty_database_url: str,
    tmp_path: Path,
    name: str,
    kind: bytes,
) -> None:
    """Whoever packed it, a FILE.tar writes nothing but plain files below its own folder, and links nothing."""
    at("new", empty_database_url)
    before = sorted(tmp_path.rglob("*"))
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, 4 if kind == tarfile.REGTYPE else 0, "/etc/passwd"
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.addfile(member, io.BytesIO(b"evil"))
    refused = maquette("restore", "evil.tar")
    assert (refused.status, "is no backup" in refused.err) == (1, True)
    (tmp_path / "evil.tar").unlink()
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "evil").exists()


def test_an_interrupted_backup_leaves_the_one_before(
    backup: tuple[Path, Any],
    maquette: Command,
    at: Callable[[str, str], Path],
    database_url: str,
    tmp_path: Path,
) -> None:
    """A file that is missing stops a backup with its name; the backup that was there stays whole."""
    folder, _ = backup
    manifest = (folder / "manifest.json").read_text()
    at("old", database_url)
    content = next((tmp_path / "old").glob("objects/**/content"))
    kept = content.read_bytes()
    content.write_bytes(b"x" * len(kept))
    next(folder.glob("objects/*/*")).unlink()
    broken = maquette("backup", "b", "--json")
    assert (broken.status, "integrity --deep" in broken.err) == (1, True)
    assert (folder / "manifest.json").read_text() == manifest
    checked = maquette("integrity", "--deep", "--json")
    assert (checked.status, checked.json["problems"]) == (1, 1)
    content.write_bytes(kept)
    assert maquette("backup", "b").status == 0
    assert not asyncio.run(_locks(database_url))


async def _locks(url: str) -> list[Any]:
    """Return who still holds deletions off."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch("select * from pg_locks where locktype = 'advisory'"))
    finally:
        await connection.close()
