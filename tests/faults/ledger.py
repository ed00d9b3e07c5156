"""What must hold of a job once it has ended, whatever happened on the way: read from the rows themselves."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg

#: Each statement returns the violations of the sentence that names it; `$1` is a list of jobs.
LAWS = {
    "no task is left": """
        select job_id, 'ready' as place from ready where job_id = any($1)
        union all select job_id, 'delayed' from delayed where job_id = any($1)
        union all select job_id, 'leased' from leases where job_id = any($1)""",
    "an ended job waits for nothing": """
        select job_id, 'quota' as place from blocked where job_id = any($1)
        union all select job_id, 'service' from unrouted where job_id = any($1)
        union all select job_id, 'equal work' from followers where job_id = any($1)
        union all select job_id, 'cap' from capped where job_id = any($1)
        union all select job_id, 'gate' from gates_due where job_id = any($1)""",
    "no clock decides before its time": """
        select d.job_id, d.position, d.revision, d.decided_at, s.finished_at, policy from user_decisions d
        join jobs j on j.id = d.job_id
        join steps s on (s.job_id, s.position, s.revision) = (d.job_id, d.position, d.revision)
        left join lateral (
            select said -> 1 as policy from jsonb_array_elements(convert_from(j.gate_policies, 'utf8')::jsonb) said
            where (said -> 0)::int = d.position
        ) known on true
        where d.job_id = any($1) and d.decided_by = 'system:gate_timeout'
            and (d.decided_at < s.finished_at + make_interval(secs => (policy ->> 'after_seconds')::int)) is not false""",
    "a breaker says when it is tried again while it is open, and only then": """
        select name, state, probe_at from services
        where $1::uuid[] is not null and ((state = 'open') <> (probe_at is not null) or generation < trips)""",
    "sequences have no gap and end with the job's": """
        select j.id, j.sequence, count(o.sequence) as events, max(o.sequence) as last
        from jobs j left join (
            select job_id, sequence from outbox union all select stream_id, sequence from events
        ) o on o.job_id = j.id where j.id = any($1)
        group by j.id, j.sequence
        having count(o.sequence) <> j.sequence or max(o.sequence) <> j.sequence or min(o.sequence) <> 1""",
    "every attempt has a number of its own, from 1 on, and the winner has the last": """
        select job_id, position, revision, array_agg(attempt order by attempt) as numbers from (
            select job_id, position, revision, attempt, fence from attempts where job_id = any($1)
            union select job_id, position, revision, attempt, fence from steps
            where job_id = any($1) and attempt > 0  -- what was provided or taken over has no attempt
        ) tried group by job_id, position, revision
        having array_agg(attempt order by attempt) <> array(select generate_series(1, count(tried.attempt))::smallint)
            or exists (select from steps s where (s.job_id, s.position, s.revision)
                       = (tried.job_id, tried.position, tried.revision) and s.attempt <> max(tried.attempt)
                       -- a redrive that was refused before anybody tried: nobody won
                       and not (s.attempt = 0 and s.status = 'failed'))""",
    "an attempt that lost did not win": """
        select s.job_id, s.fence from steps s join attempts a on a.job_id = s.job_id and a.fence = s.fence
        where s.job_id = any($1) and s.status <> 'failed'""",
    "every artifact is of the winning attempt": """
        select a.id, a.step, a.attempt, s.attempt as won from artifacts a
        left join steps s on (s.job_id, s.position, s.revision) = (a.job_id, a.position, a.revision)
        where a.job_id = any($1) and a.position >= 0 and a.attempt is distinct from s.attempt
            and not exists (select from artifacts o where o.replaced_by = a.id and o.job_id = a.job_id)""",
    "no artifact is there twice": """
        select job_id, position, revision, name from artifacts where job_id = any($1) and replaced_by is null
        group by job_id, position, revision, name having count(*) > 1""",
    "a job that succeeded has one asset version, any other none": """
        select j.id, j.status, count(v.job_id) as versions
        from jobs j left join asset_versions v on v.job_id = j.id where j.id = any($1)
        group by j.id, j.status having count(v.job_id) <> case when j.status = 'succeeded' then 1 else 0 end""",
    "versions have no gap": """
        select a.id, a.latest, array_agg(v.version order by v.version) as versions
        from assets a join asset_versions v on v.asset_id = a.id
        where a.id in (select asset_id from asset_versions where job_id = any($1)) group by a.id, a.latest
        having array_agg(v.version order by v.version) <> array(select generate_series(1, a.latest))""",
    "a version's files are the current artifacts of its job": """
        select f.asset_id, f.version, f.artifact_id from asset_files f
        join asset_versions v on (v.asset_id, v.version) = (f.asset_id, f.version)
        left join artifacts a on a.id = f.artifact_id and a.job_id = v.job_id
        where v.job_id = any($1) and a.id is null""",
    "nothing stays reserved": """
        select j.id, sum(l.micros) filter (where l.kind <> 'settle') as reserved,
               sum(l.gpu_ms) filter (where l.kind <> 'settle') as reserved_gpu_ms
        from jobs j join ledger l on l.job_id = j.id where j.id = any($1)
        group by j.id having sum(l.micros) filter (where l.kind <> 'settle') <> 0
            or sum(l.gpu_ms) filter (where l.kind <> 'settle') <> 0""",
    "a step revision is settled once, when it was worked on": """
        select l.job_id, l.position, l.revision, count(*) as times from ledger l
        left join steps s on (s.job_id, s.position, s.revision) = (l.job_id, l.position, l.revision)
        where l.job_id = any($1) and l.kind = 'settle'
        group by l.job_id, l.position, l.revision having count(*) > 1 or min(s.attempt) is null or min(s.attempt) = 0""",
    "nobody decided twice about a revision": """
        select job_id, position, revision from user_decisions
        where job_id = any($1) and verdict <> 'paused'
        group by job_id, position, revision having count(*) > 1""",
}


async def violations(connection: asyncpg.Connection, jobs: Sequence[uuid.UUID]) -> dict[str, list[Any]]:
    """Return what is wrong with these jobs, by the law that it breaks."""
    found = {law: await connection.fetch(statement, list(jobs)) for law, statement in LAWS.items()}
    return {law: [dict(row) for row in rows] for law, rows in found.items() if rows}


def assert_lawful(database_url: str, jobs: Sequence[uuid.UUID]) -> None:
    """Hold jobs that have ended to every law."""

    async def look() -> dict[str, list[Any]]:
        connection = await asyncpg.connect(database_url)
        try:
            return await violations(connection, jobs)
        finally:
            await connection.close()

    found = asyncio.run(look())
    assert not found, found
