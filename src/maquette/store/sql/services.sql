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
