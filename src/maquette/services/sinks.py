"""Sinks for those who operate them: how each fares, what it can never take, replays, and one that is switched off."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import Conflict, Invalid, NotFound
from maquette.domain.principal import Principal
from maquette.services import audit
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store import projects, sinks
from maquette.store.database import Connection
from maquette.store.sinks import Parked, Replay, SinkState

PER_SECOND_MAX = 5000
#: A dry run counts no further.
COUNT_MAX = 100_000
#: The first stretch of time that a replay looks at; what follows is as long as fits its pace.
_STRIDE_SECONDS = 60.0
#: They send an event again by themselves: one endpoint's failures are nothing that all endpoints should hear of twice.
_WEBHOOKS = "webhooks"


async def list_sinks(deps: Deps) -> list[SinkState]:
    """Return every sink that is served, or ever was."""
    async with deps.database.connection() as connection:
        return await sinks.states(connection)


async def parked(deps: Deps, sink: str, limit: int) -> list[Parked]:
    """Return what a sink can never take, the newest first."""
    async with deps.database.connection() as connection:
        await _require(connection, sink)
        return await sinks.parked(connection, sink, limit)


async def release(deps: Deps, principal: Principal, sink: str) -> SinkState:
    """Owe a sink again all that was set aside: its settings are others now. What it refuses again is parked again."""
    released = 0
    while True:
        async with deps.database.transaction() as connection:
            await _require(connection, sink)
            page = await sinks.release(connection, sink)
            released += page
            if page < sinks.PAGE:
                after = {"released": released}
                await audit.record(connection, principal, "release_parked_events", sink, after=after)
                return await _require(connection, sink)


async def forget(deps: Deps, principal: Principal, sink: str) -> None:
    """Remove a sink that was switched off with all that it is owed; ``Conflict`` while some relay serves it."""
    removed = 0
    while True:
        async with deps.database.transaction() as connection:
            state = await _require(connection, sink)
            if state.relays:
                raise Conflict(
                    f"{state.relays} maintenance processes serve {sink}: take it out of their settings first."
                )
            page = await sinks.forget_owed(connection, sink)
            removed += page
            if page < sinks.PAGE:
                await sinks.forget(connection, sink, principal.subject)
                before = {"published": state.published, "undelivered": removed, "parked": state.parked}
                await audit.record(connection, principal, "forget_sink", sink, before=before)
                return


async def matching(
    deps: Deps, sink: str, project: UUID | None, since: datetime, until: datetime | None
) -> Mapping[str, int]:
    """Count by type what a replay would tell, up to ``COUNT_MAX`` events in all."""
    end = _checked(since, until)
    async with deps.database.connection() as connection:
        await _require_replayable(connection, sink, project)
        return await sinks.matching(connection, since, end, project, COUNT_MAX)


async def replay(
    deps: Deps,
    principal: Principal,
    sink: str,
    project: UUID | None,
    since: datetime,
    until: datetime | None,
    per_second: int,
) -> Replay:
    """Order that a sink be told once more what happened from ``since`` on, before ``until`` (None: now)."""
    end = _checked(since, until)
    async with deps.database.transaction() as connection:
        await _require_replayable(connection, sink, project)
        made = await sinks.insert_replay(
            connection,
            new_id(),
            sink,
            project=project,
            since=since,
            until=end,
            per_second=per_second,
            by=principal.subject,
            stride_seconds=_STRIDE_SECONDS,
        )
        told = {"sink": sink, "since": since.isoformat(), "until": end.isoformat(), "per_second": per_second}
        name = typeid.encode("rpl", made.id)
        await audit.record(connection, principal, "create_replay", name, project, after=told)
    return made


async def list_replays(deps: Deps, sink: str, *, before: UUID | None, limit: int) -> list[Replay]:
    """Return a sink's replays, the newest first."""
    async with deps.database.connection() as connection:
        await _require(connection, sink)
        return await sinks.replays(connection, sink, before=before, limit=limit)


async def cancel_replay(deps: Deps, principal: Principal, sink: str, replay_id: UUID) -> Replay:
    """Owe nothing more of a replay; what is owed already is published."""
    async with deps.database.transaction() as connection:
        was = await _replay(connection, sink, replay_id)
        await sinks.cancel_replay(connection, sink, replay_id, principal.subject)
        name = typeid.encode("rpl", replay_id)
        before = {"reached": was.reached.isoformat(), "told": was.told}
        await audit.record(connection, principal, "cancel_replay", name, was.project_id, before=before)
        return await _replay(connection, sink, replay_id)


async def _require(connection: Connection, sink: str) -> SinkState:
    found = [] if "\0" in sink else await sinks.states(connection, sink)
    if not found:
        raise NotFound("There is no such sink.")
    return found[0]


async def _require_replayable(connection: Connection, sink: str, project: UUID | None) -> None:
    await _require(connection, sink)
    if sink == _WEBHOOKS:
        raise Conflict("Webhooks are sent an event once more by redelivering it from their own log.")
    if project is not None and await projects.context(connection, project) is None:
        raise NotFound("There is no such project.")


async def _replay(connection: Connection, sink: str, replay_id: UUID) -> Replay:
    await _require(connection, sink)
    found = await sinks.replays(connection, sink, only=replay_id)
    if not found:
        raise NotFound("There is no such replay.")
    return found[0]


def _checked(since: datetime, until: datetime | None) -> datetime:
    now = datetime.now(UTC)
    end = min(until or now, now)  # what has not happened yet is told when it does
    if since >= end:
        raise Invalid.field(("body", "since"), "must be before `until`, and in the past")
    return end
