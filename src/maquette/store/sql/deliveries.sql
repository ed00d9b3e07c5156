-- name: lock_lanes
-- In the order in which events are queued for them.
select from webhook_lanes where webhook_id = any($1::uuid[]) order by webhook_id, stream_id for update

-- name: drop_pending
-- What a disabled endpoint will not get. Lanes go with it.
with gone as (delete from webhook_lanes where webhook_id = any($1::uuid[]) returning webhook_id, stream_id)
update webhook_deliveries d set status = 'dropped', finished_at = $2
from gone g
where d.webhook_id = g.webhook_id and d.stream_id = g.stream_id and d.status = 'pending'

-- name: forget_deleted
-- Deliveries of webhooks that are gone, a part at a time. One index descent a webhook that has any.
with recursive logged as (
    (select webhook_id from webhook_deliveries order by webhook_id limit 1)
    union all
    select (select d.webhook_id from webhook_deliveries d where d.webhook_id > l.webhook_id
            order by d.webhook_id limit 1)
    from logged l where l.webhook_id is not null
), gone as (
    delete from webhook_deliveries d where d.id in (
        select d.id from logged l join webhook_deliveries d on d.webhook_id = l.webhook_id
        where not exists (select from webhooks w where w.id = l.webhook_id)
        limit $1)
    returning id
), attempts as (
    delete from webhook_attempts a using gone g where a.delivery_id = g.id
)
select count(*) from gone

-- name: listening
-- For the sink: the live webhooks of some projects, and of some jobs.
select id, project_id, job_id, events from webhooks
where project_id = any($1::uuid[]) and job_id is null and disabled_at is null
union all
select id, project_id, job_id, events from webhooks where job_id = any($2::uuid[]) and disabled_at is null

-- name: enqueue
-- Given again, nothing happens again. A leased lane is looked at by its holder when it is done.
with new as (
    insert into webhook_deliveries (id, project_id, webhook_id, stream_id, sequence, event_id, event_type, body,
                                    status, attempts, tries, due_at, created_at)
    select x.id, x.project_id, x.webhook_id, x.stream_id, x.sequence, x.event_id, x.event_type, x.body,
           'pending', 0, 0, t.at, t.at
    from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[], $7::text[], $8::bytea[])
         as x(id, project_id, webhook_id, stream_id, sequence, event_id, event_type, body)
    cross join (select coalesce($9::timestamptz, clock_timestamp()) as at) t
    on conflict (webhook_id, stream_id, sequence, project_id) do nothing
    returning webhook_id, stream_id, project_id, due_at
)
insert into webhook_lanes (webhook_id, stream_id, project_id, due_at)
select webhook_id, stream_id, project_id, min(due_at) from new group by 1, 2, 3 order by 1, 2
on conflict (webhook_id, stream_id, project_id) do update
set due_at = least(webhook_lanes.due_at, excluded.due_at)
where webhook_lanes.lease is null

-- name: claim
-- Lanes that are due. No endpoint gets more at once than $2, one in trouble gets one, and all of those together no
-- more than $4; whoever has the least under way comes first, then who waits longest. What is locked by another claim
-- is skipped. One index descent an endpoint and a lane, however much waits.
with recursive waiting as (
    (select webhook_id from webhook_lanes order by webhook_id limit 1)
    union all
    select (select l.webhook_id from webhook_lanes l where l.webhook_id > w.webhook_id order by l.webhook_id limit 1)
    from waiting w where w.webhook_id is not null
), time as (
    select coalesce($1::timestamptz, clock_timestamp()) as at
), room as (
    select e.id, e.failing_since is not null as failing, case when e.failing_since is null then $2 else 1 end as most,
           (select count(*) from webhook_lanes l
            where l.webhook_id = e.id and l.lease is not null and l.due_at > t.at) as busy
    from waiting w join webhooks e on e.id = w.webhook_id cross join time t
    where e.disabled_at is null and (e.throttled_until is null or e.throttled_until <= t.at)
), found as (
    select r.id, r.failing, l.stream_id, l.due_at, r.busy + row_number() over (partition by r.id order by l.due_at) as place
    from room r cross join time t cross join lateral (
        select l.stream_id, l.due_at from webhook_lanes l
        where l.webhook_id = r.id and l.due_at <= t.at
        order by l.due_at
        limit greatest(r.most - r.busy, 0)
    ) l
), picked as (
    (select * from found where not failing order by place, due_at limit $3)
    union all
    (select * from found where failing order by due_at limit $4)
    order by place, due_at
    limit $3
), locked as (
    select l.webhook_id, l.stream_id from picked p
    join webhook_lanes l on l.webhook_id = p.id and l.stream_id = p.stream_id cross join time t
    where l.due_at <= t.at
    for update of l skip locked
)
update webhook_lanes l set lease = $5, due_at = t.at + make_interval(secs => $6)
from locked p, time t
where l.webhook_id = p.webhook_id and l.stream_id = p.stream_id

-- name: messages
-- Of each lane under a lease the message that may go now: its first, or one that overtakes a first in trouble.
-- A statement of its own, after the claim's locks: it sees what the lane's holder before this one did.
select l.webhook_id, l.stream_id, l.project_id, t.at, w.job_id, w.url, w.failing_since,
       coalesce(s.secret_version, w.secret_version) as secret_version,
       coalesce(s.secret_oldest, w.secret_oldest) as secret_oldest,
       case when s.project_id is null then w.overlap_until else s.overlap_until end as overlap_until,
       m.id, m.event_id, m.event_type, m.body, m.tries, m.failed_at
from webhook_lanes l
cross join (select coalesce($2::timestamptz, clock_timestamp()) as at) t
join webhooks w on w.id = l.webhook_id
left join webhook_secrets s on w.job_id is not null and s.project_id = w.project_id
left join lateral (
    select d.* from (
        select d.*, min(d.sequence) over () as first,
               first_value(d.failed_at) over (order by d.sequence) as first_failed_at
        from webhook_deliveries d
        where d.webhook_id = l.webhook_id and d.stream_id = l.stream_id and d.status = 'pending'
    ) d
    where d.due_at <= t.at
      and (d.sequence = d.first or d.first_failed_at <= t.at - make_interval(secs => $3))
    order by d.sequence
    limit 1
) m on true
where l.lease = $1

-- name: lock_lane
select from webhook_lanes where webhook_id = $1 and stream_id = $2 for update

-- name: settle_lane
-- When something of the lane may go again: its first, or one behind a first that has been in trouble for long enough.
update webhook_lanes l set lease = null, due_at = least(n.first_due, n.behind_due)
from (
    select min(d.due_at) filter (where d.sequence = d.first) as first_due,
           case when count(*) > 1 and min(d.first_failed_at) is not null
                then greatest(min(d.first_failed_at) + make_interval(secs => $4),
                              min(d.due_at) filter (where d.sequence <> d.first)) end as behind_due
    from (select d.due_at, d.sequence, min(d.sequence) over () as first,
                 first_value(d.failed_at) over (order by d.sequence) as first_failed_at
          from webhook_deliveries d
          where d.webhook_id = $1 and d.stream_id = $2 and d.status = 'pending') d
) n
where l.webhook_id = $1 and l.stream_id = $2 and l.lease = $3 and n.first_due is not null

-- name: end_lane
delete from webhook_lanes l
where l.webhook_id = $1 and l.stream_id = $2 and l.lease = $3
  and not exists (select from webhook_deliveries d
                  where d.webhook_id = $1 and d.stream_id = $2 and d.status = 'pending')

-- name: record
-- One try. What was dropped while it was under way stays dropped, unless it arrived.
with time as (
    select coalesce($2::timestamptz, clock_timestamp()) as at
), tried as (
    update webhook_deliveries d
    set attempts = d.attempts + 1, tries = d.tries + 1,
        status = case when $3 = 'succeeded' or d.status = 'pending' then $3 else d.status end,
        finished_at = case when $3 = 'succeeded' or (d.status = 'pending' and $3 <> 'pending') then t.at
                           else d.finished_at end,
        failed_at = case when $3 = 'succeeded' then d.failed_at else coalesce(d.failed_at, t.at) end,
        due_at = case when d.status = 'pending' and $3 = 'pending' then t.at + make_interval(secs => $4)
                      else d.due_at end
    from time t
    where d.id = $1
    returning d.id, d.project_id, d.attempts, d.status, d.due_at, t.at
)
insert into webhook_attempts (delivery_id, attempt, project_id, at, duration_ms, status_code, error, next_at)
select id, attempts, project_id, at, $5, $6, $7, case when status = 'pending' then due_at end from tried
returning at

-- name: deliveries
-- Newest first; one range of the index a status.
select d.id, d.project_id, d.webhook_id, d.stream_id, d.sequence, d.event_id, d.event_type, d.status, d.due_at,
       d.created_at, d.finished_at
from unnest($2::text[]) as s(status)
cross join lateral (
    select * from webhook_deliveries d
    where d.webhook_id = $1 and d.status = s.status and d.id < $3
    order by d.id desc
    limit $4
) d
order by d.id desc
limit $4

-- name: attempts
select delivery_id, attempt, at, duration_ms, status_code, error, next_at
from webhook_attempts where delivery_id = any($1::uuid[]) order by delivery_id, attempt

-- name: delivery
select d.id, d.project_id, d.webhook_id, d.stream_id, d.sequence, d.event_id, d.event_type, d.status, d.due_at,
       d.created_at, d.finished_at
from webhook_deliveries d where d.id = $1 and d.webhook_id = $2

-- name: redeliver
-- Once more, with a schedule of its own, and without holding back what comes after it.
with again as (
    update webhook_deliveries d
    set status = 'pending', finished_at = null, due_at = clock_timestamp(), failed_at = 'epoch',
        tries = case when d.status = 'pending' then d.tries else 0 end
    where d.id = $1 and d.webhook_id = $2
    returning webhook_id, stream_id, project_id, due_at
)
insert into webhook_lanes (webhook_id, stream_id, project_id, due_at)
select webhook_id, stream_id, project_id, due_at from again
on conflict (webhook_id, stream_id, project_id) do update
set due_at = least(webhook_lanes.due_at, excluded.due_at)
where webhook_lanes.lease is null

-- name: backlog
-- Pending deliveries, counted to 10,000, and for how long something that may go has been due. One index descent an
-- endpoint with lanes.
with recursive waiting as (
    (select webhook_id from webhook_lanes order by webhook_id limit 1)
    union all
    select (select l.webhook_id from webhook_lanes l where l.webhook_id > w.webhook_id order by l.webhook_id limit 1)
    from waiting w where w.webhook_id is not null
)
select (select count(*) from (
            select from waiting w join webhook_deliveries d on d.webhook_id = w.webhook_id and d.status = 'pending'
            limit 10000) p) as pending,
       (select extract(epoch from clock_timestamp() - min(l.due_at))::float8
        from waiting w
        join webhooks e on e.id = w.webhook_id
        cross join lateral (
            select due_at from webhook_lanes l where l.webhook_id = e.id order by due_at limit 1
        ) l
        where e.disabled_at is null and (e.throttled_until is null or e.throttled_until <= clock_timestamp())
       ) as due_seconds

-- name: stale
-- Endpoints with lanes that nobody will serve: disabled or deleted while something was being queued for them.
select distinct l.webhook_id
from webhook_lanes l left join webhooks w on w.id = l.webhook_id
where w.id is null or w.disabled_at is not null

-- name: forget_old
with old as (
    delete from webhook_deliveries d where d.id in (
        (select id from webhook_deliveries
         where status = 'succeeded' and finished_at < $1::timestamptz - make_interval(secs => $2) limit $4)
        union all
        (select id from webhook_deliveries
         where status = any('{failed,dropped}') and finished_at < $1::timestamptz - make_interval(secs => $3) limit $4)
    ) and d.status <> 'pending'
    returning id
), attempts as (
    delete from webhook_attempts a using old o where a.delivery_id = o.id
)
select count(*) from old
