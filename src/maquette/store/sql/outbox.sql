-- name: beat
-- Stay alive: an epoch that was given up meanwhile does not come back, its process takes a new one.
update relays set expires_at = now() + make_interval(secs => $2) where epoch = $1
returning epoch

-- name: enter
insert into relays (epoch, expires_at, sinks) values ($1, now() + make_interval(secs => $2), $3)

-- name: leave
delete from relays where epoch = $1

-- name: bury
-- Give up on relays that fell silent; one that is just writing is not waited for. A lease of minutes was given before
-- the clock went back: whoever lives beats again and soon has a new epoch.
delete from relays where epoch in (
    select epoch from relays where expires_at < now() or expires_at > now() + interval '5 minutes'
    for update skip locked
)

-- name: share
-- Come to an even share of the shards: let go of what is too much, take what is free. An update that meets another
-- relay's sees its row again and then lets go of its hope: `had` is what was read, `epoch` what is there.
with quota as (
    select 64 / count(*) + (count(*) filter (where epoch < $1) < 64 % count(*))::int as shards
    from relays having bool_or(epoch = $1)
), mine as (
    select shard, epoch, row_number() over (order by shard) as place from relay_shards where epoch = $1
), change as (
    select shard, epoch as had, null::uuid as gets from mine, quota where place > quota.shards
    union all
    (select shard, s.epoch, $1 from relay_shards s
     where not exists (select from relays r where r.epoch = s.epoch)
     order by shard
     limit (select greatest(quota.shards - (select count(*) from mine), 0) from quota))
)
update relay_shards s set epoch = change.gets
from change
where s.shard = change.shard and s.epoch is not distinct from change.had

-- name: shards
select array(select shard from relay_shards where epoch = $1 order by shard)::smallint[]

-- name: move
-- The first events of each of a relay's shards: out of the outbox, into `events`, and one row for each sink that some
-- relay serves. The lock on the relay's own row makes it wait for nobody and stops a relay that was given up: its row is gone.
with me as materialized (
    select epoch from relays where epoch = $1 for key share
), page as materialized (
    select o.shard, o.job_id, o.sequence, o.project_id
    from me
    join relay_shards s on s.epoch = me.epoch
    cross join lateral (
        select * from outbox o where o.shard = s.shard order by o.job_id, o.sequence limit $2
    ) o
), moved as (
    delete from outbox o using page p
    where (o.shard, o.job_id, o.sequence, o.project_id) = (p.shard, p.job_id, p.sequence, p.project_id)
    returning o.*
), filed as (
    insert into events (stream_id, sequence, project_id, type, time, correlation_id, data, xid)
    select job_id, sequence, project_id, type, time, correlation_id, data, xid from moved
), owed as (
    insert into undelivered (sink, shard, stream_id, sequence, project_id, time)
    select sink, shard, job_id, sequence, project_id, time
    from moved cross join (select distinct unnest(sinks) as sink from relays) as served
)
select count(*) as moved, coalesce(max(most), 0) as most
from (select count(*) as most from moved group by shard) as by_shard

-- name: owed
-- What a sink has yet to be told, the first of each of the relay's shards, without streams that have to wait. An
-- event that retention has removed meanwhile has no type.
select o.shard, o.stream_id, o.sequence, o.project_id, o.time, e.type, e.correlation_id, e.data
from relay_shards s
cross join lateral (
    select * from undelivered u
    where u.sink = $2 and u.shard = s.shard and u.stream_id <> all($3::uuid[])
    order by u.stream_id, u.sequence
    limit $4
) o
left join events e on (e.stream_id, e.sequence, e.project_id, e.time) = (o.stream_id, o.sequence, o.project_id, o.time)
where s.epoch = $1
order by o.stream_id, o.sequence

-- name: acknowledge
with me as materialized (
    select epoch from relays where epoch = $1 for key share
), done as (
    delete from undelivered u
    using me, relay_shards s, unnest($3::smallint[], $4::uuid[], $5::bigint[]) as x(shard, stream_id, sequence)
    where s.epoch = me.epoch and s.shard = x.shard
      and u.sink = $2 and (u.shard, u.stream_id, u.sequence) = (x.shard, x.stream_id, x.sequence)
    returning 1
)
select count(*) from done

-- name: park
-- Set aside what a sink can never take, as `acknowledge` removes what it has taken.
with me as materialized (
    select epoch from relays where epoch = $1 for key share
), taken as (
    delete from undelivered u
    using me, relay_shards s,
        unnest($3::smallint[], $4::uuid[], $5::bigint[], $6::text[]) as x(shard, stream_id, sequence, reason)
    where s.epoch = me.epoch and s.shard = x.shard
      and u.sink = $2 and (u.shard, u.stream_id, u.sequence) = (x.shard, x.stream_id, x.sequence)
    returning u.*, x.reason
)
insert into parked_events (sink, stream_id, sequence, project_id, time, reason, parked_at)
select sink, stream_id, sequence, project_id, time, reason, now() from taken
on conflict (sink, stream_id, sequence, project_id) do update
set reason = excluded.reason, parked_at = excluded.parked_at

-- name: report
insert into sinks (sink, published, failures, error, error_at)
select sink, published, failures, error, case when error is not null then now() end
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) as x(sink, published, failures, error)
on conflict (sink) do update set
    published = sinks.published + excluded.published,
    failures = sinks.failures + excluded.failures,
    error = coalesce(excluded.error, sinks.error),
    error_at = coalesce(excluded.error_at, sinks.error_at)

-- name: make_partitions
select array(select make_events_partitions($1))

-- name: waiting
-- Counted to 10,000: enough to see that something is wrong, and never a long read.
select count(*) as events, extract(epoch from now() - min(time))::float8 as oldest_seconds
from (select time from outbox limit 10000) o
