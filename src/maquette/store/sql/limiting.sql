-- name: limited
select p.id, p.open_jobs_max, p.plan, p.quotas, l.limits as plan_limits
from projects p left join plans l on l.name = p.plan
where (p.limits_requests or l.limits_requests) and p.archived_at is null

-- name: tell
insert into request_counts (project_id, subject, minute, replica, count)
select x.project_id, x.subject, $4, $5, x.count
from unnest($1::uuid[], $2::text[], $3::bigint[]) as x(project_id, subject, count)
on conflict (project_id, subject, minute, replica) do update set count = excluded.count

-- name: others
select c.project_id, c.subject, c.minute, sum(c.count)::bigint as count
from request_counts c join unnest($1::uuid[], $2::text[]) as x(project_id, subject) using (project_id, subject)
where c.minute >= $3 and c.replica <> $4
group by c.project_id, c.subject, c.minute

-- name: forget
delete from request_counts where minute < extract(epoch from clock_timestamp()) / 60 - 3

-- name: forget_refusals
delete from refusals where day < (clock_timestamp() at time zone 'utc')::date - $1::integer

-- name: refused
-- A tally of a process, once in a while.
insert into refusals (project_id, day, subject, reason, times, last_at)
select project_id, (clock_timestamp() at time zone 'utc')::date, subject, reason, times, clock_timestamp()
from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) as x(project_id, subject, reason, times)
order by 1, 2, 3, 4
on conflict (project_id, day, subject, reason) do update
set times = refusals.times + excluded.times, last_at = excluded.last_at

-- name: refused_today
select reason, sum(times)::bigint as times from refusals
where project_id = $1 and day = (clock_timestamp() at time zone 'utc')::date
group by reason order by reason
