-- name: claim
-- With the next one, all that starts from tasks. It skips what others hold, both tasks and jobs, and so never
-- waits. Tasks of jobs that it skips stay locked: who holds those jobs and takes them out of the line waits, and must not
-- have claimed anything itself by then. One index probe for each pair.
select clock_timestamp() as now, j.id, j.project_id, j.asset_type, j.pipeline_version, j.correlation_id, j.skipped,
       j.gates, j.priority, j.service, j.status, j.position, j.step_status, j.gate_open, j.revisions, j.attempt,
       j.retry_at, j.sequence, j.created_at, j.started_at, j.finished_at, j.error, j.asset_id, j.provided,
       j.attempts_before, j.holds, j.hold_at, j.gate_policies, j.routes, j.gate_since, j.gate_due_at, j.bill, j.detour,
       j.retries, j.lost, j.reuse, head.tag, head.stride
from (
    select q.* from unnest($1::text[], $2::text[]) as wanted(service, step)
    cross join lateral (
        select r.job_id, r.priority, r.tag, r.stride from ready r
        where r.service = wanted.service and r.step = wanted.step
        order by r.priority desc, r.tag, r.job_id
        limit $3
        for update skip locked
    ) q
    order by q.priority desc, q.tag, q.job_id
    limit $3
) head
join jobs j on j.id = head.job_id
order by head.priority desc, head.tag, head.job_id
for update of j skip locked

-- name: claim_some
-- The same for tasks that somebody was told of.
select clock_timestamp() as now, j.*, head.tag, head.stride
from (
    select r.job_id, r.priority, r.tag, r.stride from ready r
    join unnest($1::text[], $2::text[]) as wanted(service, step) on wanted.service = r.service and wanted.step = r.step
    where r.job_id = any($4::uuid[])
    order by r.priority desc, r.tag, r.job_id
    limit $3
    for update of r skip locked
) head
join jobs j on j.id = head.job_id
order by head.priority desc, head.tag, head.job_id
for update of j skip locked

-- name: waiting
-- One index probe for each pair, and the order is what makes it one: without it, the 300,000 ready tasks of
-- another service were read in 70 ms.
select count(*) from (
    select from unnest($1::text[], $2::text[]) as wanted(service, step)
    cross join lateral (
        select from ready r
        where r.service = wanted.service and r.step = wanted.step
        order by r.priority desc, r.tag, r.job_id
        limit $3
    ) found
    limit $3
) counted

-- name: heads
-- Who is first in line for each pair.
select wanted.service, wanted.step, head.project_id, head.priority, head.tag
from unnest($1::text[], $2::text[]) as wanted(service, step)
cross join lateral (
    select r.project_id, r.priority, r.tag from ready r
    where r.service = wanted.service and r.step = wanted.step
    order by r.priority desc, r.tag, r.job_id
    limit 1
) head

-- name: insert_ready
-- Start tags: $6 is V, $7 the tag of the job's own task before this one where it has just ended. What the project has in
-- line already is one probe of an index, not a counter: nothing to lock, nothing that a crash could leave wrong. Two
-- transactions at once may give two tasks one tag; the next one goes on from there.
insert into ready (job_id, project_id, service, step, priority, tag, stride)
select x.job_id, x.project_id, x.service, x.step, x.priority,
       greatest(x.clock, max(x.own + x.stride) over line, x.last + x.stride)
           + x.stride * (row_number() over line - 1),
       x.stride
from (
    select t.*, $8::bigint / p.weight as stride,
           (select max(r.tag) from ready r
            where r.project_id = t.project_id and r.service = t.service and r.priority = t.priority) as last
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::bigint[])
        with ordinality as t(job_id, project_id, service, step, priority, clock, own, nth)
    join projects p on p.id = t.project_id
) x
window line as (partition by x.project_id, x.service, x.priority order by x.nth)

-- name: exchange_clocks
-- What this process saw goes in, what all saw comes out.
with seen as (
    insert into clocks (service, priority, tag)
    select * from unnest($1::text[], $2::smallint[], $3::bigint[])
    order by 1, 2
    on conflict (service, priority) do update set tag = excluded.tag where excluded.tag > clocks.tag
)
select service, priority, tag from clocks

-- name: delete_ready
-- Wherever they stand: in line, or aside because their project is at its cap.
with aside as (delete from capped where job_id = any($1::uuid[]))
delete from ready where job_id = any($1::uuid[])

-- name: insert_delayed
insert into delayed (job_id, project_id, due_at)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])

-- name: delete_delayed
delete from delayed where job_id = any($1::uuid[])

-- name: delete_leases
delete from leases where job_id = any($1::uuid[])

-- name: put_leases
-- Under the jobs' locks. A job that goes on to its next step keeps the row: a HOT update.
insert into leases (job_id, project_id, fence, worker_epoch, claim_id, worker, service, leased_at, deadline_at,
                    inputs_digest, canceling, tag, stride)
select * from unnest($1::lease_row[])
on conflict (job_id, project_id) do update
set fence = excluded.fence, worker_epoch = excluded.worker_epoch, claim_id = excluded.claim_id,
    worker = excluded.worker, service = excluded.service, leased_at = excluded.leased_at,
    deadline_at = excluded.deadline_at, inputs_digest = excluded.inputs_digest, canceling = excluded.canceling,
    tag = excluded.tag, stride = excluded.stride

-- name: next_fences
select nextval('fences') as fence from generate_series(1, $1)

-- name: replayed
-- Leases that an earlier answer to the same claim gave out; few rows, no index.
select job_id from leases where claim_id = any($1::uuid[])

-- name: live
-- Jobs that are leased, as they are right now; what belongs to a fence never changes while it lives.
select j.id, j.project_id, j.asset_type, j.pipeline_version, j.correlation_id, j.skipped, j.gates, j.priority,
       j.status, j.position, j.step_status, j.gate_open, j.revisions, j.attempt, j.retry_at, j.sequence, j.created_at,
       j.started_at, j.finished_at, j.error, j.asset_id, j.provided, j.attempts_before, j.holds, j.hold_at, j.gate_policies, j.routes,
       j.gate_since, j.gate_due_at, j.bill, j.detour, j.retries, j.lost, j.reuse, l.*
from leases l join jobs j on j.id = l.job_id
where l.job_id = any($1::uuid[])

-- name: applied_fences
select fence from steps where job_id = any($1::uuid[]) and fence = any($2::bigint[])
union all
select fence from attempts where job_id = any($1::uuid[]) and fence = any($2::bigint[]) and reported

-- name: beat
-- The expiry of a worker is a matter of its own row; leases are not touched.
insert into workers (epoch, name, expires_at, held, held_before, heard_at, progress, draining, services, steps)
values ($1, $2, clock_timestamp() + make_interval(secs => $3), $4, '{}', clock_timestamp(), $5, $6, $7, $8)
on conflict (epoch) do update
set name = excluded.name, expires_at = excluded.expires_at,
    held_before = workers.held, held = excluded.held,
    heard_before_at = workers.heard_at, heard_at = excluded.heard_at,
    progress = excluded.progress, draining = excluded.draining,
    services = excluded.services, steps = excluded.steps

-- name: expired
-- Lost worker: silent for $3 seconds since its last heartbeat and since the claim that was answered (or without a
-- heartbeat at all), a lease that two heartbeats in a row did not name although it was given out before the
-- earlier of them, or one that a draining worker does not name: it has let go.
select l.job_id, l.fence,
       case when l.deadline_at < clock_timestamp() then 'timeout' else 'lost_worker' end as error_class,
       greatest(w.expires_at, l.leased_at + make_interval(secs => $3)) < clock_timestamp() as died
from leases l
left join workers w on w.epoch = l.worker_epoch
where l.deadline_at < clock_timestamp()
   or greatest(w.expires_at, l.leased_at + make_interval(secs => $3)) < clock_timestamp()
   or (w.heard_before_at > l.leased_at + make_interval(secs => $2)
       and l.fence <> all (w.held) and l.fence <> all (w.held_before))
   or (w.draining and w.heard_at > l.leased_at and l.fence <> all (w.held))
order by l.job_id
limit $1

-- name: forget_workers
-- Only workers without leases: a row is never taken away before its leases have moved.
delete from workers w
where w.expires_at < clock_timestamp() - interval '1 hour'
  and not exists (select from leases l where l.worker_epoch = w.epoch)

-- name: due
select job_id from delayed where due_at <= clock_timestamp() order by due_at limit $1

-- name: put_gates
-- Under the jobs' locks.
insert into gates_due (job_id, project_id, due_at)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
on conflict (job_id, project_id) do update set due_at = excluded.due_at

-- name: delete_gates
delete from gates_due where job_id = any($1::uuid[])

-- name: gates_due
select g.job_id, j.asset_type, j.pipeline_version, j.position, get_byte(j.revisions, j.position) as revision
from gates_due g join jobs j on j.id = g.job_id
where g.due_at <= clock_timestamp()
order by g.due_at
limit $1
