-- name: of_streams
-- By the index of traced jobs alone: empty where nobody traces.
select job_id, trace from briefs where job_id = any($1::uuid[]) and trace is not null

-- name: events
-- All that happened to jobs, wherever it is.
select s.stream_id, e.project_id, e.sequence, e.type, e.time, e.correlation_id, e.data
from unnest($1::smallint[], $2::uuid[]) as s(shard, stream_id)
cross join lateral (
    select project_id, sequence, type, time, correlation_id, data
    from outbox o where o.shard = s.shard and o.job_id = s.stream_id
    union all
    select project_id, sequence, type, time, correlation_id, data from events v where v.stream_id = s.stream_id
) e
order by s.stream_id, e.sequence

-- name: tries
-- Who did which attempt: the one that won or failed for good stands with its step, the others by themselves.
select job_id, position, revision, attempt, fence, worker, error from steps
where job_id = any($1::uuid[]) and attempt > 0
union all
select job_id, position, revision, attempt, fence, worker, error from attempts where job_id = any($1::uuid[])
