-- name: workers
-- Live ones, with the services that they name; those that name none count for what they hold.
select w.name, w.heard_at, w.draining, w.steps, coalesce(held.running, 0) as running,
       case when w.services = '{}' then coalesce(held.services, '{}') else w.services end as services
from workers w
left join (
    select worker_epoch, count(*) as running, array_agg(distinct service) as services
    from leases group by worker_epoch
) held on held.worker_epoch = w.epoch
where w.expires_at > clock_timestamp()
order by w.name

-- name: running
select service, count(*) as running from leases group by service

-- name: waiting
-- A loose scan finds each pair by one probe of the index, and counting stops at $1: a million ready tasks cost no
-- more than ten thousand.
with recursive pairs as (
    (select service, step from ready order by service, step limit 1)
    union all
    select n.service, n.step
    from pairs p
    cross join lateral (
        select r.service, r.step from ready r where (r.service, r.step) > (p.service, p.step)
        order by r.service, r.step limit 1
    ) n
)
select p.service, p.step, (
    select count(*) from (
        select from ready r where r.service = p.service and r.step = p.step
        order by r.priority desc, r.tag, r.job_id limit $1
    ) counted
) as tasks
from pairs p

-- name: exchange
-- What this process counted goes in, what is known of all services comes out.
with told as (
    insert into service_calls (service, slot, replica, generation, calls, failed, slow)
    select x.service, x.slot, $1, x.generation, x.calls, x.failed, x.slow
    from unnest($2::text[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[], $7::integer[])
         as x(service, slot, generation, calls, failed, slow)
    order by x.service, x.slot, x.generation
    on conflict (service, slot, replica, generation) do update
    set calls = excluded.calls, failed = excluded.failed, slow = excluded.slow
), met as (
    insert into services (name) select distinct unnest($2::text[]) order by 1 on conflict (name) do nothing
)
select * from services

-- name: all
select * from services order by name

-- name: lock_all
-- Whoever judges: what somebody else is judging is left to him.
select * from services order by name for update skip locked

-- name: lock_some
-- Under the jobs' locks, the last in their order: what is left of bounds is read and spent under these.
select *, clock_timestamp() as now from services where name = any($1::text[]) order by name for update

-- name: running_of
select service, count(*) as running from leases where service = any($1::text[]) group by service

-- name: in_line
-- Tasks that wait for services, counted up to $2 each.
select s.name as service, (
    select count(*) from (
        select from ready r where r.service = s.name order by r.service, r.step limit $2
    ) counted
) as tasks
from unnest($1::text[]) as s(name)

-- name: able
-- Who does what: (service, step) pairs that live workers say they do; all steps where they name none.
select distinct s.service, t.step
from workers w
cross join lateral unnest(w.services) as s(service)
cross join lateral unnest(case when w.steps = '{}' then $1::text[] else w.steps end) as t(step)
where w.expires_at > clock_timestamp() and not w.draining

-- name: spend
update services set tokens = x.tokens, tokens_at = $3
from unnest($1::text[], $2::double precision[]) as x(name, tokens)
where services.name = x.name

-- name: tallies
-- Of each service's present state, in the slots that count.
select c.service, sum(c.calls)::bigint as calls, sum(c.failed)::bigint as failed, sum(c.slow)::bigint as slow
from unnest($1::text[], $2::integer[], $3::bigint[]) as x(service, generation, slot)
join service_calls c on c.service = x.service and c.generation = x.generation and c.slot >= x.slot
group by c.service

-- name: move
update services
set state = x.state, since = x.since, generation = x.generation, trips = x.trips, probe_at = x.probe_at,
    reason = x.reason
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::integer[], $6::timestamptz[], $7::text[])
     as x(name, state, since, generation, trips, probe_at, reason)
where services.name = x.name

-- name: forget_calls
delete from service_calls where slot < $1

-- name: standing_in_line
-- Tasks that wait for services, as they would be taken.
select found.job_id from unnest($1::text[]) as s(name)
cross join lateral (
    select r.job_id from ready r where r.service = s.name order by r.priority desc, r.tag, r.job_id limit $2
) found

-- name: detoured
-- Tasks in line for another service than was asked for; of a long line its head alone is looked at.
select head.job_id from unnest($1::text[], $2::text[]) as wanted(service, step)
cross join lateral (
    select r.job_id from ready r where r.service = wanted.service and r.step = wanted.step
    order by r.priority desc, r.tag, r.job_id
    limit $3
) head
join jobs j on j.id = head.job_id
where j.detour is not null

-- name: unrouted
select u.since, u.job_id from unrouted u where (u.since, u.job_id) > ($1, $2) order by u.since, u.job_id limit $3

-- name: now
select clock_timestamp()

-- name: insert_unrouted
insert into unrouted (job_id, project_id, since)
select x.id, x.project_id, $3 from unnest($1::uuid[], $2::uuid[]) as x(id, project_id)
on conflict do nothing

-- name: forget_unrouted
-- The version before knows nothing of this table: what it canceled or resumed is still here. Whoever holds a job again
-- waits for its row first, so nothing new is deleted.
with going as materialized (
    select id from jobs where id = any($1::uuid[]) and holds & $2::smallint = 0 for update skip locked
)
delete from unrouted u using going where u.job_id = going.id

-- name: delete_unrouted
delete from unrouted where job_id = any($1::uuid[])

-- name: count_unrouted
select count(*) from unrouted

-- name: set
insert into services (name, policy, concurrency_max, starts_per_minute, draining, forced, forced_by, forced_reason)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (name) do update
set policy = excluded.policy, concurrency_max = excluded.concurrency_max,
    starts_per_minute = excluded.starts_per_minute, draining = excluded.draining, forced = excluded.forced,
    forced_by = excluded.forced_by, forced_reason = excluded.forced_reason

-- name: lock_one
select * from services where name = $1 for update
