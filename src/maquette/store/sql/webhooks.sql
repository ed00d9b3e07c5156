-- name: lock_project
select id from projects where id = $1 and archived_at is null for update

-- name: count
-- Under the project's lock.
select count(*) from webhooks where project_id = $1 and job_id is null

-- name: insert
insert into webhooks (id, project_id, job_id, url, name, events, secret_version, secret_oldest, sequence,
                      created_at, created_by)
values ($1, $2, null, $3, $4, $5, 1, 1, 0, clock_timestamp(), $6)

-- name: insert_for_jobs
insert into webhooks (id, project_id, job_id, url, name, events, secret_version, secret_oldest, sequence,
                      created_at, created_by)
select x.id, x.project_id, x.job_id, x.url, '', '{}', 0, 0, 0, $6, x.created_by
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[]) as x(id, project_id, job_id, url, created_by)

-- name: get
-- $2 null: any project (operators).
select * from webhooks where id = $1 and ($2::uuid[] is null or project_id = any($2))

-- name: lock
select * from webhooks where id = $1 and ($2::uuid[] is null or project_id = any($2)) for update

-- name: page
select w.* from unnest($1::uuid[]) as mine(project_id)
cross join lateral (
    select * from webhooks w
    where w.project_id = mine.project_id and w.job_id is null and w.id < $2
    order by w.id desc
    limit $3
) w
order by w.id desc
limit $3

-- name: page_of_all
select * from webhooks w
where w.job_id is null and w.id < $1
order by w.id desc
limit $2

-- name: page_of_job
select * from webhooks w
where w.job_id = $1 and ($2::uuid[] is null or w.project_id = any($2)) and w.id < $3
order by w.id desc
limit $4

-- name: change
-- What is null stays.
update webhooks set url = coalesce($2, url), name = coalesce($3, name), events = coalesce($4::text[], events)
where id = $1

-- name: rotate
update webhooks set secret_version = $2, secret_oldest = $3,
                    overlap_until = clock_timestamp() + make_interval(secs => $4)
where id = $1

-- name: project_signing
select secret_version, secret_oldest, overlap_until from webhook_secrets where project_id = $1

-- name: rotate_project
-- Under the project's lock.
insert into webhook_secrets (project_id, secret_version, secret_oldest, overlap_until)
values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
on conflict (project_id) do update
set secret_version = excluded.secret_version, secret_oldest = excluded.secret_oldest,
    overlap_until = excluded.overlap_until

-- name: now
select clock_timestamp()

-- name: disable
-- Gives the number of the event that tells of it; nothing when it is disabled already.
update webhooks
set disabled_at = $2, disabled_reason = $3, throttled_until = null, sequence = sequence + 1
where id = $1 and disabled_at is null
returning sequence, project_id, failing_since

-- name: disable_all
-- Of a restored installation. As `disable`, with what it gives.
update webhooks
set disabled_at = $1, disabled_reason = $2, throttled_until = null, sequence = sequence + 1
where disabled_at is null
returning id, sequence, project_id, failing_since

-- name: enable
update webhooks set disabled_at = null, disabled_reason = null, failing_since = null, throttled_until = null
where id = $1

-- name: next_sequence
update webhooks set sequence = sequence + 1 where id = $1 returning sequence, clock_timestamp() as at

-- name: delete
delete from webhooks where id = $1

-- name: recovered
update webhooks set failing_since = null, throttled_until = null where id = $1 and failing_since is not null

-- name: failing
update webhooks
set failing_since = coalesce(failing_since, t.at),
    throttled_until = greatest(throttled_until, t.at + make_interval(secs => $3))
from (select coalesce($2::timestamptz, clock_timestamp()) as at) t
where id = $1
returning failing_since, t.at

-- name: forget_jobs
-- The webhooks of jobs that ended long ago, or are gone, and have nothing in the log any more.
delete from webhooks w
where w.id in (
    select w.id from webhooks w left join jobs j on j.id = w.job_id
    where w.job_id is not null and w.created_at < $1::timestamptz - make_interval(secs => $2)
      and (j.id is null or j.finished_at < $1::timestamptz - make_interval(secs => $2))
      and not exists (select from webhook_deliveries d where d.webhook_id = w.id)
    limit $3
    for update of w skip locked)
