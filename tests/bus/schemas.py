"""Holds what really happened to what the AsyncAPI document says of it."""

from functools import cache

import jsonschema_rs

from maquette.domain.asyncapi import schema
from maquette.domain.events import Event, EventType, cloud_event
from maquette.store.database import Database, decode

#: What tests have made up is left out: it is of jobs that never were, or says nothing.
_ALL = """
select * from (
    select job_id as stream_id, sequence, project_id, type, time, correlation_id, data from outbox
    union all select stream_id, sequence, project_id, type, time, correlation_id, data from events
) told
where data <> '{}' and exists (select from jobs where id = stream_id)
"""


@cache
def _validator(kind: EventType) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(kind))


async def told_by_schema(database: Database) -> set[EventType]:
    """Hold every event of the jobs in a database to its schema; return the types that there were."""
    async with database.connection() as connection:
        rows = await connection.fetch(_ALL)
    for row in rows:
        kind = EventType(row["type"])
        event = Event(
            row["stream_id"],
            row["project_id"],
            row["sequence"],
            kind,
            row["time"],
            row["correlation_id"],
            decode(row["data"]),
        )
        wrong = [
            f"{error.instance_path}: {error.message}"
            for error in _validator(kind).iter_errors(cloud_event(event))
        ]
        assert wrong == [], f"{kind}: {wrong}"
    return {EventType(row["type"]) for row in rows}
