-- name: queues
-- What stands in line, by service, counted to $1; the oldest of those that come first. One probe of the index a service.
with recursive names as (
    (select service from ready order by service limit 1)
    union all
    select (select r.service from ready r where r.service > n.service order by r.service limit 1)
    from names n where n.service is not null
)
select n.service, line.tasks, extract(epoch from clock_timestamp() - line.since)::float8 as oldest_seconds
from names n
cross join lateral (
    select count(*) as tasks, min(since) as since
    from (select since from ready r where r.service = n.service order by r.service, r.step limit $1) q
) line
where n.service is not null
order by n.service

-- name: leased
select service, count(*) as tasks, extract(epoch from clock_timestamp() - min(leased_at))::float8 as oldest_seconds
from leases group by service order by service

-- name: aside
-- What waits for something else than a place in line, counted to $1.
select (select count(*) from (select from delayed limit $1) d) as retry,
       (select count(*) from (select from unrouted limit $1) u) as service_unavailable,
       (select count(*) from (select from blocked limit $1) b) as quota,
       (select count(*) from (select from capped limit $1) c) as cap,
       (select count(*) from (select from followers limit $1) f) as reuse
