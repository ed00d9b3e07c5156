-- name: states
-- Every sink that was ever told something or is served now. Counted to 10,000: enough to see that something is wrong,
-- and never a long read.
select n.sink, coalesce(s.published, 0) as published, coalesce(s.failures, 0) as failures, s.error, s.error_at,
       o.events, o.oldest_seconds, p.parked, r.relays
from (select sink from sinks union select unnest(sinks) from relays) n
left join sinks s on s.sink = n.sink
cross join lateral (
    select count(*) as events, extract(epoch from now() - min(time))::float8 as oldest_seconds
    from (select time from undelivered u where u.sink = n.sink limit 10000) u
) o
cross join lateral (
    select count(*) as parked from (select from parked_events p where p.sink = n.sink limit 10000) p
) p
cross join lateral (
    select count(*) as relays from relays where expires_at > now() and n.sink = any(sinks)
) r
where $1::text is null or n.sink = $1
order by n.sink

-- name: parked
-- What a sink can never take, the newest first. An event that retention has removed meanwhile has no type.
select p.stream_id, p.sequence, p.project_id, p.time, p.reason, p.parked_at, e.type
from parked_events p
left join events e on (e.stream_id, e.sequence, e.project_id, e.time) = (p.stream_id, p.sequence, p.project_id, p.time)
where p.sink = $1
order by p.parked_at desc, p.stream_id, p.sequence
limit $2

-- name: release
-- Owe a sink again what was set aside, a page at a time. The shard is the stream's, as `store.steps.shard` has it.
with page as (
    delete from parked_events where ctid = any(array(select ctid from parked_events where sink = $1 limit $2))
    returning *
), owed as (
    insert into undelivered (sink, shard, stream_id, sequence, project_id, time)
    select sink, get_byte(uuid_send(stream_id), 15) & 63, stream_id, sequence, project_id, time from page
    on conflict do nothing
)
select count(*) from page

-- name: forget_owed
with page as (
    delete from undelivered where ctid = any(array(select ctid from undelivered where sink = $1 limit $2))
    returning 1
)
select count(*) from page

-- name: forget
with parked as (delete from parked_events where sink = $1),
ended as (update replays set finished_at = now(), canceled_by = $2 where sink = $1 and finished_at is null)
delete from sinks where sink = $1

-- name: forget_old
-- What was set aside or has ended more than so many days ago, a page at a time. The few that are due at once are found by
-- reading all: once an hour, and nothing is slower for an index that only this would use.
with parked as (
    delete from parked_events where ctid = any(array(
        select ctid from parked_events where parked_at < clock_timestamp() - make_interval(days => $1) limit $2))
    returning 1
), ended as (
    delete from replays where ctid = any(array(
        select ctid from replays where finished_at < clock_timestamp() - make_interval(days => $1) limit $2))
    returning 1
)
select (select count(*) from parked) as parked, (select count(*) from ended) as replays

-- name: matching
-- What a replay would tell, by type; counted up to $4.
select type, count(*) as events
from (
    select type from events
    where time >= $1 and time < $2 and ($3::uuid is null or project_id = $3)
    limit $4
) counted
group by type
order by type

-- name: insert_replay
insert into replays (id, sink, project_id, since, until, per_second, created_at, created_by, reached, stride_seconds,
                     next_at)
values ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $4, $8, clock_timestamp())
returning *

-- name: replays
select * from replays
where sink = $1 and ($2::uuid is null or id = $2) and id < $3
order by id desc
limit $4

-- name: cancel_replay
update replays set finished_at = clock_timestamp(), canceled_by = $3
where sink = $1 and id = $2 and finished_at is null

-- name: due_replay
-- One that is due and that nobody is working on, with what its sink has yet to be told, counted up to $1.
select r.*, (select count(*) from (select from undelivered u where u.sink = r.sink limit $1) owed) as pending
from replays r
where r.finished_at is null and r.next_at <= clock_timestamp()
order by r.next_at
limit 1
for update of r skip locked

-- name: extend
-- Owe a sink what happened in a stretch of time, or nothing where that is more than $5; return how much it is.
with page as materialized (
    select stream_id, sequence, project_id, time from events
    where time >= $2 and time < $3 and ($4::uuid is null or project_id = $4)
    limit $5 + 1
), owed as (
    insert into undelivered (sink, shard, stream_id, sequence, project_id, time)
    select $1, get_byte(uuid_send(stream_id), 15) & 63, stream_id, sequence, project_id, time from page
    where (select count(*) from page) <= $5
    on conflict do nothing
)
select count(*) from page

-- name: progress
update replays
set told = told + $2, reached = $3, stride_seconds = $4,
    next_at = clock_timestamp() + make_interval(secs => $5),
    finished_at = case when $3 >= until then clock_timestamp() end
where id = $1
