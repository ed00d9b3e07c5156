-- name: insert
insert into dead_letters (id, project_id, job_id, position, revision, attempt, step, error, created_at, fence)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::smallint[],
                     $7::text[], $8::bytea[], $9::timestamptz[], $10::bigint[])

-- name: close
-- Under the jobs' locks. What is tried again is no failed step any more: its record becomes the attempt that it was.
with closed as (
    update dead_letters d
    set status = x.status, closed_at = x.closed_at, closed_by = x.closed_by, reason = x.reason
    from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
         as x(id, status, closed_at, closed_by, reason)
    where d.id = x.id and d.status is null
    returning d.job_id, d.position, d.revision, d.fence, d.status
), gone as (
    delete from steps s using closed c
    where c.status = 'redriven' and s.status = 'failed'
      and (s.job_id, s.position, s.revision) = (c.job_id, c.position, c.revision)
    returning s.*, c.fence as lost_fence
)
insert into attempts (job_id, fence, project_id, position, revision, attempt, service, worker, started_at, finished_at,
                      error, reported)
select job_id, coalesce(fence, lost_fence, -attempt), project_id, position, revision, attempt, service, worker,
       coalesce(started_at, finished_at), finished_at, coalesce(error, '\x7b7d'), fence is not null
from gone

-- name: written
select created_at from dead_letters where id = $1

-- name: page
-- Newest first; filters that are null do not apply.
select d.*, j.status as job_status, j.asset_type, j.correlation_id
from dead_letters d join jobs j on j.id = d.job_id
where ($1::uuid[] is null or d.project_id = any($1))
  and (d.created_at, d.id) < ($2, $3)
  and ($4::text is null or coalesce(d.status, 'open') = $4)
  and ($5::text is null or d.step = $5)
  and ($6::uuid is null or d.job_id = $6)
order by d.created_at desc, d.id desc
limit $7

-- name: one
select d.*, j.status as job_status, j.asset_type, j.correlation_id
from dead_letters d join jobs j on j.id = d.job_id
where d.id = $1 and ($2::uuid[] is null or d.project_id = any($2))

-- name: attempts
-- All that were made at the step revision, the last one of the letter included.
select attempt, service, worker, started_at, finished_at, error from attempts
where job_id = $1 and position = $2 and revision = $3 and attempt <= $4
union all
select attempt, service, worker, started_at, finished_at, error from steps
where job_id = $1 and position = $2 and revision = $3 and status = 'failed' and attempt > 0 and attempt <= $4
order by attempt

-- name: open_letters
-- Of a project, the oldest first: what failed before the order was given, and what it has not refused yet.
select d.*, j.status as job_status, j.asset_type, j.correlation_id
from dead_letters d join jobs j on j.id = d.job_id
where d.project_id = $1 and d.status is null and d.created_at < $2
  and ($3::uuid is null or (d.created_at, d.id) > (coalesce(
      $7::timestamptz, (select l.created_at from dead_letters l where l.id = $3), '-infinity'), $3))
  and ($4::text is null or d.step = $4)
  and ($5::text is null or convert_from(d.error, 'UTF8')::jsonb ->> 'code' = $5)
order by d.created_at, d.id
limit $6

-- name: insert_redrive
insert into redrives (id, project_id, filter, per_minute, cap, created_at, created_by, next_at)
values ($1, $2, $3, $4, $5, clock_timestamp(), $6, clock_timestamp())
returning *

-- name: redrive
select * from redrives where id = $1 and ($2::uuid[] is null or project_id = any($2))

-- name: cancel_redrive
update redrives set finished_at = clock_timestamp(), canceled_by = $2
where id = $1 and finished_at is null

-- name: due_redrive
-- One at a time; who holds it is at work on it.
select * from redrives where finished_at is null and next_at <= clock_timestamp()
order by next_at limit 1 for update skip locked

-- name: progress
update redrives
set redriven = redriven + $2, refused = refused + $3, reached = coalesce($6, reached),
    reached_at = coalesce($7, reached_at),
    next_at = greatest(
        greatest(next_at, clock_timestamp() - interval '1 minute') + make_interval(secs => 60.0 * $4 / per_minute),
        case when $8 > 0 then clock_timestamp() + make_interval(secs => $8) end),
    finished_at = case when $5 then clock_timestamp() end
where id = $1
