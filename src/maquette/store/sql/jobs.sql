-- name: lock
-- Lock order everywhere: jobs by id first.
select id, project_id, asset_type, pipeline_version, correlation_id, skipped, gates, priority, service, status,
       position, step_status, gate_open, revisions, attempt, retry_at, sequence, created_at, started_at,
       finished_at, error, asset_id, provided, attempts_before, holds, hold_at, gate_policies, routes, gate_since,
       gate_due_at, bill, detour, retries, lost, reuse
from jobs
where id = any($1::uuid[])
order by id
for update

-- name: peek
-- As they are now, without locks.
select * from jobs where id = any($1::uuid[])

-- name: leases
-- A statement of its own, after the locks: a join in the locking statement would show leases as they were
-- before it waited. Always one row at least, for the clock and the transaction's id.
select clock_timestamp() as now, pg_current_xact_id()::text as xid, l.*
from (select) one
left join leases l on l.job_id = any($1::uuid[])

-- name: insert
with made as (
    insert into jobs (id, project_id, asset_type, pipeline_version, correlation_id, skipped, gates, priority, service,
                      status, position, step_status, gate_open, revisions, attempt, sequence, created_at, provided,
                      gate_policies, routes, retries, reuse)
    select * from unnest($1::job_row[])
)
insert into briefs (job_id, project_id, created_by, library_path, prompt, style_version, inputs, effective, batch_id,
                    batch_line, safety, constraints_version, gates_version, routes_version, trace,
                    retries_version, drawn_seed)
select * from unnest($2::brief_row[])

-- name: update
update jobs
set status = x.status, position = x.position, step_status = x.step_status, gate_open = x.gate_open,
    revisions = x.revisions, attempt = x.attempt, retry_at = x.retry_at, sequence = x.sequence,
    started_at = x.started_at, finished_at = x.finished_at, error = x.error, asset_id = x.asset_id
from unnest($1::job_state[]) as x
where jobs.id = x.id

-- name: update_holds
update jobs
set holds = x.holds, hold_at = x.hold_at, gate_since = x.gate_since, gate_due_at = x.gate_due_at,
    attempts_before = x.attempts_before, detour = x.detour, lost = x.lost
from unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::smallint[],
            $7::bytea[], $8::bytea[])
     as x(id, holds, hold_at, gate_since, gate_due_at, attempts_before, detour, lost)
where jobs.id = x.id

-- name: update_effective
update briefs set effective = x.effective, safety = x.safety
from unnest($1::uuid[], $2::bytea[], $3::text[]) as x(job_id, effective, safety)
where briefs.job_id = x.job_id

-- name: remembered_requests
select k.project_id, k.key, k.digest, k.job_id
from request_keys k
join unnest($1::uuid[], $2::text[]) as x(project_id, key) using (project_id, key)

-- name: remember_requests
-- Under the projects' locks, so no other transaction can bring the same keys.
insert into request_keys (project_id, key, digest, job_id, created_at)
select * from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::timestamptz[])
