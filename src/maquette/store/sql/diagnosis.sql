-- name: server
select current_setting('server_version_num')::int as version, clock_timestamp() as now

-- name: backlog
-- Events that nobody has taken from the outbox yet, counted up to $1, and when the oldest of those became true.
select count(*) as events, min(time) as oldest from (select time from outbox limit $1) counted

-- name: sinks
-- Events that a sink has not acknowledged or can never take, counted up to $1 each, what went wrong last, who serves it.
select s.sink, s.error, counted.events, parked.parked,
       exists (select from relays r where r.expires_at > now() and s.sink = any(r.sinks)) as served
from sinks s
cross join lateral (
    select count(*) as parked from (select from parked_events p where p.sink = s.sink limit $1) aside
) parked
cross join lateral (
    select count(*) as events from (select from undelivered u where u.sink = s.sink limit $1) owed
) counted
order by s.sink

-- name: relays
select count(*) from relays where expires_at > clock_timestamp()
