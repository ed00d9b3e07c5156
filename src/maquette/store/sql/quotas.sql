-- name: lock
-- The projects' locks, and all that says what they may have.
select p.id, p.open_jobs_max, p.plan, p.quotas, l.limits as plan_limits
from projects p left join plans l on l.name = p.plan
where p.id = any($1::uuid[]) and p.archived_at is null
order by p.id
for update of p

-- name: terms
select p.id, p.open_jobs_max, p.plan, p.quotas, l.limits as plan_limits
from projects p left join plans l on l.name = p.plan
where p.id = any($1::uuid[]) and p.archived_at is null

-- name: count_open
-- Stops counting at the limit.
select p.id, (select count(*) from (
    select from jobs j where j.project_id = p.id and j.finished_at is null limit p.open_max) o) as open
from unnest($1::uuid[], $2::integer[]) as p(id, open_max)

-- name: count_users_open
select x.project_id, x.subject, (
    select count(*) from jobs j join briefs b on b.job_id = j.id
    where j.project_id = x.project_id and j.finished_at is null and b.created_by = x.subject
) as open
from unnest($1::uuid[], $2::text[]) as x(project_id, subject)

-- name: count_since
-- Jobs whose id is not before $2, the least one of the day: ids begin with their time.
select j.project_id, b.created_by as subject, count(*) as jobs
from jobs j join briefs b on b.job_id = j.id
where j.project_id = any($1::uuid[]) and j.id >= $2
group by j.project_id, b.created_by

-- name: spent
-- What was spent since $2 and what is reserved: the project's (subject null), and of the users in $3. With $4, what is
-- reserved for jobs that wait for room is left out.
select t.project_id, t.subject, sum(t.micros)::bigint as micros, sum(t.gpu_ms)::bigint as gpu_ms
from (
    select d.project_id, d.subject, d.micros, d.gpu_ms from ledger_days d
    where d.project_id = any($1::uuid[]) and d.day >= ($2::timestamptz at time zone 'utc')::date
    union all
    select o.project_id, o.subject, o.micros, o.gpu_ms from ledger_open o where o.project_id = any($1)
    union all
    select f.project_id, f.subject, f.micros, f.gpu_ms from ledger_fresh f
    where f.project_id = any($1) and (not f.settled or f.at >= $2)
    union all
    select k.project_id, k.subject, -k.micros, -k.gpu_ms from blocked k where $4 and k.project_id = any($1)
) t
group by grouping sets ((t.project_id), (t.project_id, t.subject))
having grouping(t.subject) = 1 or t.subject = any($3::text[])

-- name: creators
select job_id, created_by from briefs where job_id = any($1::uuid[])

-- name: insert_charges
with written as (
    insert into ledger (project_id, job_id, subject, position, revision, attempt, step, service, kind, micros, gpu_ms, at)
    select x.project_id, x.job_id, b.created_by, x.position, x.revision, x.attempt, x.step, x.service, x.kind,
           x.micros, x.gpu_ms, x.at
    from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::smallint[], $5::smallint[], $6::text[], $7::text[],
                $8::text[], $9::bigint[], $10::bigint[], $11::timestamptz[])
         as x(project_id, job_id, position, revision, attempt, step, service, kind, micros, gpu_ms, at)
    join briefs b on b.job_id = x.job_id
    returning project_id, subject, service, kind, micros, gpu_ms, at
)
insert into ledger_fresh (project_id, subject, service, settled, micros, gpu_ms, at)
select project_id, subject, service, kind = 'settle', micros, gpu_ms, at from written

-- name: update_bills
update jobs set bill = x.bill from unnest($1::uuid[], $2::bytea[]) as x(id, bill) where jobs.id = x.id

-- name: insert_blocked
insert into blocked (job_id, project_id, since, subject, micros, gpu_ms)
select x.id, x.project_id, $3, b.created_by, x.micros, x.gpu_ms
from unnest($1::uuid[], $2::uuid[], $4::bigint[], $5::bigint[]) as x(id, project_id, micros, gpu_ms)
join briefs b on b.job_id = x.id
on conflict (job_id, project_id) do update set micros = excluded.micros, gpu_ms = excluded.gpu_ms

-- name: delete_blocked
delete from blocked where job_id = any($1::uuid[])

-- name: blocked
select k.job_id, k.project_id, b.created_by as subject, k.micros, k.gpu_ms
from blocked k join briefs b on b.job_id = k.job_id
where k.job_id > $1
order by k.job_id
limit $2

-- name: add_up
-- Moves what is fresh into the sums: several may do so at once, each with rows of its own.
with gone as (
    delete from ledger_fresh where id = any(array(
        select id from ledger_fresh order by id limit $1 for update skip locked))
    returning project_id, subject, service, settled, micros, gpu_ms, (at at time zone 'utc')::date as day
), days as (
    insert into ledger_days (project_id, day, subject, service, micros, gpu_ms, steps)
    select project_id, day, subject, service, sum(micros), sum(gpu_ms), count(*) from gone
    where settled group by 1, 2, 3, 4 order by 1, 2, 3, 4
    on conflict (project_id, day, subject, service) do update
    set micros = ledger_days.micros + excluded.micros, gpu_ms = ledger_days.gpu_ms + excluded.gpu_ms,
        steps = ledger_days.steps + excluded.steps
), opened as (
    insert into ledger_open (project_id, subject, micros, gpu_ms)
    select project_id, subject, sum(micros), sum(gpu_ms) from gone
    where not settled group by 1, 2 order by 1, 2
    on conflict (project_id, subject) do update
    set micros = ledger_open.micros + excluded.micros, gpu_ms = ledger_open.gpu_ms + excluded.gpu_ms
)
select count(*) from gone

-- name: plan
select limits from plans where name = $1

-- name: plans
select name, limits from plans order by name

-- name: put_plan
insert into plans (name, limits, limits_requests, limits_tasks, updated_at, updated_by)
values ($1, $2, $3, $5, clock_timestamp(), $4)
on conflict (name) do update
set limits = excluded.limits, limits_requests = excluded.limits_requests, limits_tasks = excluded.limits_tasks,
    updated_at = excluded.updated_at, updated_by = excluded.updated_by

-- name: put_quotas
update projects set plan = $2, quotas = $3, limits_requests = $4, limits_tasks = $5 where id = $1 and archived_at is null

-- name: tariff
select service, rates from rates order by service

-- name: now
select clock_timestamp()

-- name: put_rates
insert into rates (service, rates, updated_at, updated_by) values ($1, $2, clock_timestamp(), $3)
on conflict (service) do update
set rates = excluded.rates, updated_at = excluded.updated_at, updated_by = excluded.updated_by

-- name: stored
-- The project's (subject null) and each user's, as last measured.
select project_id, subject, sum(bytes)::bigint as bytes from stored where project_id = any($1::uuid[])
group by grouping sets ((project_id), (project_id, subject))

-- name: due_for_measuring
-- Projects with limits that were not measured lately; whether storage is limited is in the limits themselves.
select p.id from projects p
where (p.plan is not null or p.quotas is not null) and p.archived_at is null
  and not exists (select from stored s where s.project_id = p.id
                  and s.measured_at > clock_timestamp() - make_interval(secs => $1))

-- name: measure
-- Files that attempts made and people uploaded, as long as they are kept: what was taken over is the same object.
with found as (
    select b.created_by as subject, sum(a.bytes) as bytes
    from artifacts a join briefs b on b.job_id = a.job_id
    where a.project_id = $1 and a.attempt > 0 and a.expired_at is null
    group by b.created_by
    union all
    select u.created_by, sum(u.bytes) from uploads u where u.project_id = $1 group by u.created_by
    union all
    select '', 0
)
insert into stored (project_id, subject, bytes, measured_at)
select $1, subject, sum(bytes), clock_timestamp() from found group by subject order by subject
on conflict (project_id, subject) do update set bytes = excluded.bytes, measured_at = excluded.measured_at

-- name: forget_stored
delete from stored where project_id = $1 and measured_at < transaction_timestamp()
