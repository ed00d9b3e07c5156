-- name: now
select clock_timestamp()

-- name: chosen
select version, body from project_retention where project_id = $1 order by version desc limit 1

-- name: insert
insert into project_retention (project_id, version, body, created_at, created_by)
select $1, coalesce(max(version), 0) + 1, $2, clock_timestamp(), $3 from project_retention where project_id = $1

-- name: schedule
-- Projects that are new since the last time.
insert into retention_runs (project_id, due_at)
select p.id, clock_timestamp() from projects p
where not exists (select from retention_runs r where r.project_id = p.id)
on conflict do nothing

-- name: take
-- The longest overdue project, for $1 seconds.
update retention_runs set due_at = clock_timestamp() + make_interval(secs => $1)
where project_id = (
    select project_id from retention_runs where due_at <= clock_timestamp()
    order by due_at limit 1 for update skip locked)
returning project_id

-- name: give_back
update retention_runs set due_at = clock_timestamp() + make_interval(secs => $2) where project_id = $1

-- name: tidied
select tidied_at, tidied_job from retention_runs where project_id = $1

-- name: advance
insert into retention_runs (project_id, due_at, tidied_at, tidied_job) values ($1, clock_timestamp(), $2, $3)
on conflict (project_id) do update set tidied_at = excluded.tidied_at, tidied_job = excluded.tidied_job
where (retention_runs.tidied_at, retention_runs.tidied_job) < (excluded.tidied_at, excluded.tidied_job)

-- name: finished
-- In the order in which they finished, after the one that the page before ended with.
select id, finished_at from jobs
where project_id = $1 and finished_at < $2 and (finished_at, id) > ($3, $4)
order by finished_at, id
limit $5

-- name: lock_finished
-- Lock order everywhere: jobs by id. Who was redriven meanwhile is not finished, or finished later.
select id from jobs
where id = any($1::uuid[]) and finished_at < $2
order by id
for update

-- name: superseded
-- Files that nothing leads to any more: all of a canceled job; of a succeeded one those of older revisions, and those
-- that a reviewer left aside or replaced. A failed job keeps its files: a redrive builds on them, a rewind after it may
-- take older ones up again. What the library shows is not among them.
select a.id, a.key, a.bytes
from jobs j
join artifacts a on a.job_id = j.id and a.position >= 0 and a.expired_at is null
where j.id = any($1::uuid[])
  and (j.status = 'canceled'
       or (j.status = 'succeeded' and (a.revision <> get_byte(j.revisions, a.position)
                                       or a.selected is false or a.replaced_by is not null)))
  and not exists (select from asset_files f where f.asset_id = j.asset_id and f.artifact_id = a.id)
order by a.key, a.id

-- name: expire
update artifacts set expired_at = clock_timestamp() where id = any($1::uuid[])

-- name: leaving
-- What goes when its job goes: everything but the files that the library shows.
select a.id, a.key, a.bytes
from jobs j
join artifacts a on a.job_id = j.id
where j.id = any($1::uuid[])
  and not exists (select from asset_files f where f.asset_id = j.asset_id and f.artifact_id = a.id)
order by a.key, a.id

-- name: referred
-- Which of the keys are still referred to, apart from the artifacts that leave. $2 and $3: the job or the upload
-- in whose folder the key is.
select x.key
from unnest($1::text[], $2::uuid[], $3::uuid[]) as x(key, job_id, upload_id)
where exists (select from artifacts a
              where a.job_id = x.job_id and a.key = x.key and a.expired_at is null and a.id <> all($4::uuid[]))
   or exists (select from artifacts a
              where a.key = x.key and strpos(a.key, a.job_id::text) = 0 and a.expired_at is null
                and a.id <> all($4::uuid[]))
   or exists (select from uploads u where u.id = x.upload_id and u.key = x.key)

-- name: doom
insert into doomed_objects (key, project_id, doomed_at)
select x.key, $2, clock_timestamp() from unnest($1::text[]) as x(key)
on conflict do nothing

-- name: delete_request_keys_of_jobs
-- A key is remembered at the moment at which its job is created, which is what the index knows.
delete from request_keys k using jobs j
where j.id = any($1::uuid[]) and k.project_id = j.project_id and k.created_at = j.created_at and k.job_id = j.id

-- name: lock_webhooks
-- Lock order of deliveries: the endpoint, its lane, its delivery.
select from webhooks where job_id = any($1::uuid[]) order by id for update

-- name: delete_webhook_attempts
delete from webhook_attempts t using webhook_deliveries d, webhooks w
where w.job_id = any($1::uuid[]) and d.webhook_id = w.id and t.delivery_id = d.id

-- name: delete_webhook_deliveries
delete from webhook_deliveries d using webhooks w where w.job_id = any($1::uuid[]) and d.webhook_id = w.id

-- name: delete_webhook_lanes
delete from webhook_lanes l using webhooks w where w.job_id = any($1::uuid[]) and l.webhook_id = w.id

-- name: delete_webhooks
delete from webhooks where job_id = any($1::uuid[])

-- name: delete_decisions
delete from user_decisions where job_id = any($1::uuid[])

-- name: delete_dead_letters
delete from dead_letters where job_id = any($1::uuid[])

-- name: delete_attempts
delete from attempts where job_id = any($1::uuid[])

-- name: delete_reuse_keys
-- Before the steps: a key is found by its step. The ids of jobs whose seed was drawn are in no key: a probe a step.
delete from reuse_keys k using steps s
where s.job_id = any($1::uuid[]) and k.project_id = s.project_id and k.key = decode(s.idempotency_key, 'hex')
  and k.job_id = s.job_id

-- name: delete_steps
-- After the artifacts: steps whose files the library shows stay, new jobs can begin from them.
delete from steps s
where s.job_id = any($1::uuid[])
  and not exists (select from artifacts a
                  where a.job_id = s.job_id and a.position = s.position and a.revision = s.revision)

-- name: delete_artifacts
delete from artifacts where id = any($1::uuid[])

-- name: delete_briefs
delete from briefs where job_id = any($1::uuid[])

-- name: delete_jobs
delete from jobs where id = any($1::uuid[])

-- name: delete_batches
-- Batches from before $2 of which no job is left.
delete from batches b
where b.project_id = $1 and b.id < $2
  and not exists (select from briefs where briefs.batch_id = b.id)

-- name: delete_redrives
-- Orders that ended before $2: what they were about is told by the letters, which go with their jobs.
delete from redrives where project_id = $1 and finished_at < $2

-- name: unused_uploads
select u.id, u.key, u.bytes
from uploads u
where u.project_id = $1 and u.id < $2 and u.id > $3
  and not exists (select from artifacts a
                  where a.key = u.key and strpos(a.key, a.job_id::text) = 0 and a.expired_at is null)
  and not exists (select from project_styles s where s.project_id = u.project_id and u.id = any(s.reference_ids))
order by u.id
limit $4

-- name: delete_uploads
delete from uploads where id = any($1::uuid[])

-- name: old_request_keys
select key, created_at from request_keys
where project_id = $1 and created_at < $2 and (created_at, key) > ($3, $4)
order by created_at, key
limit $5

-- name: delete_request_keys
delete from request_keys where project_id = $1 and key = any($2::text[])

-- name: count_events
select count(*) from events where project_id = $1 and time < $2

-- name: delete_events
-- $2 begins a month, so only partitions are touched that are wholly older: without a project's rows in them, what
-- is left to do is one probe of an index each.
delete from events
where (stream_id, sequence, project_id, time) in (
    select stream_id, sequence, project_id, time from events where project_id = $1 and time < $2 limit $3)

-- name: policies
-- What projects chose that chose anything.
select distinct on (project_id) version, body from project_retention order by project_id, version desc

-- name: drop_events_before
select drop_events_partitions($1)

-- name: drain_lock
-- A backup that copies objects holds it shared: what its snapshot refers to stays until it is done.
select pg_try_advisory_xact_lock(1835102577, 1)

-- name: doomed
select key from doomed_objects
where doomed_at < clock_timestamp() - make_interval(secs => $1)
order by doomed_at
limit $2
for update skip locked

-- name: forget_doomed
delete from doomed_objects where key = any($1::text[])

-- name: postpone_doomed
update doomed_objects set doomed_at = clock_timestamp() where key = any($1::text[])
